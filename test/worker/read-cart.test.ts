import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { cartDocument, expectErrors, notPermitted } from './expected.ts'
import {
  accessOf,
  accounts,
  accountsOf,
  associate,
  cartOf,
  send,
  sendJson,
  sendWith,
  uniqueId,
} from './requests.ts'
import { insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const notFound = { title: 'Not Found', detail: 'Cart not found' }

describe('GET /v2/carts/:cartID', () => {
  it('answers a shopper whose account has the cart, with that account alone', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    await associate(cart, await server(), uniqueId('another'))
    await associate(cart, await server(), account)

    const response = await send('GET', cartOf(cart), await shopper(account))

    expect(response.status).toBe(200)
    expect(response.headers.get('Cache-Control')).toBe('private, no-store')
    expect(await response.json()).toEqual({ data: cartDocument(cart, account) })
  })

  it('names every account to a server, oldest first, from the first association to the last', async () => {
    const cart = uniqueId('cart')
    await insertRows([
      { cart_id: cart, account_id: 'newest', created_at: 2000 },
      { cart_id: cart, account_id: 'b-oldest', created_at: 1000 },
      { cart_id: cart, account_id: 'a-oldest', created_at: 1000 },
    ])

    const response = await send('GET', cartOf(cart), await server())

    expect(await response.json()).toMatchObject({
      data: {
        meta: {
          timestamps: {
            created_at: '1970-01-01T00:00:01.000Z',
            updated_at: '1970-01-01T00:00:02.000Z',
          },
        },
        relationships: { accounts: accounts('a-oldest', 'b-oldest', 'newest') },
      },
    })
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

  it('responds alike whether nobody has the cart or only others', async () => {
    const cart = uniqueId('cart')
    await associate(cart, await server(), uniqueId('another'))
    await associate(cart, await server('another-store'), 'account-1')
    const caller = await shopper('account-1')

    await expectErrors(await send('GET', cartOf(cart), caller), 404, notFound)
    await expectErrors(await send('GET', cartOf(uniqueId('cart')), caller), 404, notFound)
    await expectErrors(await send('GET', cartOf(uniqueId('cart')), await server()), 404, notFound)
  })

  it('answers 404 once the association is removed', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const caller = await shopper(account)
    await associate(cart, caller, account)
    await sendJson('DELETE', accountsOf(cart), caller, accounts(account))

    await expectErrors(await send('GET', cartOf(cart), caller), 404, notFound)
  })

  it('answers 400 to a cart id that is not safe', async () => {
    const response = await send('GET', cartOf('a%2Fb'), await server())

    await expectErrors(response, 400, {
      title: 'pattern',
      detail: 'cartID must be 1 to 255 characters of A-Z a-z 0-9 _ -',
      source: 'cartID',
    })
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

    const whole = await send('GET', accountsOf(cart), await server())
    const second = await send(
      'GET',
      `${accountsOf(cart)}?page[limit]=1&page[offset]=1`,
      await server(),
    )

    expect(whole.headers.get('Cache-Control')).toBe('private, no-store')
    const link = `https://api.example${accountsOf(cart)}?page%5Blimit%5D=20&page%5Boffset%5D=0`
    expect(await whole.json()).toEqual({
      ...accounts('a-oldest', 'b-oldest', 'newest'),
      meta: { page: { limit: 20, offset: 0, current: 1, total: 1 }, results: { total: 3 } },
      links: { current: link, first: link, last: link, next: null, prev: null },
    })
    expect(await second.json()).toMatchObject({
      ...accounts('b-oldest'),
      meta: { page: { limit: 1, offset: 1, current: 2, total: 3 }, results: { total: 3 } },
    })
  })

  it('names its own account to a shopper if it has the cart, and otherwise none', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    await associate(cart, await server(), account, uniqueId('another'))
    const seenBy = async (caller: Record<string, string>) =>
      await (await send('GET', accountsOf(cart), caller)).json()

    expect(await seenBy(await shopper(account))).toMatchObject({
      ...accounts(account),
      meta: { results: { total: 1 } },
    })
    expect(await seenBy(await shopper('stranger'))).toMatchObject({
      data: [],
      meta: { results: { total: 0 } },
    })
  })

  it('answers a server an empty list for a cart that nobody has in its store', async () => {
    const cart = uniqueId('cart')
    await associate(cart, await server('another-store'), 'account-1')

    const response = await send('GET', accountsOf(cart), await server())

    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ data: [], meta: { results: { total: 0 } } })
  })

  it('answers 400 naming the parameter of the page that is malformed', async () => {
    const response = await send('GET', `${accountsOf('cart-1')}?page[limit]=0`, await server())

    await expectErrors(response, 400, {
      title: 'Bad Request',
      detail: 'page[limit] must be a whole number from 1 to 100',
      source: 'page[limit]',
    })
  })
})

describe('a cart and its accounts', () => {
  it.each([
    { name: 'a cart', pathOf: cartOf },
    { name: 'a list of accounts', pathOf: accountsOf },
  ])('cost one round trip: $name', async ({ pathOf }) => {
    const cart = uniqueId('cart')
    await associate(cart, await server(), 'account-1', 'account-2')
    const { db, calls } = wrapD1(env.DB)

    const response = await sendWith({ DB: db }, 'GET', pathOf(cart), await server())

    expect(response.status).toBe(200)
    expect(calls()).toBe(1)
  })
})

describe('GET /v2/carts/:cartID/access', () => {
  const asked = async (cart: string, query?: string, storeId?: string): Promise<unknown> => {
    const response = await send('GET', accessOf(cart, query), await server(storeId))
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    return Object(await response.json()).data.access
  }

  it('tells a server whether the account has the cart, nobody has it, or only others have it', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const own = `?account_id=${account}`
    expect([await asked(cart, own), await asked(cart)]).toEqual(['unclaimed', 'unclaimed'])
    await associate(cart, await server(), account)

    expect([await asked(cart, own), await asked(cart)]).toEqual(['yours', 'others'])
    expect(await asked(cart, '?account_id=another')).toBe('others')
    expect(await asked(cart, own, 'another-store')).toBe('unclaimed')
  })

  it('asks the primary: a stale unclaimed would open a cart', async () => {
    const { db, sessions } = wrapD1(env.DB)
    const changes = { DB: db, READ_CONSISTENCY: 'nearest' }

    await sendWith(changes, 'GET', accessOf(uniqueId('cart')), await server())

    expect(sessions).toEqual(['first-primary'])
  })

  it('answers 403 to a shopper, whose answer is the cart itself', async () => {
    const response = await send('GET', accessOf(uniqueId('cart')), await shopper('account-1'))

    await expectErrors(response, 403, notPermitted)
  })

  it.each([
    { query: '?account_id=', source: 'account_id', title: 'pattern' },
    { query: '?account_id=a&account_id=b', source: 'account_id', title: 'Bad Request' },
  ])('answers 400 to $query', async ({ query, ...error }) => {
    const response = await send('GET', accessOf(uniqueId('cart'), query), await server())

    await expectErrors(response, 400, { ...error, detail: expect.any(String) })
  })
})
