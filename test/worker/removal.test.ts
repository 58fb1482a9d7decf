import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { loggedReasons } from './logs.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  send,
  sendJson,
  sendWith,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst, wrapD1 } from './wrapped-d1.ts'

let cart: string
let account: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
})

/** Gives the cart this many accounts. */
const share = async (count: number): Promise<void> =>
  await insertRows(
    Array.from({ length: count }, (_, index) => ({
      cart_id: cart,
      account_id: `${account}-${index}`,
    })),
  )

/** Removes the cart as a server, and counts the round trips. */
async function remove(): Promise<{ response: Response; trips: number }> {
  const { db, calls } = wrapD1(env.DB)
  const response = await sendWith({ DB: db }, 'DELETE', cartOf(cart), await server())
  return { response, trips: calls() }
}

describe('DELETE /v2/carts/:cartID by a server', () => {
  it('answers 204 without a body and removes every association of the cart', async () => {
    const another = uniqueId('cart')
    await associate(cart, await server(), account, uniqueId('account'))
    await associate(another, await server(), account)

    const { response } = await remove()

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(await accountIdsOf(cart)).toEqual([])
    expect(await accountIdsOf(another)).toEqual([account])
    expect((await send('GET', cartOf(cart), await server())).status).toBe(404)
  })

  it('answers 204 if nobody has the cart, and to a repeat', async () => {
    expect((await remove()).response.status).toBe(204)
    expect((await remove()).response.status).toBe(204)
  })

  it('leaves the cart with this id in another store alone', async () => {
    await associate(cart, await server('another-store'), account)

    await remove()

    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('frees the id: another account may claim it', async () => {
    const other = uniqueId('account')
    await associate(cart, await shopper(account), account)
    const before = await associate(cart, await shopper(other), other)
    await remove()

    const response = await associate(cart, await shopper(other), other)

    expect([before.status, response.status]).toEqual([403, 200])
  })

  it('takes a round trip for a thousand accounts', async () => {
    await share(1_001)

    const { response, trips } = await remove()

    expect([response.status, trips]).toEqual([204, 2])
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('is bounded: after 15,000 it answers 503, and the next call continues', async () => {
    await share(15_500)

    const first = await remove()
    const reasons = loggedReasons()
    const left = await accountIdsOf(cart)
    const next = await remove()

    expect([first.response.status, first.trips]).toEqual([503, 15])
    expect(first.response.headers.get('Retry-After')).toMatch(/^[123]$/)
    expect(reasons).toEqual([
      'UnavailableError: The cart has more associations than one request removes',
    ])
    expect(left).toHaveLength(500)
    expect([next.response.status, next.trips]).toEqual([204, 1])
    expect(await accountIdsOf(cart)).toEqual([])
  })
})

describe('DELETE /v2/carts/:cartID by a shopper', () => {
  it('answers 204 and removes its own association, if no other account has the cart', async () => {
    await associate(cart, await shopper(account), account)

    const response = await send('DELETE', cartOf(cart), await shopper(account))

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('answers 204 if nobody has the cart, as after a dissociation', async () => {
    const caller = await shopper(account)
    await associate(cart, caller, account)
    await sendJson('DELETE', accountsOf(cart), caller, accounts(account))

    expect((await send('DELETE', cartOf(cart), caller)).status).toBe(204)
    expect((await send('DELETE', cartOf(cart), caller)).status).toBe(204)
  })

  it.each([
    { title: 'beside its own', isOwn: true },
    { title: 'and not its own', isOwn: false },
  ])('answers 403 and removes nothing, if another account has it: $title', async ({ isOwn }) => {
    const have = [...(isOwn ? [account] : []), uniqueId('other')]
    await associate(cart, await server(), ...have)

    const response = await send('DELETE', cartOf(cart), await shopper(account))

    await expectErrors(response, 403, notPermitted)
    expect(await accountIdsOf(cart)).toEqual(have)
  })

  it('narrows a server that sends an account token', async () => {
    await associate(cart, await server(), uniqueId('account'))
    const caller = { ...(await shopper(account)), ...(await server()) }

    expect((await send('DELETE', cartOf(cart), caller)).status).toBe(403)
  })

  it('costs one round trip, and a lost acknowledgement changes nothing', async () => {
    await associate(cart, await shopper(account), account)
    const { db, calls } = wrapD1(env.DB, loseFirst)

    const response = await sendWith({ DB: db }, 'DELETE', cartOf(cart), await shopper(account))

    expect([response.status, calls()]).toEqual([204, 2])
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('never leaves a cart without its other account, if a server adds that at once', async () => {
    const other = uniqueId('account')
    for (let round = 0; round < 20; round += 1) {
      const contested = uniqueId('cart')
      await associate(contested, await shopper(account), account)
      const [removal] = await Promise.all([
        send('DELETE', cartOf(contested), await shopper(account)),
        associate(contested, await server(), other),
      ])

      const left = removal.status === 204 ? [other] : [account, other]
      expect((await accountIdsOf(contested)).toSorted()).toEqual(left.toSorted())
    }
  })
})
