import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { logged } from './logs.ts'
import { accounts, accountsOf, associate, atOnce, send, uniqueId } from './requests.ts'
import { insertRows, rowsOf } from './rows.ts'
import { shopper } from './tokens.ts'
import { failWith, wrapD1 } from './wrapped-d1.ts'

const service = exports.CartAccounts

const ids = () => ({ storeId: 'demo', cartId: uniqueId('cart'), accountId: uniqueId('account') })

describe('CartAccounts', () => {
  it('returns whether an account has a cart, as the API recorded it', async () => {
    const own = ids()
    await associate(own.cartId, await shopper(own.accountId), own.accountId)

    expect(await service.hasCart(own)).toBe(true)
    expect(await service.hasCart({ ...own, accountId: uniqueId('account') })).toBe(false)
    expect(await service.hasCart({ ...own, cartId: uniqueId('cart') })).toBe(false)
    expect(await service.hasCart({ ...own, storeId: 'another-store' })).toBe(false)
  })

  it('associates and dissociates, which the API sees, and returns whether it is new', async () => {
    const own = ids()
    const caller = await shopper(own.accountId)
    const listed = async () => await (await send('GET', accountsOf(own.cartId), caller)).json()

    expect(await service.associate(own)).toBe('created')
    expect(await service.associate(own)).toBe('unchanged')
    expect(await listed()).toMatchObject(accounts(own.accountId))
    expect(await rowsOf(own.cartId)).toMatchObject([{ created_by: 'CartAccounts' }])

    await service.dissociate(own)
    await service.dissociate(own)
    expect(await listed()).toMatchObject({ data: [] })
  })

  it('returns created to one of many calls at once', async () => {
    const own = ids()

    const answers = await atOnce(50, () => service.associate(own))

    expect(answers.toSorted()).toEqual(['created', ...Array(49).fill('unchanged')])
  })

  it('shares a cart, as a server does, unless the call claims unclaimed carts only', async () => {
    const own = ids()
    const stranger = { ...own, accountId: uniqueId('stranger') }
    await service.associate(own)

    expect(await service.associate({ ...stranger, claim: 'unclaimed' })).toBe('taken')
    expect(await service.hasCart(stranger)).toBe(false)
    expect(await service.associate({ ...own, claim: 'unclaimed' })).toBe('unchanged')
    expect(await service.associate(stranger)).toBe('created')
    expect(await service.hasCart(stranger)).toBe(true)
  })

  it('returns who has a cart, the account, nobody or others, until it removes the cart', async () => {
    const own = ids()
    const { storeId, cartId } = own
    const stranger = { ...own, accountId: uniqueId('stranger') }

    expect(await service.access(own)).toBe('unclaimed')
    expect(await service.access({ storeId, cartId })).toBe('unclaimed')
    await service.associate(own)
    expect(await service.access(own)).toBe('yours')
    expect(await service.access(stranger)).toBe('others')
    expect(await service.access({ storeId, cartId })).toBe('others')
    expect(await service.access({ ...own, storeId: 'another-store' })).toBe('unclaimed')
    await service.associate(stranger)
    await service.removeCart({ storeId, cartId })
    await service.removeCart({ storeId, cartId })
    expect(await service.access({ storeId, cartId })).toBe('unclaimed')
    expect(await rowsOf(cartId)).toEqual([])
  })

  it('lists the carts of an account, last used first, in pages', async () => {
    const account_id = uniqueId('account')
    const [older, newer] = [uniqueId('cart'), uniqueId('cart')]
    await insertRows([
      { cart_id: older, account_id, created_at: 1000 },
      { cart_id: newer, account_id, created_at: 2000 },
    ])
    const list = { storeId: 'demo', accountId: account_id }

    const [first, second] = [
      { cartId: newer, createdAt: new Date(2000), usedAt: new Date(2000) },
      { cartId: older, createdAt: new Date(1000), usedAt: new Date(1000) },
    ]
    expect(await service.listCarts(list)).toEqual({ carts: [first, second], total: 2 })
    expect(await service.listCarts({ ...list, limit: 1, offset: 1 })).toEqual({
      carts: [second],
      total: 2,
    })
    expect((await service.listCarts({ ...list, storeId: 'another-store' })).total).toBe(0)
  })

  it('lists the accounts of a cart, oldest first, in pages', async () => {
    const cart_id = uniqueId('cart')
    await insertRows([
      { cart_id, account_id: 'newer', created_at: 2000 },
      { cart_id, account_id: 'older', created_at: 1000 },
    ])

    expect(await service.listAccounts({ storeId: 'demo', cartId: cart_id, limit: 1 })).toEqual({
      accounts: [{ accountId: 'older', createdAt: new Date(1000), usedAt: new Date(1000) }],
      total: 2,
    })
  })
})

/** Calls the entrypoint directly: over a binding, an error would count as unhandled there too. */
const at = (bindings: Bindings): CartAccounts =>
  new CartAccounts(createExecutionContext(), bindings)

describe('an argument of CartAccounts', () => {
  const service = at(env)
  const rule = 'must be 1 to 255 characters of A-Z a-z 0-9 _ -'

  it.each(['storeId', 'cartId', 'accountId'])(
    'is refused by name if it is not a safe id: %s',
    async (name) => {
      const bad = { ...ids(), [name]: "a' or 1=1" }

      await expect(service.hasCart(bad)).rejects.toThrow(new TypeError(`${name} ${rule}`))
      await expect(service.associate(bad)).rejects.toThrow(`${name} ${rule}`)
      await expect(service.dissociate(bad)).rejects.toThrow(`${name} ${rule}`)
    },
  )

  it.each([
    { wrong: { claim: JSON.parse('"stolen"') }, problem: 'claim must be shared or unclaimed' },
    // A typo must not share a cart.
    { wrong: { Claim: 'unclaimed' }, problem: 'Claim is not an argument of this method' },
  ])('is refused by name, and nothing is written: $problem', async ({ wrong, problem }) => {
    const call = { ...ids(), ...wrong }

    await expect(service.associate(call)).rejects.toThrow(problem)
    expect(await rowsOf(call.cartId)).toEqual([])
  })

  it.each(['null', '"text"', '[]'])('is refused if it is not an object: %s', async (text) => {
    await expect(service.associate(JSON.parse(text))).rejects.toThrow(TypeError)
  })

  it.each([
    { bad: { storeId: 'a b' }, problem: `storeId ${rule}` },
    ...[0, 101, 1.5].map((limit) => ({
      bad: { limit },
      problem: 'limit must be a whole number from 1 to 100',
    })),
    ...[-1, 10_001].map((offset) => ({
      bad: { offset },
      problem: 'offset must be a whole number from 0 to 10000',
    })),
  ])('is refused by name if a list cannot have it: $bad', async ({ bad, problem }) => {
    const { storeId, cartId, accountId } = ids()

    await expect(service.listCarts({ storeId, accountId, ...bad })).rejects.toThrow(problem)
    await expect(service.listAccounts({ storeId, cartId, ...bad })).rejects.toThrow(problem)
  })
})

describe('CartAccounts while something is wrong', () => {
  it.each([
    {
      message: 'D1 DB is overloaded.',
      name: 'UnavailableError',
      told: 'D1 is exhausted',
      status: 503,
    },
    { message: 'no such column: "x"', name: 'Error', told: 'Internal error', status: 500 },
  ])('reveals as little as the API does: $message', async ({ message, name, told, status }) => {
    const { db } = wrapD1(env.DB, failWith(message))

    const answer = at({ ...env, DB: db }).hasCart(ids())

    const error: unknown = await answer.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name, message: told })
    // RPC sends the cause along, and it would reveal what the database said.
    expect(Object(error).cause).toBeUndefined()
    expect(logged).toEqual([
      {
        level: 'error',
        line: {
          request_id: expect.any(String),
          route: 'CartAccounts.hasCart',
          status,
          ms: expect.any(Number),
          store_id: 'demo',
          reason: `Error: ${message}`,
          d1_attempts: 1,
          d1_ms: expect.any(Number),
        },
      },
    ])
  })

  it('needs no setting of tokens, and names a bad setting of the database', async () => {
    const { DB, READ_CONSISTENCY } = { DB: env.DB, READ_CONSISTENCY: 'strong' }

    expect(await at({ DB }).hasCart(ids())).toBe(false)
    await expect(at({ DB, READ_CONSISTENCY }).hasCart(ids())).rejects.toThrow(
      'READ_CONSISTENCY must be primary or nearest',
    )
  })

  it.each([
    { READ_CONSISTENCY: 'primary', session: 'first-primary' },
    { READ_CONSISTENCY: 'nearest', session: 'first-unconstrained' },
  ])('reads from the $READ_CONSISTENCY, and decides at the primary', async (row) => {
    const { READ_CONSISTENCY, session } = row
    const { db, sessions } = wrapD1(env.DB)
    const instance = at({ DB: db, READ_CONSISTENCY })

    await instance.hasCart(ids())
    await instance.associate(ids())
    await instance.access(ids())

    expect(sessions).toEqual([session, 'first-primary', 'first-primary'])
  })
})
