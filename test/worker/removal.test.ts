import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { loggedReasons } from './logs.ts'
import {
  associate,
  type Counted,
  cartOf,
  erasureOf,
  send,
  sendCounted,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, cartIdsOf, insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { type Around, d1Error, loseFirst } from './wrapped-d1.ts'

let cart: string
let account: string
let other: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
  other = uniqueId('other')
})

afterEach(() => {
  vi.useRealTimers()
})

describe.each([
  {
    name: 'DELETE /v2/carts/:cartID by a server',
    whose: 'The cart',
    pathOf: () => cartOf(cart),
    rowOf: (index: number) => ({ cart_id: cart, account_id: `${account}-${index}` }),
    left: () => accountIdsOf(cart),
    others: () => ({ ofCart: [account], ofAnother: [account] }),
  },
  {
    name: 'DELETE /v2/accounts/:accountID/relationships/carts',
    whose: 'The account',
    pathOf: () => erasureOf(account),
    rowOf: (index: number) => ({ cart_id: `${cart}-${index}`, account_id: account }),
    left: () => cartIdsOf(account),
    others: () => ({ ofCart: [account, other], ofAnother: [] }),
  },
])('$name', ({ whose, pathOf, rowOf, left, others }) => {
  const fill = async (count: number): Promise<void> =>
    await insertRows(Array.from({ length: count }, (_, index) => rowOf(index)))

  const remove = async (around?: Around): Promise<Counted> =>
    await sendCounted('DELETE', pathOf(), await server(), { around })

  it('answers 204, also to a repeat, and removes all of its store only', async () => {
    const another = uniqueId('cart')
    await associate(cart, await server(), account, other)
    await associate(another, await server(), account)
    await associate(cart, await server('another-store'), account)

    for (const _ of ['there', 'gone']) expect((await remove()).status).toBe(204)
    const found = { ofCart: await accountIdsOf(cart), ofAnother: await accountIdsOf(another) }
    expect(found).toEqual(others())
  })

  it('takes one round trip for a thousand associations, and one row written for each', async () => {
    await fill(1_000)

    expect(await remove()).toMatchObject({ status: 204, trips: 1, rowsWritten: 1_000 })
    expect(await left()).toEqual([])
  })

  it('is bounded: after 15,000 it answers 503, and the next call continues', async () => {
    await fill(15_500)

    const first = await remove()
    const reasons = loggedReasons()
    const between = await left()
    const next = await remove()

    expect([first.status, first.trips]).toEqual([503, 15])
    expect(first.response.headers.get('Retry-After')).toMatch(/^[123]$/)
    expect(reasons).toEqual([
      `UnavailableError: ${whose} has more associations than one request removes`,
    ])
    expect(between).toHaveLength(500)
    expect([next.status, next.trips]).toEqual([204, 1])
    expect(await left()).toEqual([])
  })

  it('keeps what it has removed if the database fails later', async () => {
    await fill(2_500)

    const { status } = await remove(async (number, call) => {
      if (number > 1) throw d1Error('D1 DB is overloaded.')
      return await call()
    })

    expect(status).toBe(503)
    expect(await left()).toHaveLength(1_500)
  })

  it('is tried again if the acknowledgement of a step was lost', async () => {
    await fill(1_500)

    expect(await remove(loseFirst)).toMatchObject({ status: 204, trips: 2 })
    expect(await left()).toEqual([])
  })

  it('has 5 s for all of its steps, and starts none after that', async () => {
    await fill(4_000)
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const started = Date.now()

    const answer = await remove(async (_, call) => {
      await vi.advanceTimersByTimeAsync(1_900)
      return await call()
    })

    expect(answer).toMatchObject({ status: 503, trips: 3 })
    expect(Date.now() - started).toBeLessThan(6_000)
  })
})

describe('DELETE /v2/carts/:cartID by a shopper', () => {
  const remove = async (around?: Around): Promise<Counted> =>
    await sendCounted('DELETE', cartOf(cart), await shopper(account), { around })

  it('answers 204 and removes its own association, and 204 if nobody has the cart', async () => {
    await associate(cart, await shopper(account), account)

    for (const _ of ['there', 'gone']) expect((await remove()).status).toBe(204)
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it.each([
    { title: 'beside its own', isOwn: true },
    { title: 'and not its own', isOwn: false },
  ])('answers 403 and removes nothing, if another account has it: $title', async ({ isOwn }) => {
    const have = [...(isOwn ? [account] : []), other]
    await associate(cart, await server(), ...have)

    const { response } = await remove()

    await expectErrors(response, 403, notPermitted)
    expect(await accountIdsOf(cart)).toEqual(have)
  })

  it('costs one round trip, and a lost acknowledgement changes nothing', async () => {
    await associate(cart, await shopper(account), account)

    expect(await remove(loseFirst)).toMatchObject({ status: 204, trips: 2 })
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('frees the id: another account may claim it', async () => {
    await associate(cart, await shopper(account), account)
    const before = await associate(cart, await shopper(other), other)
    await remove()

    const response = await associate(cart, await shopper(other), other)

    expect([before.status, response.status]).toEqual([403, 200])
  })

  it('never leaves a cart without its other account, if a server adds that at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const contested = uniqueId('cart')
      await associate(contested, await shopper(account), account)
      const [removal] = await Promise.all([
        send('DELETE', cartOf(contested), await shopper(account)),
        associate(contested, await server(), other),
      ])

      const left = removal.status === 204 ? [other] : [account, other]
      expect(await accountIdsOf(contested)).toEqual(left)
    }
  })
})
