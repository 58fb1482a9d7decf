// A cart, and a page of a list, in the shape of Elastic Path (contract, sections 6 and 7).
import { OFFSET } from '../limits.ts'
import type { Association, Page } from '../storage/association-lists.ts'

/** A resource identifier (JSON:API 1.1, "Resource Identifier Objects"). */
export interface AccountIdentifier {
  type: 'account'
  id: string
}

export interface CartResource {
  type: 'cart'
  id: string
  /** RFC 3339, in UTC: the earliest association and the latest. */
  meta: { timestamps: { created_at: string; updated_at: string } }
  /** `items` is always empty: the cart service knows what a cart holds, but storefronts read its length. */
  relationships: { accounts: { data: AccountIdentifier[] }; items: { data: never[] } }
  links: { self: string }
}

export interface ListDocument<Resource> {
  data: Resource[]
  meta: {
    page: { limit: number; offset: number; current: number; total: number }
    results: { total: number }
  }
  links: { current: string; first: string; last: string; next: string | null; prev: string | null }
}

export function accountIdentifier(id: string): AccountIdentifier {
  return { type: 'account', id }
}

/** Makes a cart of its associations; `url` is that of the request. */
export function cartResource(
  url: string,
  cartId: string,
  associations: readonly Association[],
): CartResource {
  const times = associations.map(({ createdAt }) => createdAt)
  return {
    type: 'cart',
    id: cartId,
    meta: {
      timestamps: {
        created_at: rfc3339(Math.min(...times)),
        updated_at: rfc3339(Math.max(...times)),
      },
    },
    relationships: {
      accounts: { data: associations.map(({ accountId }) => accountIdentifier(accountId)) },
      items: { data: [] },
    },
    links: { self: new URL(`/v2/carts/${cartId}`, url).href },
  }
}

/** Makes one page of a list; `url` is that of the request, `total` the number of rows of all pages. */
export function listDocument<Resource>(
  url: string,
  { limit, offset }: Page,
  total: number,
  data: Resource[],
): ListDocument<Resource> {
  const linkTo = (target: number) => {
    const link = new URL(url)
    // A response repeats nothing else of the query.
    const filter = link.searchParams.get('filter')
    link.search = filter === null ? '' : String(new URLSearchParams({ filter }))
    link.searchParams.set('page[limit]', String(limit))
    link.searchParams.set('page[offset]', String(target))
    return link.href
  }
  const pages = Math.ceil(total / limit)
  const next = offset + limit
  return {
    data,
    meta: {
      page: { limit, offset, current: Math.floor(offset / limit) + 1, total: pages },
      results: { total },
    },
    links: {
      current: linkTo(offset),
      first: linkTo(0),
      last: linkTo(lastOffset(limit, pages)),
      next: next < total && next <= OFFSET.max ? linkTo(next) : null,
      prev: offset > 0 ? linkTo(Math.max(0, offset - limit)) : null,
    },
  }
}

/** The offset of the last page that exists, or that paging can reach. */
function lastOffset(limit: number, pages: number): number {
  const reachable = Math.floor(OFFSET.max / limit)
  return Math.min(Math.max(pages - 1, 0), reachable) * limit
}

function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
