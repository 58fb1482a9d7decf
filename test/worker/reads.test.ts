import { describe, expect, it } from 'vitest'
import { cartDocument, expectErrors } from './expected.ts'
import {
  accessOf,
  accounts,
  accountsOf,
  associate,
  cartOf,
  cartsOf,
  customer,
  idsIn,
  reads,
  send,
  sendCounted,
  uniqueId,
} from './requests.ts'
import { insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'

interface List {
  data: { id: string }[]
  meta: { page: Record<string, number>; results: { total: number } }
  links: Record<string, string | null>
}

async function list(path: string, headers: Record<string, string>): Promise<List> {
  const response = await send('GET', path.replace('https://api.example', ''), headers)
  expect(response.status).toBe(200)
  return await response.json()
}

/** Gives a new account this many carts, of which seven at a time share a millisecond. */
async function accountWith(count: number): Promise<{ account: string; carts: string[] }> {
  const account = uniqueId('account')
  const rows = Array.from({ length: count }, (_, index) => ({
    cart_id: uniqueId('cart'),
    account_id: account,
    created_at: Math.floor(index / 7),
  }))
  await insertRows(rows)
  const lastFirst = rows.toSorted(
    (a, b) => b.created_at - a.created_at || (a.cart_id < b.cart_id ? -1 : 1),
  )
  return { account, carts: lastFirst.map(({ cart_id }) => cart_id) }
}

describe('GET /v2/carts', () => {
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
      const [account, cart] = [uniqueId('account'), uniqueId('cart')]
      await associate(cart, await server(), account, uniqueId('another'))
      await associate(uniqueId('cart'), await server(), uniqueId('another'))

      const query = new URLSearchParams({ filter: filter.replace('ID', account) })
      const { data, links } = await list(`/v2/carts?${query}`, await server())

      expect(data).toEqual([cartDocument(cart, account)])
      expect(links['current']).toContain(`filter=contains%28account_ids%2C`)
    },
  )

  it('answers a shopper with its own carts, whatever the filter', async () => {
    const [own, cart] = [uniqueId('account'), uniqueId('cart')]
    await associate(cart, await server(), own)
    await associate(uniqueId('cart'), await server(), 'other')

    for (const path of [cartsOf('other'), '/v2/carts?filter=nonsense']) {
      expect(await idsIn(await send('GET', path, await shopper(own)))).toEqual([cart])
    }
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

  it.each(['filter', 'page[limit]', 'page[offset]'])(
    'answers 400 to a parameter that is given twice, to a server and to a shopper: %s',
    async (parameter) => {
      const filter = 'filter=contains(account_ids,"a")'
      const twice = parameter === 'filter' ? filter : `${parameter}=1&${parameter}=1`
      for (const caller of [await shopper('account-1'), await server()]) {
        const response = await send('GET', `/v2/carts?${twice}&${filter}`, caller)

        await expectErrors(response, 400, {
          title: 'Bad Request',
          detail: `${parameter} must be given once`,
          source: parameter,
        })
      }
    },
  )
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

  it.each([
    { offset: 3, prev: '0', next: '6', current: 2 },
    { offset: 2, prev: '0', next: '5', current: 1 },
  ])('counts pages and carts, and links to the pages around: $offset', async (row) => {
    const { offset, prev, next, current } = row
    const { account } = await accountWith(7)
    const page = { 'page[limit]': '3', 'page[offset]': `${offset}` }

    const { data, meta, links } = await list(cartsOf(account, page), await server())

    expect(data).toHaveLength(3)
    expect(meta).toEqual({ page: { limit: 3, offset, current, total: 3 }, results: { total: 7 } })
    const offsets = Object.entries(links).map(([name, link]) => {
      const { searchParams } = new URL(link ?? '')
      expect(searchParams.get('filter')).toContain(account)
      return [name, searchParams.get('page[offset]')]
    })
    expect(Object.fromEntries(offsets)).toEqual({
      current: `${offset}`,
      first: '0',
      prev,
      next,
      last: '6',
    })
  })

  it('repeats no unknown parameter in its links, and takes it twice', async () => {
    const path = '/v2/carts?access_token=secret&access_token=secret'

    const { links } = await list(path, await shopper('account-1'))

    expect(JSON.stringify(links)).not.toContain('secret')
  })

  it('goes by the links over 10,100 carts, last used first, then by id, and stops there', async () => {
    const { account, carts } = await accountWith(10_200)

    const seen: string[] = []
    let next: string | null | undefined = cartsOf(account, { 'page[limit]': '100' })
    while (typeof next === 'string') {
      const { data, meta, links } = await list(next, await server())
      expect(meta.results.total).toBe(10_100)
      seen.push(...data.map(({ id }) => id))
      next = links['next']
    }
    const first = await list(cartsOf(account), await server())
    const last = await list(String(first.links['last']), await server())

    expect(seen).toEqual(carts.slice(0, 10_100))
    expect(last.data).toHaveLength(20)
    expect(last.links['next']).toBeNull()
  })

  it('reads the rows of the page and those that it counts', async () => {
    const { account } = await accountWith(50)

    const { status, rowsRead } = await sendCounted(
      'GET',
      '/v2/carts?page[limit]=10',
      await shopper(account),
    )

    expect(status).toBe(200)
    // It may read one row more to learn that the list ends.
    expect([10 + 50, 10 + 50 + 1]).toContain(rowsRead)
  })
})

describe('GET /v2/carts/:cartID', () => {
  it('answers a shopper whose account has the cart, with that account alone', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    await associate(cart, await server(), uniqueId('another'), account)

    const response = await send('GET', cartOf(cart), await shopper(account))

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ data: cartDocument(cart, account) })
  })

  it('names the first 100 accounts by id to a server, with all their times', async () => {
    const cart = uniqueId('cart')
    const ids = Array.from({ length: 101 }, (_, index) => `account-${100 + index}`)
    await insertRows(
      ids.map((account_id, index) => ({ cart_id: cart, account_id, created_at: 200 - index })),
    )

    const response = await send('GET', cartOf(cart), await server())

    expect(await response.json()).toMatchObject({
      data: {
        meta: {
          timestamps: {
            created_at: '1970-01-01T00:00:00.101Z',
            updated_at: '1970-01-01T00:00:00.200Z',
          },
        },
        relationships: { accounts: accounts(...ids.slice(0, 100)) },
      },
    })
  })

  it('answers 404 alike whether nobody has the cart or only others', async () => {
    const cart = uniqueId('cart')
    await associate(cart, await server(), uniqueId('another'))
    await associate(cart, await server('another-store'), 'account-1')
    const [asShopper, asServer] = [await shopper('account-1'), await server()]
    const answers = [
      await send('GET', cartOf(cart), asShopper),
      await send('GET', cartOf(uniqueId('cart')), asShopper),
      await send('GET', cartOf(uniqueId('cart')), asServer),
    ]

    for (const each of answers) {
      await expectErrors(each, 404, { title: 'Not Found', detail: 'Cart not found' })
    }
  })
})

describe('GET /v2/carts/:cartID/relationships/accounts', () => {
  it('names every account to a server, oldest first, then by id, in pages', async () => {
    const cart = uniqueId('cart')
    await insertRows([
      { cart_id: cart, account_id: 'newest', created_at: 2000 },
      { cart_id: cart, account_id: 'b-oldest', created_at: 1000 },
      { cart_id: cart, account_id: 'a-oldest', created_at: 1000 },
    ])

    const whole = await list(accountsOf(cart), await server())
    const second = await list(`${accountsOf(cart)}?page[limit]=1&page[offset]=1`, await server())

    expect(whole).toMatchObject({
      ...accounts('a-oldest', 'b-oldest', 'newest'),
      meta: { page: { limit: 20, offset: 0, current: 1, total: 1 }, results: { total: 3 } },
    })
    expect(second).toMatchObject({
      ...accounts('b-oldest'),
      meta: { page: { limit: 1, offset: 1, current: 2, total: 3 }, results: { total: 3 } },
    })
  })

  it('names its own account to a shopper if it has the cart, and otherwise none', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    await associate(cart, await server(), account, uniqueId('another'))

    const own = await list(accountsOf(cart), await shopper(account))
    const none = await list(accountsOf(cart), await shopper('stranger'))

    expect(own).toMatchObject({ ...accounts(account), meta: { results: { total: 1 } } })
    expect(none).toMatchObject({ data: [], meta: { results: { total: 0 } } })
  })
})

describe('GET /v2/carts/:cartID/access', () => {
  const asked = async (cart: string, query?: string, storeId?: string): Promise<unknown> => {
    const response = await send('GET', accessOf(cart, query), await server(storeId))
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    return Object(await response.json()).data.access
  }

  it('says whether the account has the cart, nobody has it, or only others have it', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const own = `?account_id=${account}`
    expect([await asked(cart, own), await asked(cart)]).toEqual(['unclaimed', 'unclaimed'])
    await associate(cart, await server(), account)

    expect([await asked(cart, own), await asked(cart)]).toEqual(['yours', 'others'])
    expect(await asked(cart, '?account_id=another')).toBe('others')
    expect(await asked(cart, own, 'another-store')).toBe('unclaimed')
  })

  it.each([
    { query: '?account_id=', source: 'account_id', title: 'pattern' },
    { query: '?account_id=a&account_id=b', source: 'account_id', title: 'Bad Request' },
  ])('answers 400 to $query', async ({ query, ...error }) => {
    const response = await send('GET', accessOf(uniqueId('cart'), query), await server())

    await expectErrors(response, 400, { ...error, detail: expect.any(String) })
  })
})

const etagOf = ({ headers }: Response): string => headers.get('ETag') ?? ''

describe.each(reads)('the response of $name', ({ pathOf }) => {
  it('has an ETag that stays the same, also by HEAD, and differs from that of other carts', async () => {
    const [own, other] = [await customer(), await customer()]

    const first = await send('GET', pathOf(own.cart), own.headers)
    const head = await send('HEAD', pathOf(own.cart), own.headers)
    const another = await send('GET', pathOf(other.cart), other.headers)

    expect(first.headers.get('Cache-Control')).toBe('private, no-store')
    expect(etagOf(first)).toMatch(/^"[0-9a-f]{40}"$/)
    expect([head.status, await head.text(), etagOf(head)]).toEqual([200, '', etagOf(first)])
    expect(etagOf(another)).not.toBe(etagOf(first))
  })

  it('answers 304 without a body if the ETag matches', async () => {
    const { cart, headers } = await customer()
    const etag = etagOf(await send('GET', pathOf(cart), headers))

    for (const tags of [etag, `W/${etag}`, `"another", ${etag}`]) {
      const response = await send('GET', pathOf(cart), { ...headers, 'If-None-Match': tags })

      expect(response.status).toBe(304)
      expect(await response.text()).toBe('')
      expect(etagOf(response)).toBe(etag)
      expect(response.headers.get('Cache-Control')).toBe('private, no-store')
      expect(response.headers.has('X-D1-Bookmark')).toBe(true)
    }
  })

  it.each(['If-None-Match', 'If-Match'])(
    'answers 200 if the ETag does not match: %s',
    async (name) => {
      const { cart, headers } = await customer()

      const response = await send('GET', pathOf(cart), { ...headers, [name]: '"another"' })

      expect(response.status).toBe(200)
    },
  )
})
