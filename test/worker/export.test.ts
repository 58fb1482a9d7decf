import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { associate, erasureOf, send, sendWith, uniqueId } from './requests.ts'
import { insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const DAY_MS = 86_400_000

let account: string
beforeEach(() => {
  account = uniqueId('account')
})

const exported = async (query = '', storeId = 'demo'): Promise<Response> =>
  await send('GET', `${erasureOf(account)}${query}`, await server(storeId))

/** Gives the account carts with these ids, in this order. */
const fill = async (ids: string[], used_at = 1): Promise<void> =>
  await insertRows(ids.map((cart_id) => ({ cart_id, account_id: account, used_at })))

const idsOf = async (response: Response): Promise<string[]> =>
  Object(await response.json()).data.map(({ id }: { id: string }) => id)

/** Follows `links.next` to the end. */
async function allPages(query: string): Promise<string[][]> {
  const pages: string[][] = []
  let next: string | null = `https://api.example${erasureOf(account)}${query}`
  while (next !== null) {
    const { pathname, search } = new URL(next)
    const response = await send('GET', pathname + search, await server())
    const { data, links } = Object(await response.json())
    pages.push(data.map(({ id }: { id: string }) => id))
    next = links.next
  }
  return pages
}

describe('GET /v2/accounts/:accountID/relationships/carts', () => {
  it('answers all that is kept of each association', async () => {
    const cart = uniqueId('cart')
    const { headers } = await associate(cart, await shopper(account), account)

    const response = await exported()

    expect(response.status).toBe(200)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.json()).toEqual({
      data: [
        {
          type: 'cart',
          id: cart,
          meta: {
            timestamps: { created_at: time, updated_at: time },
            created_by: 'member-1',
            request_id: headers.get('X-Request-Id'),
          },
        },
      ],
      links: { next: null },
    })
  })

  it('answers an empty list to an account without carts, and of another store', async () => {
    await associate(uniqueId('cart'), await shopper(account), account)

    const response = await exported('', 'another-store')

    expect(await response.json()).toEqual({ data: [], links: { next: null } })
  })

  it('is in the order of the cart ids, whenever they were used', async () => {
    const prefix = uniqueId('cart')
    const ids = ['b', 'a', 'Z', '-', '_', '0'].map((end) => `${prefix}${end}`)
    await insertRows(
      ids.map((cart_id, index) => ({ cart_id, account_id: account, used_at: index })),
    )

    expect(await idsOf(await exported())).toEqual(ids.toSorted())
  })

  it('has 20 rows a page, or as many as page[limit] says, and goes on with links.next', async () => {
    const prefix = uniqueId('cart')
    const ids = Array.from({ length: 45 }, (_, index) => `${prefix}-${index + 100}`)
    await fill(ids)

    const pages = [await allPages(''), await allPages('?page[limit]=7')]

    expect(pages.map((each) => each.flat())).toEqual([ids, ids])
    expect(pages.map((each) => each.map((page) => page.length))).toEqual([
      [20, 20, 5],
      [7, 7, 7, 7, 7, 7, 3],
    ])
  })

  it('has no bound on its length, and no row twice while others come and go', async () => {
    const prefix = uniqueId('cart')
    const ids = Array.from({ length: 250 }, (_, index) => `${prefix}-${index + 1_000}`)
    await fill(ids)
    const first = await exported('?page[limit]=100')
    await fill([`${prefix}-0`])
    const { data, links } = Object(await first.json())
    const { search } = new URL(links.next)

    const next = await idsOf(await exported(search))

    expect(data).toHaveLength(100)
    expect(next).toEqual(ids.slice(100, 200))
  })

  it('has expired associations too, and says when they expired', async () => {
    const cart = uniqueId('cart')
    await fill([cart], Date.now() - 40 * DAY_MS)
    const changes = { ASSOCIATION_TTL_DAYS: 30 }

    const response = await sendWith(changes, 'GET', erasureOf(account), await server())

    const { data } = Object(await response.json())
    expect(data).toMatchObject([{ id: cart, meta: { timestamps: { expires_at: time } } }])
    expect(Date.parse(data[0].meta.timestamps.expires_at)).toBeLessThan(Date.now())
  })

  it('is for servers only: a shopper may not export even its own account', async () => {
    const narrowed = { ...(await shopper(account)), ...(await server()) }

    for (const headers of [await shopper(account), narrowed]) {
      await expectErrors(await send('GET', erasureOf(account), headers), 403, notPermitted)
    }
  })

  it.each([
    {
      query: '?page[after]=a%20b',
      parameter: 'page[after]',
      rule: 'must be 1 to 255 characters of A-Z a-z 0-9 _ -',
    },
    {
      query: '?page[limit]=0',
      parameter: 'page[limit]',
      rule: 'must be a whole number from 1 to 100',
    },
    {
      query: '?page[limit]=101',
      parameter: 'page[limit]',
      rule: 'must be a whole number from 1 to 100',
    },
    { query: '?page[limit]=1&page[limit]=1', parameter: 'page[limit]', rule: 'must be given once' },
    { query: '?page[after]=a&page[after]=b', parameter: 'page[after]', rule: 'must be given once' },
  ])('answers 400 naming the parameter: $query', async ({ query, parameter, rule }) => {
    await expectErrors(await exported(query), 400, {
      title: 'Bad Request',
      detail: `${parameter} ${rule}`,
      source: parameter,
    })
  })

  it('costs one round trip, and reads no rows of other accounts', async () => {
    await fill(Array.from({ length: 30 }, () => uniqueId('cart')))
    const cost = async (): Promise<{ calls: number; rowsRead: number }> => {
      const { db, calls, rowsRead } = wrapD1(env.DB)
      await sendWith({ DB: db }, 'GET', erasureOf(account), await server())
      return { calls: calls(), rowsRead: rowsRead() }
    }

    const before = await cost()
    const others = Array.from({ length: 500 }, () => uniqueId('account'))
    await insertRows(others.map((account_id) => ({ cart_id: uniqueId('cart'), account_id })))
    const after = await cost()

    expect(before.calls).toBe(1)
    expect(before.rowsRead).toBeLessThan(120)
    expect(after).toEqual(before)
  })
})

/** Every column of every table that may name an account. */
async function columnsOfAccounts(): Promise<{ table: string; column: unknown }[]> {
  const { results } = await env.DB.prepare(
    `select name from sqlite_master
      where type = 'table' and name not like '!_cf!_%' escape '!' and name not like 'sqlite!_%' escape '!'`,
  ).all<{ name: string }>()
  const found = await Promise.all(
    results.map(async ({ name: table }) => {
      const columns = await env.DB.prepare(
        `select name from pragma_table_info(?) where name like '%account%'`,
      )
        .bind(table)
        .all()
      return columns.results.map((row) => ({ table, column: row['name'] }))
    }),
  )
  return found.flat()
}

describe('export and erasure', () => {
  it('agree over every table that has an account: after the one, the other is empty', async () => {
    const tables = await columnsOfAccounts()
    const carts = [uniqueId('cart'), uniqueId('cart')]
    for (const cart of carts) await associate(cart, await shopper(account), account)
    const kept = async (): Promise<unknown[]> => {
      const found = await Promise.all(
        tables.map(async ({ table, column }) => {
          const select = `select * from "${table}" where "${column}" = ?`
          const { results } = await env.DB.prepare(select).bind(account).all()
          return results
        }),
      )
      return found.flat()
    }
    const before = await kept()
    const { data } = Object(await (await exported()).json())

    const erased = await send('DELETE', erasureOf(account), await server())

    // Another table with an account needs an export and an erasure.
    expect(tables).toEqual([{ table: 'associations', column: 'account_id' }])
    expect(before).toHaveLength(2)
    // Every column is exported, but the store and the account that were asked for.
    const columns = Object.keys(Object(before[0]))
    expect(columns).toEqual([
      ...['store_id', 'cart_id', 'account_id', 'created_at', 'used_at', 'created_by', 'request_id'],
    ])
    expect(
      data.map(({ id, meta }: { id: string; meta: Record<string, object> }) => ({
        ...{ id, keys: Object.keys(meta), times: Object.keys(meta['timestamps'] ?? {}) },
      })),
    ).toEqual(
      carts.toSorted().map((id) => ({
        id,
        keys: ['timestamps', 'created_by', 'request_id'],
        times: ['created_at', 'updated_at'],
      })),
    )
    expect(erased.status).toBe(204)
    expect(await kept()).toEqual([])
    expect(await (await exported()).json()).toEqual({ data: [], links: { next: null } })
  })
})
