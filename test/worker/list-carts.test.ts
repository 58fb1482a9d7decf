import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { cartDocument, expectErrors } from './expected.ts'
import { associate, cartsOf, send, sendJson, sendWith, uniqueId } from './requests.ts'
import { insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

interface CartList {
  data: { id: string }[]
  meta: { page: Record<string, number>; results: { total: number } }
  links: Record<string, string | null>
}

async function list(path: string, headers: Record<string, string>): Promise<CartList> {
  const response = await send('GET', path, headers)
  expect(response.status).toBe(200)
  return await response.json()
}

const idsOf = ({ data }: CartList): string[] => data.map(({ id }) => id)

describe('GET /v2/carts', () => {
  it('answers a shopper with the carts of its account, as Elastic Path would', async () => {
    const account = uniqueId('account')
    const cart = uniqueId('cart')
    const before = Date.now()
    await associate(cart, await shopper(account), account)

    const response = await send('GET', '/v2/carts', await shopper(account))

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Cache-Control')).toBe('private, no-store')
    const body: CartList = await response.json()
    const link = 'https://api.example/v2/carts?page%5Blimit%5D=20&page%5Boffset%5D=0'
    expect(body).toEqual({
      data: [cartDocument(cart, account)],
      meta: { page: { limit: 20, offset: 0, current: 1, total: 1 }, results: { total: 1 } },
      links: { current: link, first: link, last: link, next: null, prev: null },
    })
    const { created_at, updated_at } = Object(body.data[0]).meta.timestamps
    expect(Date.parse(created_at)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(created_at)).toBeLessThanOrEqual(Date.now())
    expect(updated_at).toBe(created_at)
  })

  it('answers an empty list if the account has no cart', async () => {
    const { data, meta } = await list('/v2/carts', await shopper(uniqueId('account')))

    expect(data).toEqual([])
    expect(meta).toEqual({
      page: { limit: 20, offset: 0, current: 1, total: 0 },
      results: { total: 0 },
    })
  })

  it.each(['contains(account_ids,"ID")', 'contains(account_ids,ID)'])(
    'answers a server with the carts of the account that its filter names: %s',
    async (filter) => {
      const account = uniqueId('account')
      const cart = uniqueId('cart')
      await associate(cart, await server(), account, uniqueId('another'))
      await associate(uniqueId('cart'), await server(), uniqueId('another'))

      const query = new URLSearchParams({ filter: filter.replace('ID', account) })
      const carts = await list(`/v2/carts?${query}`, await server())

      expect(carts.data).toMatchObject([
        { id: cart, relationships: { accounts: { data: [{ type: 'account', id: account }] } } },
      ])
      expect(carts.links['current']).toContain(`filter=contains%28account_ids%2C`)
    },
  )

  it('answers a shopper with its own carts, whatever the filter', async () => {
    const [own, other] = [uniqueId('account'), uniqueId('account')]
    const cart = uniqueId('cart')
    await associate(cart, await shopper(own), own)
    await associate(uniqueId('cart'), await shopper(other), other)

    expect(idsOf(await list(cartsOf(other), await shopper(own)))).toEqual([cart])
    expect(idsOf(await list('/v2/carts?filter=nonsense', await shopper(own)))).toEqual([cart])
  })

  it('narrows a server with an account token to that account', async () => {
    const [own, other] = [uniqueId('account'), uniqueId('account')]
    const cart = uniqueId('cart')
    await associate(cart, await server(), own)
    await associate(uniqueId('cart'), await server(), other)
    const narrowed = { ...(await shopper(own)), ...(await server()) }

    expect(idsOf(await list(cartsOf(other), narrowed))).toEqual([cart])
  })

  it('shows no cart of other stores', async () => {
    const account = uniqueId('account')
    await associate(uniqueId('cart'), await server('another-store'), account)

    expect(idsOf(await list('/v2/carts', await shopper(account)))).toEqual([])
    expect(idsOf(await list(cartsOf(account), await server()))).toEqual([])
  })

  it('lists the last used first, then by id, without removed ones', async () => {
    const account = uniqueId('account')
    const carts = ['a', 'b', 'c'].map((name) => uniqueId(name))
    const [a = '', b = '', c = ''] = carts
    await insertRows([
      { cart_id: b, account_id: account, created_at: 1000 },
      { cart_id: a, account_id: account, created_at: 1000 },
      { cart_id: c, account_id: account, created_at: 2000 },
    ])

    expect(idsOf(await list('/v2/carts', await shopper(account)))).toEqual([c, a, b])

    const body = [{ type: 'account', id: account }]
    await sendJson('DELETE', `/v2/carts/${a}/relationships/accounts`, await server(), body)

    expect(idsOf(await list('/v2/carts', await shopper(account)))).toEqual([c, b])
  })

  it.each([
    { filter: undefined, detail: 'A filter is required: contains(account_ids,"ID")' },
    ...[
      '',
      'nonsense',
      'eq(account_ids,"a")',
      'contains(account_ids,"a',
      'contains(account_ids,"")',
      'contains(account_ids,"a b")',
      'contains(account_ids,"a"):eq(name,"b")',
      'contains(account_ids,"a","b")',
      "contains(account_ids,'a')",
      'contains(name,"a")',
    ].map((filter) => ({ filter, detail: 'Could not parse the supplied filter' })),
  ])('answers 400 to a server whose filter is "$filter"', async ({ filter, detail }) => {
    const query = filter === undefined ? '' : `?${new URLSearchParams({ filter })}`

    const response = await send('GET', `/v2/carts${query}`, await server())

    await expectErrors(response, 400, { title: 'Bad Request', detail, source: 'filter' })
  })
})

describe('a parameter', () => {
  it.each(['filter', 'page[limit]', 'page[offset]'])(
    'that is given twice is 400, to a server and to a shopper: %s',
    async (parameter) => {
      const value = parameter === 'filter' ? 'contains(account_ids,"a")' : '1'
      const path = `/v2/carts?${parameter}=${value}&${parameter}=${value}`
      for (const caller of [await shopper('account-1'), await server()]) {
        const filter = parameter === 'filter' ? '' : '&filter=contains(account_ids,"a")'
        await expectErrors(await send('GET', path + filter, caller), 400, {
          title: 'Bad Request',
          detail: `${parameter} must be given once`,
          source: parameter,
        })
      }
    },
  )

  it('that is unknown may be given twice', async () => {
    const response = await send('GET', '/v2/carts?include=a&include=b', await shopper('account-1'))

    expect(response.status).toBe(200)
  })
})

describe('paging', () => {
  it.each([
    { parameter: 'page[limit]', range: '1 to 100', values: ['0', '101', '', '-1', '1.5', 'ten'] },
    {
      parameter: 'page[offset]',
      range: '0 to 10000',
      values: ['-1', '10001', '', '1e2', '999999'],
    },
  ])('answers 400 naming $parameter if it is not from $range', async (bad) => {
    for (const value of bad.values) {
      const query = new URLSearchParams({ [bad.parameter]: value })

      const response = await send('GET', `/v2/carts?${query}`, await shopper('account-1'))

      await expectErrors(response, 400, {
        title: 'Bad Request',
        detail: `${bad.parameter} must be a whole number from ${bad.range}`,
        source: bad.parameter,
      })
    }
  })

  it('counts pages and carts, and links to the pages around', async () => {
    const account = uniqueId('account')
    await insertRows(
      Array.from({ length: 7 }, () => ({ cart_id: uniqueId('cart'), account_id: account })),
    )
    const offsetOf = (link: string | null | undefined) =>
      link === null ? null : new URL(link ?? '').searchParams.get('page[offset]')

    const page = { 'page[limit]': '3', 'page[offset]': '3' }
    const { data, meta, links } = await list(cartsOf(account, page), await server())

    expect(data).toHaveLength(3)
    expect(meta).toEqual({
      page: { limit: 3, offset: 3, current: 2, total: 3 },
      results: { total: 7 },
    })
    const offsets = Object.entries(links).map(([name, link]) => [name, offsetOf(link)])
    expect(Object.fromEntries(offsets)).toEqual({
      current: '3',
      first: '0',
      prev: '0',
      next: '6',
      last: '6',
    })
  })

  it('links to no page before the first, and repeats no unknown parameter', async () => {
    const account = uniqueId('account')
    const page = { 'page[limit]': '20', 'page[offset]': '5', access_token: 'secret' }

    const { links } = await list(cartsOf(account, page), await server())

    expect(new URL(links['prev'] ?? '').searchParams.get('page[offset]')).toBe('0')
    expect(JSON.stringify(links)).not.toContain('secret')
    expect(new URL(links['first'] ?? '').searchParams.get('filter')).toContain(account)
  })

  it('pages through 10,000 carts by the links in order, none lost or repeated', async () => {
    const account = uniqueId('account')
    const carts = Array.from({ length: 10_000 }, (_, index) => ({
      cart_id: uniqueId('cart'),
      account_id: account,
      created_at: Math.floor(index / 7), // Seven rows at a time share a millisecond.
    }))
    await insertRows(carts)
    const expected = carts
      .toSorted((a, b) => b.created_at - a.created_at || (a.cart_id < b.cart_id ? -1 : 1))
      .map(({ cart_id }) => cart_id)

    const seen: string[] = []
    let next: string | null | undefined = cartsOf(account, { 'page[limit]': '100' })
    while (typeof next === 'string') {
      const page = await list(next.replace('https://api.example', ''), await server())
      expect(page.meta.results.total).toBe(10_000)
      seen.push(...idsOf(page))
      next = page.links['next']
    }

    expect(seen).toEqual(expected)
  })

  it('stops counting, and linking, at the last row that paging can reach', async () => {
    const account = uniqueId('account')
    await insertRows(
      Array.from({ length: 10_200 }, () => ({ cart_id: uniqueId('cart'), account_id: account })),
    )
    const lastPage = { 'page[limit]': '100', 'page[offset]': '10000' }

    const atTheEnd = await list(cartsOf(account, lastPage), await server())
    const byTwenty = await list(cartsOf(account), await server())

    expect(atTheEnd.data).toHaveLength(100)
    expect(atTheEnd.meta.results.total).toBe(10_100)
    expect(atTheEnd.links['next']).toBeNull()
    const last = await list(
      String(byTwenty.links['last']).replace('https://api.example', ''),
      await server(),
    )
    expect(last.data).toHaveLength(20)
    expect(last.links['next']).toBeNull()
  })

  it('costs one round trip, and reads the rows of the page and those that it counts', async () => {
    const account = uniqueId('account')
    await insertRows(
      Array.from({ length: 50 }, () => ({ cart_id: uniqueId('cart'), account_id: account })),
    )
    const { db, calls, rowsRead } = wrapD1(env.DB)

    const caller = await shopper(account)
    const response = await sendWith({ DB: db }, 'GET', '/v2/carts?page[limit]=10', caller)

    expect(response.status).toBe(200)
    expect(calls()).toBe(1)
    // It may read one row more to learn that the list ends.
    expect([10 + 50, 10 + 50 + 1]).toContain(rowsRead())
  })
})
