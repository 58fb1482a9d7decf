import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  cartsOf,
  send,
  sendJson,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/
const wellFormed = '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683'

const reads = [
  { name: 'GET /v2/carts', status: 200, pathOf: () => cartsOf('account-1') },
  { name: 'GET /v2/carts/:cartID', status: 404, pathOf: cartOf },
  { name: 'GET /v2/carts/:cartID/relationships/accounts', status: 200, pathOf: accountsOf },
]

/** How the sessions of one request were opened, and its response. */
async function ask(
  method: string,
  path: string,
  headers: Record<string, string>,
  { body, consistency }: { body?: unknown; consistency?: string } = {},
): Promise<{ response: Response; sessions: (string | undefined)[] }> {
  const { db, sessions } = wrapD1(env.DB)
  const bindings = { DB: db, READ_CONSISTENCY: consistency }
  const response = await sendJsonWith(bindings, method, path, headers, body)
  return { response, sessions }
}

describe('the second device', () => {
  it('reads what the first device wrote, on every route', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const [phone, laptop] = [await shopper(account), await shopper(account)]

    const written = await associate(cart, phone, account)
    const bookmark = written.headers.get('X-D1-Bookmark') ?? ''
    const caller = { ...laptop, 'X-D1-Bookmark': bookmark }
    const [carts, one, names] = await Promise.all(
      ['/v2/carts', cartOf(cart), accountsOf(cart)].map((path) => send('GET', path, caller)),
    )

    expect(bookmark).toMatch(BOOKMARK)
    expect(await carts?.json()).toMatchObject({ data: [{ id: cart }] })
    expect(await one?.json()).toMatchObject({ data: { id: cart } })
    expect(await names?.json()).toMatchObject(accounts(account))
  })
})

describe('a read with a bookmark', () => {
  const behind = async (
    reply: (call: () => Promise<D1Result[]>) => Promise<D1Result[]>,
  ): Promise<{ status: number; sessions: (string | undefined)[]; ms: number }> => {
    const { db, sessions } = wrapD1(env.DB, (number, call) => (number === 1 ? reply(call) : call()))
    const headers = { ...(await server()), 'X-D1-Bookmark': wellFormed }
    const startedAt = Date.now()
    const response = await sendJsonWith({ DB: db }, 'GET', accountsOf('c'), headers, undefined)
    return { status: response.status, sessions, ms: Date.now() - startedAt }
  }

  it('asks the primary if the copy does not reply within a second', async () => {
    const { status, sessions, ms } = await behind(() => new Promise(() => undefined))

    expect([status, sessions]).toEqual([200, [wellFormed, 'first-primary']])
    expect(ms).toBeLessThan(2_500)
  })

  it.each(['Network connection lost.', 'The bookmark is ahead of the database.'])(
    'asks the primary if the copy fails: %s',
    async (text) => {
      const { status, sessions } = await behind(() => Promise.reject(new Error(text)))

      expect([status, sessions]).toEqual([200, [wellFormed, 'first-primary']])
    },
  )
})

describe.each(['POST', 'DELETE'])('a write by %s', (method) => {
  it('goes to the primary, whichever bookmark it sends, and returns a new bookmark', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const headers = { ...(await shopper(account)), 'X-D1-Bookmark': wellFormed }

    const { response, sessions } = await ask(method, accountsOf(cart), headers, {
      body: accounts(account),
      consistency: 'nearest',
    })

    expect(sessions).toEqual(['first-primary'])
    expect(response.headers.get('X-D1-Bookmark')).toMatch(BOOKMARK)
  })

  it('returns a bookmark if it changes nothing', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const caller = await shopper(account)
    await sendJson(method, accountsOf(cart), caller, accounts(account))

    const again = await sendJson(method, accountsOf(cart), caller, accounts(account))

    expect(again.status).toBe(204)
    expect(again.headers.get('X-D1-Bookmark')).toMatch(BOOKMARK)
  })

  it('returns no bookmark if it is refused before it asks the database', async () => {
    const response = await sendJson(method, accountsOf('cart-1'), {}, accounts('account-1'))

    expect(response.headers.has('X-D1-Bookmark')).toBe(false)
  })
})

describe.each(reads)('$name', ({ pathOf, status }) => {
  const path = pathOf('cart-1')

  it.each([
    { title: 'the primary without a bookmark', bookmark: '', session: 'first-primary' },
    {
      title: 'the nearest copy without a bookmark if READ_CONSISTENCY says so',
      bookmark: '',
      consistency: 'nearest',
      session: 'first-unconstrained',
    },
    { title: 'a copy as fresh as the bookmark', bookmark: wellFormed, session: wellFormed },
    {
      title: 'a copy as fresh as the bookmark, if READ_CONSISTENCY is nearest too',
      bookmark: wellFormed,
      consistency: 'nearest',
      session: wellFormed,
    },
  ])('asks $title, and hands back a bookmark', async ({ bookmark, session, ...options }) => {
    const headers = { ...(await server()), 'X-D1-Bookmark': bookmark }

    const { response, sessions } = await ask('GET', path, headers, options)

    expect(sessions).toEqual([session])
    expect(response.headers.get('X-D1-Bookmark')).toMatch(BOOKMARK)
  })

  it.each([
    { title: 'a constraint of D1', bookmark: 'first-unconstrained' },
    { title: 'a word', bookmark: 'garbage' },
    { title: '10,000 characters', bookmark: 'a'.repeat(10_000) },
    { title: 'capitals', bookmark: wellFormed.toUpperCase() },
    { title: 'two of them', bookmark: `${wellFormed}, ${wellFormed}` },
    { title: 'a part more', bookmark: `${wellFormed}-00000000` },
    { title: 'a dash less', bookmark: wellFormed.replace('-', '') },
    { title: 'SQL', bookmark: "'; drop table associations; --" },
  ])('ignores a malformed bookmark, and hands it to nobody: $title', async ({ bookmark }) => {
    const headers = { ...(await server()), 'X-D1-Bookmark': bookmark }

    const { response, sessions } = await ask('GET', path, headers)

    expect(response.status).toBe(status)
    expect(sessions).toEqual(['first-primary'])
  })
})
