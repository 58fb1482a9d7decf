import { describe, expect, it } from 'vitest'
import {
  accessOf,
  accounts,
  accountsOf,
  associate,
  cartOf,
  customer,
  reads,
  send,
  sendCounted,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import type { Around } from './wrapped-d1.ts'

const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/
const wellFormed = '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683'
const nearest = { READ_CONSISTENCY: 'nearest' }

describe('the second device', () => {
  it('reads what the first device wrote, on every route', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const [phone, laptop] = [await shopper(account), await shopper(account)]

    const written = await associate(cart, phone, account)
    const bookmark = written.headers.get('X-D1-Bookmark') ?? ''
    const caller = { ...laptop, 'X-D1-Bookmark': bookmark }
    const [carts, one, names] = await Promise.all(
      reads.map(({ pathOf }) => send('GET', pathOf(cart), caller)),
    )

    expect(bookmark).toMatch(BOOKMARK)
    expect(await carts?.json()).toMatchObject({ data: [{ id: cart }] })
    expect(await one?.json()).toMatchObject({ data: { id: cart } })
    expect(await names?.json()).toMatchObject(accounts(account))
  })
})

describe.each([
  { title: 'a write by POST', method: 'POST', pathOf: accountsOf },
  { title: 'a write by DELETE', method: 'DELETE', pathOf: accountsOf },
  { title: 'a removal', method: 'DELETE', pathOf: cartOf },
  // A stale `unclaimed` would open a cart.
  { title: 'a question who has a cart', method: 'GET', pathOf: (id: string) => accessOf(id) },
])('$title', ({ method, pathOf }) => {
  it('goes to the primary, whichever bookmark it sends, and returns a new bookmark', async () => {
    const headers = { ...(await server()), 'X-D1-Bookmark': wellFormed }
    const options = { body: method === 'GET' ? undefined : accounts('account-1'), changes: nearest }

    const asked = await sendCounted(method, pathOf(uniqueId('cart')), headers, options)

    expect(asked.sessions).toEqual(['first-primary'])
    expect(asked.response.headers.get('X-D1-Bookmark')).toMatch(BOOKMARK)
  })
})

describe.each(reads)('a read of $name', ({ pathOf }) => {
  const read = async (bookmark: string, options: { changes?: object; around?: Around } = {}) => {
    const { cart, headers } = await customer()
    const caller = { ...headers, 'X-D1-Bookmark': bookmark }
    return await sendCounted('GET', pathOf(cart), caller, options)
  }

  it.each([
    { title: 'the primary without a bookmark', bookmark: '', session: 'first-primary' },
    {
      title: 'the nearest copy without a bookmark if READ_CONSISTENCY says so',
      bookmark: '',
      changes: nearest,
      session: 'first-unconstrained',
    },
    { title: 'a copy as fresh as the bookmark', bookmark: wellFormed, session: wellFormed },
    {
      title: 'a copy as fresh as the bookmark, if READ_CONSISTENCY is nearest too',
      bookmark: wellFormed,
      changes: nearest,
      session: wellFormed,
    },
  ])('asks $title, and hands back a bookmark', async ({ bookmark, session, changes = {} }) => {
    const { response, sessions } = await read(bookmark, { changes })

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
    expect(await read(bookmark)).toMatchObject({ status: 200, sessions: ['first-primary'] })
  })

  const failing = (text: string) => () => Promise.reject(new Error(text))
  it.each<{ title: string; reply: () => Promise<D1Result[]> }>([
    { title: 'does not reply within a second', reply: () => new Promise(() => undefined) },
    { title: 'is out of reach', reply: failing('Network connection lost.') },
    { title: 'is behind', reply: failing('The bookmark is ahead of the database.') },
  ])('asks the primary if the copy that its bookmark asks for $title', async ({ reply }) => {
    const startedAt = Date.now()

    const answer = await read(wellFormed, {
      around: (number, call) => (number === 1 ? reply() : call()),
    })

    expect(answer).toMatchObject({ status: 200, sessions: [wellFormed, 'first-primary'] })
    expect(Date.now() - startedAt).toBeLessThan(2_500)
  })
})
