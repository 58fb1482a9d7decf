import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, timestamp } from './expected.ts'
import {
  associate,
  erasureOf,
  idsIn,
  send,
  sendCounted,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { cartIdsOf, insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'

const DAY_MS = 86_400_000

let account: string
beforeEach(() => {
  account = uniqueId('account')
})

const exported = async (query = ''): Promise<Response> =>
  await send('GET', `${erasureOf(account)}${query}`, await server())

/** Gives the account carts with these ids, in this order. */
const fill = async (ids: string[], used_at?: number): Promise<void> =>
  await insertRows(
    ids.map((cart_id, index) => ({ cart_id, account_id: account, used_at: used_at ?? index })),
  )

/** Follows `links.next` to the end. */
async function allPages(query: string): Promise<string[][]> {
  const response = await exported(query)
  const { next } = Object(await response.clone().json()).links
  const page = await idsIn(response)
  return next === null ? [page] : [page, ...(await allPages(new URL(next).search))]
}

describe('GET /v2/accounts/:accountID/relationships/carts', () => {
  it('is in the order of the cart ids, whenever they were used', async () => {
    const prefix = uniqueId('cart')
    const ids = ['b', 'a', 'Z', '-', '_', '0'].map((end) => `${prefix}${end}`)
    await fill(ids)

    expect(await idsIn(await exported())).toEqual(ids.toSorted())
  })

  it.each([
    { query: '', lengths: [20, 20, 5] },
    { query: '?page[limit]=7', lengths: [7, 7, 7, 7, 7, 7, 3] },
  ])('has 20 rows a page, or page[limit], and goes on with links.next: "$query"', async (row) => {
    const prefix = uniqueId('cart')
    const ids = Array.from({ length: 45 }, (_, index) => `${prefix}-${index + 100}`)
    await fill(ids)

    const pages = await allPages(row.query)

    expect(pages.flat()).toEqual(ids)
    expect(pages.map(({ length }) => length)).toEqual(row.lengths)
  })

  it('has no bound on its length, and no row twice while others come and go', async () => {
    const prefix = uniqueId('cart')
    const ids = Array.from({ length: 250 }, (_, index) => `${prefix}-${index + 1_000}`)
    await fill(ids)
    const first = await exported('?page[limit]=100')
    await fill([`${prefix}-0`])
    const { data, links } = Object(await first.json())

    const next = await idsIn(await exported(new URL(links.next).search))

    expect(data).toHaveLength(100)
    expect(next).toEqual(ids.slice(100, 200))
  })

  it('has expired associations too, and says when they expired', async () => {
    const cart = uniqueId('cart')
    await fill([cart], Date.now() - 40 * DAY_MS)
    const changes = { ASSOCIATION_TTL_DAYS: 30 }

    const response = await sendJsonWith(changes, 'GET', erasureOf(account), await server())

    const { data } = Object(await response.json())
    expect(data).toMatchObject([{ id: cart, meta: { timestamps: { expires_at: timestamp } } }])
    expect(Date.parse(data[0].meta.timestamps.expires_at)).toBeLessThan(Date.now())
  })

  it.each([
    {
      query: 'page[after]=a%20b',
      source: 'page[after]',
      rule: 'must be 1 to 255 characters of A-Z a-z 0-9 _ -',
    },
    ...['0', '101'].map((limit) => ({
      query: `page[limit]=${limit}`,
      source: 'page[limit]',
      rule: 'must be a whole number from 1 to 100',
    })),
    { query: 'page[limit]=1&page[limit]=1', source: 'page[limit]', rule: 'must be given once' },
    { query: 'page[after]=a&page[after]=b', source: 'page[after]', rule: 'must be given once' },
  ])('answers 400 naming the parameter: $query', async ({ query, source, rule }) => {
    const error = { title: 'Bad Request', detail: `${source} ${rule}`, source }

    await expectErrors(await exported(`?${query}`), 400, error)
  })

  it('reads no rows of other accounts', async () => {
    await fill(Array.from({ length: 30 }, () => uniqueId('cart')))
    const rowsRead = async (): Promise<number> =>
      (await sendCounted('GET', erasureOf(account), await server())).rowsRead

    const before = await rowsRead()
    const others = Array.from({ length: 500 }, () => uniqueId('account'))
    await insertRows(others.map((account_id) => ({ cart_id: uniqueId('cart'), account_id })))

    expect(before).toBeLessThan(120)
    expect(await rowsRead()).toBe(before)
  })
})

/** Every column of every table that may name an account. */
async function columnsOfAccounts(): Promise<{ table: string; column: string }[]> {
  const { results } = await env.DB.prepare(
    `select tables.name as "table", columns.name as "column"
      from sqlite_master as tables, pragma_table_info(tables.name) as columns
      where tables.type = 'table' and columns.name like '%account%'
        and tables.name not like '!_cf!_%' escape '!' and tables.name not like 'sqlite!_%' escape '!'`,
  ).all<{ table: string; column: string }>()
  return results
}

describe('export and erasure', () => {
  it('agree over every column that has an account: after the one, the other is empty', async () => {
    const [first, second] = [uniqueId('a'), uniqueId('b')]
    const { headers } = await associate(first, await shopper(account), account)
    await associate(second, await server(), account)
    const [row] = await rowsOf(first)

    const response = await exported()
    const erased = await send('DELETE', erasureOf(account), await server())

    // Another table with an account needs an export and an erasure.
    expect(await columnsOfAccounts()).toEqual([{ table: 'associations', column: 'account_id' }])
    // Every column is exported, but the store and the account that were asked for.
    expect(Object.keys(Object(row))).toEqual([
      ...['store_id', 'cart_id', 'account_id', 'created_at', 'used_at', 'created_by', 'request_id'],
    ])
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const kept = (id: string, created_by: string, request_id: unknown) => ({
      type: 'cart',
      id,
      meta: {
        timestamps: { created_at: timestamp, updated_at: timestamp },
        created_by,
        request_id,
      },
    })
    expect(await response.json()).toEqual({
      data: [
        kept(first, 'member-1', headers.get('X-Request-Id')),
        kept(second, 'storefront', expect.any(String)),
      ],
      links: { next: null },
    })
    expect(erased.status).toBe(204)
    expect(await cartIdsOf(account)).toEqual([])
    expect(await (await exported()).json()).toEqual({ data: [], links: { next: null } })
  })
})
