import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { expectErrors } from './expected.ts'
import { loggedReasons } from './logs.ts'
import { accounts, accountsOf, sendJsonWith, uniqueId } from './requests.ts'
import { insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const full = { title: 'Conflict', detail: 'The account has too many carts' }
const CAP = 3

let account: string
beforeEach(() => {
  account = uniqueId('account')
})

async function claim(cartId: string, changes: object = {}): Promise<Response> {
  const all = { CARTS_PER_ACCOUNT: CAP, ...changes }
  const [caller, body] = [await shopper(account), accounts(account)]
  return await sendJsonWith(all, 'POST', accountsOf(cartId), caller, body)
}

async function create(body: unknown, changes: object = {}): Promise<Response> {
  const all = { CARTS_PER_ACCOUNT: CAP, ...changes }
  return await sendJsonWith(all, 'POST', '/v2/carts', await shopper(account), body)
}

/** Gives the account this many carts, and returns them. */
async function fill(count: number, used_at = Date.now()): Promise<string[]> {
  const carts = Array.from({ length: count }, () => uniqueId('cart'))
  await insertRows(carts.map((cart_id) => ({ cart_id, account_id: account, used_at })))
  return carts
}

async function countCarts(): Promise<number> {
  const { results } = await env.DB.prepare('select 1 from associations where account_id = ?')
    .bind(account)
    .all()
  return results.length
}

describe('an account with as many carts as it may have', () => {
  it('gets no other by the relationship: 409', async () => {
    await fill(CAP - 1)
    expect((await claim(uniqueId('cart'))).status).toBe(200)
    const refused = uniqueId('cart')

    await expectErrors(await claim(refused), 409, full)

    expect(loggedReasons()).toEqual(['The account has too many carts'])
    expect(await rowsOf(refused)).toEqual([])
  })

  it('gets no other by POST /v2/carts: 409', async () => {
    await fill(CAP)

    await expectErrors(await create({ name: 'Cart' }), 409, full)

    expect(await countCarts()).toBe(CAP)
  })

  it('is told so in one round trip, without a row written', async () => {
    await fill(CAP)
    const { db, calls } = wrapD1(env.DB)

    expect((await claim(uniqueId('cart'), { DB: db })).status).toBe(409)
    expect(calls()).toBe(1)
  })

  it('is told of a cart of others first: 403', async () => {
    await fill(CAP)
    const taken = uniqueId('cart')
    await insertRows([{ cart_id: taken, account_id: uniqueId('account') }])

    expect((await claim(taken)).status).toBe(403)
    expect((await create({ id: taken })).status).toBe(403)
  })

  it('may go on to use the carts that it has', async () => {
    for (const cartId of await fill(CAP)) {
      expect((await claim(cartId)).status).toBe(204)
      expect((await create({ id: cartId })).status).toBe(200)
    }
  })

  it('may have another once it has left one', async () => {
    const [first = ''] = await fill(CAP)
    const [caller, body] = [await shopper(account), accounts(account)]
    await sendJsonWith({}, 'DELETE', accountsOf(first), caller, body)

    expect((await claim(uniqueId('cart'))).status).toBe(200)
  })

  it('may have others in another store', async () => {
    await fill(CAP)
    const [caller, body] = [await shopper(account, 'another-store'), accounts(account)]
    const path = accountsOf(uniqueId('cart'))

    const response = await sendJsonWith({ CARTS_PER_ACCOUNT: CAP }, 'POST', path, caller, body)

    expect(response.status).toBe(200)
  })
})

describe('the carts that are not counted', () => {
  it('are expired ones', async () => {
    const expired = await fill(CAP, Date.now() - 31 * DAY_MS)
    const changes = { ASSOCIATION_TTL_DAYS: 30 }

    expect((await claim(uniqueId('cart'), changes)).status).toBe(200)
    expect((await claim(expired[0] ?? '', changes)).status).toBe(200)
    expect((await claim(uniqueId('cart'), changes)).status).toBe(200)
    expect((await claim(expired[1] ?? '', changes)).status).toBe(409)
    expect((await claim(expired[1] ?? '')).status).toBe(204)
  })

  it('are those that a server adds', async () => {
    await fill(CAP)
    const [caller, body] = [await server(), accounts(account)]
    const path = accountsOf(uniqueId('cart'))

    const response = await sendJsonWith({ CARTS_PER_ACCOUNT: CAP }, 'POST', path, caller, body)

    expect(response.status).toBe(200)
  })

  it('are those that another Worker adds', async () => {
    await fill(CAP)
    const bindings = Object({ ...env, CARTS_PER_ACCOUNT: CAP })
    const service = new CartAccounts(createExecutionContext(), bindings)
    const call = { storeId: 'demo', accountId: account }

    const outcomes = [
      await service.associate({ ...call, cartId: uniqueId('cart') }),
      await service.associate({ ...call, cartId: uniqueId('cart'), claim: 'unclaimed' }),
    ]

    expect(outcomes).toEqual(['created', 'created'])
  })
})

describe('CARTS_PER_ACCOUNT', () => {
  it('is 100 if it is not set', async () => {
    const changes = { CARTS_PER_ACCOUNT: undefined }
    await fill(99)

    expect((await claim(uniqueId('cart'), changes)).status).toBe(200)
    expect((await claim(uniqueId('cart'), changes)).status).toBe(409)
  })

  it.each([1, '1'])('is a number or its text: %j', async (cap) => {
    const changes = { CARTS_PER_ACCOUNT: cap }

    expect((await claim(uniqueId('cart'), changes)).status).toBe(200)
    expect((await claim(uniqueId('cart'), changes)).status).toBe(409)
  })

  it.each([
    { by: 'the relationship', ask: () => claim(uniqueId('cart'), { CARTS_PER_ACCOUNT: 100 }) },
    { by: 'POST /v2/carts', ask: () => create({}, { CARTS_PER_ACCOUNT: 100 }) },
  ])('is kept by 500 new carts of one account at once, by $by', async ({ by, ask }) => {
    const responses = await Promise.all(Array.from({ length: 500 }, ask))

    const statuses = responses.map(({ status }) => status)
    const made = by === 'the relationship' ? 200 : 201
    expect(statuses.filter((status) => status === made)).toHaveLength(100)
    expect(statuses.filter((status) => status === 409)).toHaveLength(400)
    expect(await countCarts()).toBe(100)
  })
})
