// A cart, and a page of a list, in the shape of Elastic Path (contract, sections 6 and 7).
import { OFFSET } from '../limits.ts'
import type { Association, Page } from '../storage/association-lists.ts'
import type { KeptAssociation } from '../storage/erasure.ts'
import type { Limits } from '../storage/lifetime.ts'

/** A resource identifier (JSON:API 1.1, "Resource Identifier Objects"). */
export interface AccountIdentifier {
  type: 'account'
  id: string
}

export interface CartResource {
  type: 'cart'
  id: string
  meta: { timestamps: Timestamps }
  /** `items` is always empty: the cart service knows what a cart holds, but storefronts read its length. */
  relationships: { accounts: { data: AccountIdentifier[] }; items: { data: never[] } }
  links: { self: string }
}

/** RFC 3339, in UTC: the earliest association, the last use and, if associations expire, when. */
export interface Timestamps {
  created_at: string
  updated_at: string
  expires_at?: string
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

/** Makes a cart of its associations; `origin` is that of the service. */
export function cartResource(
  origin: string,
  cartId: string,
  associations: readonly Association[],
  { ttlMs }: Pick<Limits, 'ttlMs'>,
): CartResource {
  const accountIds = associations.map(({ accountId }) => accountId)
  return resourceOf(origin, cartId, timestampsOf(associations, ttlMs), accountIds)
}

/** Makes a cart that no account has; `now` is Unix time in milliseconds. */
export function unclaimedCart(origin: string, cartId: string, now: number): CartResource {
  const time = rfc3339(now)
  return resourceOf(origin, cartId, { created_at: time, updated_at: time }, [])
}

function resourceOf(
  origin: string,
  cartId: string,
  timestamps: Timestamps,
  accountIds: readonly string[],
): CartResource {
  return {
    type: 'cart',
    id: cartId,
    meta: { timestamps },
    relationships: {
      accounts: { data: accountIds.map(accountIdentifier) },
      items: { data: [] },
    },
    links: { self: `${origin}/v2/carts/${cartId}` },
  }
}

/** An invitation; `expires` is Unix time in seconds. */
export function invitationResource(claim: string, token: string, expires: number): object {
  return { type: 'cart_invitation', claim, token, expires_at: rfc3339(expires * 1000) }
}

/** Makes one page of all that is kept of an account; `url` is that of the request. */
export function keptDocument(
  url: string,
  rows: readonly KeptAssociation[],
  limit: number,
  { ttlMs }: Limits,
): object {
  const data = rows.map(({ cartId, createdBy, requestId, ...times }) => ({
    type: 'cart',
    id: cartId,
    meta: {
      timestamps: timestampsOf([times], ttlMs),
      created_by: createdBy,
      request_id: requestId,
    },
  }))
  const last = rows.length < limit ? undefined : rows.at(-1)
  return { data, links: { next: last === undefined ? null : linkAfter(url, limit, last.cartId) } }
}

function linkAfter(url: string, limit: number, cartId: string): string {
  const { origin, pathname } = new URL(url)
  const query = new URLSearchParams({ 'page[limit]': String(limit), 'page[after]': cartId })
  return `${origin}${pathname}?${query}`
}

/** Makes one page of a list; `url` is that of the request, `total` the number of rows of all pages. */
export function listDocument<Resource>(
  url: string,
  { limit, offset }: Page,
  total: number,
  data: Resource[],
): ListDocument<Resource> {
  const { origin, pathname, searchParams } = new URL(url)
  // A response repeats nothing else of the query.
  const filter = searchParams.get('filter')
  const query = new URLSearchParams(filter === null ? {} : { filter })
  query.set('page[limit]', String(limit))
  const linkTo = (target: number) => {
    query.set('page[offset]', String(target))
    return `${origin}${pathname}?${query}`
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

function timestampsOf(
  associations: readonly Pick<Association, 'createdAt' | 'usedAt'>[],
  ttlMs: number | undefined,
): Timestamps {
  const usedAt = Math.max(...associations.map((each) => each.usedAt))
  return {
    created_at: rfc3339(Math.min(...associations.map(({ createdAt }) => createdAt))),
    updated_at: rfc3339(usedAt),
    ...(ttlMs !== undefined && { expires_at: rfc3339(usedAt + ttlMs) }),
  }
}

function rfc3339(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
