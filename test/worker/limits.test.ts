// How long associations live, and how many an account may have (contract, section 13).
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { expectErrors, notPermitted } from './expected.ts'
import { loggedReasons } from './logs.ts'
import {
  accounts,
  accountsOf,
  atOnce,
  type Changes,
  cartOf,
  cartsOf,
  sendCounted,
  sendJson,
  sendJsonWith,
  tally,
  uniqueId,
} from './requests.ts'
import { cartIdsOf, insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-11-25T12:00:00Z')
const TTL_DAYS = 30
const EXPIRED = START - TTL_DAYS * DAY_MS
const CAP = 3
const limits = { ASSOCIATION_TTL_DAYS: TTL_DAYS, CARTS_PER_ACCOUNT: CAP }

let cart: string
let account: string
let other: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
  other = uniqueId('account')
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Gives the cart to an account that used it last at this time. */
const usedAt = async (used_at: number, account_id = account): Promise<void> =>
  await insertRows([{ cart_id: cart, account_id, used_at }])

/** Gives the account this many carts, and returns them. */
async function fill(count: number, used_at = START): Promise<string[]> {
  const carts = Array.from({ length: count }, () => uniqueId('cart'))
  await insertRows(carts.map((cart_id) => ({ cart_id, account_id: account, used_at })))
  return carts
}

async function claim(accountId = account, changes?: Changes, cartId = cart): Promise<Response> {
  const [caller, body] = [await shopper(accountId), accounts(accountId)]
  return await sendJsonWith({ ...limits, ...changes }, 'POST', accountsOf(cartId), caller, body)
}

const claimAnother = async (changes?: Changes): Promise<Response> =>
  await claim(account, changes, uniqueId('cart'))

const create = async (body: unknown, changes?: Changes): Promise<Response> =>
  await sendJsonWith({ ...limits, ...changes }, 'POST', '/v2/carts', await shopper(account), body)

const read = async (changes?: Changes): Promise<Response> =>
  await sendJsonWith({ ...limits, ...changes }, 'GET', cartOf(cart), await shopper(account))

const service = new CartAccounts(createExecutionContext(), Object({ ...env, ...limits }))

/** Counts the association in every way in which it can be read. */
async function seen(): Promise<unknown[]> {
  const [asShopper, asServer] = [await shopper(account), await server()]
  const found = async (path: string, caller: Record<string, string>): Promise<unknown> => {
    const response = await sendJsonWith(limits, 'GET', path, caller)
    const { data, meta } = Object(await response.json())
    if (path === cartOf(cart)) return response.status === 200 ? 1 : 0
    expect(meta.results.total).toBe(data.length)
    return data.length
  }
  const storeId = 'demo'
  return [
    await found('/v2/carts', asShopper),
    await found(cartsOf(account), asServer),
    await found(accountsOf(cart), asServer),
    await found(accountsOf(cart), asShopper),
    await found(cartOf(cart), asShopper),
    await found(cartOf(cart), asServer),
    (await service.hasCart({ storeId, cartId: cart, accountId: account })) ? 1 : 0,
    (await service.access({ storeId, cartId: cart })) === 'others' ? 1 : 0,
    (await service.access({ storeId, cartId: cart, accountId: account })) === 'yours' ? 1 : 0,
    (await service.listCarts({ storeId, accountId: account })).total,
    (await service.listAccounts({ storeId, cartId: cart })).total,
  ]
}

describe('an association', () => {
  it('is there until its last use is the TTL ago, and then absent everywhere', async () => {
    await usedAt(EXPIRED + 1)

    const before = await seen()
    vi.setSystemTime(START + 1)
    const after = await seen()

    expect(before).toEqual(before.map(() => 1))
    expect(after).toEqual(before.map(() => 0))
    expect(await rowsOf(cart)).toHaveLength(1)
  })

  it('never expires if no TTL is set', async () => {
    await usedAt(1)
    const changes = { ASSOCIATION_TTL_DAYS: undefined }

    const response = await read(changes)

    expect(response.status).toBe(200)
    const { timestamps } = Object(await response.json()).data.meta
    expect(Object.keys(timestamps)).toEqual(['created_at', 'updated_at'])
    expect((await claim(account, changes)).status).toBe(204)
  })

  it('says when it expires: the TTL after its last use', async () => {
    await usedAt(START - DAY_MS)

    const { data } = Object(await (await read()).json())
    const { carts } = await service.listCarts({ storeId: 'demo', accountId: account })

    const [updated_at, expires_at] = ['2026-11-24T12:00:00.000Z', '2026-12-24T12:00:00.000Z']
    expect(data.meta.timestamps).toMatchObject({ updated_at, expires_at })
    expect(carts).toMatchObject([{ usedAt: new Date(updated_at), expiresAt: new Date(expires_at) }])
  })

  it('lives on when it is used, and not when it is read', async () => {
    await usedAt(EXPIRED + DAY_MS)

    expect((await claim()).status).toBe(204)
    vi.setSystemTime(START + (TTL_DAYS - 1) * DAY_MS)

    expect((await claim()).status).toBe(204)
  })
})

describe('an expired association', () => {
  it('is made anew by its own account: 200, with a created_at of now', async () => {
    await usedAt(EXPIRED)

    const response = await claim()

    expect(response.status).toBe(200)
    expect(await rowsOf(cart)).toEqual([
      {
        store_id: 'demo',
        cart_id: cart,
        account_id: account,
        created_by: 'member-1',
        created_at: START,
        used_at: START,
        request_id: response.headers.get('X-Request-Id'),
      },
    ])
    expect((await claim()).status).toBe(204)
  })

  it('is made anew by POST /v2/carts: 201, which says when it expires', async () => {
    await usedAt(EXPIRED)

    const response = await create({ id: cart })

    expect(response.status).toBe(201)
    const { timestamps } = Object(await response.json()).data.meta
    expect(timestamps.expires_at).toBe('2026-12-25T12:00:00.000Z')
  })

  it('is made anew once, of requests at once', async () => {
    await usedAt(EXPIRED)

    expect(tally(await atOnce(50, () => claim()))).toEqual({ 200: 1, 204: 49 })
  })

  it('is still answered 200 if the acknowledgement was lost', async () => {
    await usedAt(EXPIRED)
    const options = { body: accounts(account), changes: limits, around: loseFirst }

    const answer = await sendCounted('POST', accountsOf(cart), await shopper(account), options)

    expect(answer).toMatchObject({ status: 200, trips: 2 })
  })

  it('leaves the cart to another account', async () => {
    await usedAt(EXPIRED + 1)
    const refused = await claim(other)
    vi.setSystemTime(START + 1)

    const response = await claim(other)

    await expectErrors(refused, 403, notPermitted)
    expect(response.status).toBe(200)
    expect((await claim()).status).toBe(403)
  })

  it('is no other account to a shopper who removes the cart', async () => {
    await usedAt(EXPIRED, other)
    await usedAt(START)

    const removal = await sendJsonWith(limits, 'DELETE', cartOf(cart), await shopper(account))

    expect(removal.status).toBe(204)
    expect(await rowsOf(cart)).toMatchObject([{ account_id: other }])
  })
})

describe('an account with as many carts as it may have', () => {
  it('gets no other: 409, in one round trip and without a row written', async () => {
    await fill(CAP - 1)
    expect((await claimAnother()).status).toBe(200)
    const options = { body: accounts(account), changes: limits }

    const refused = await sendCounted('POST', accountsOf(cart), await shopper(account), options)

    const detail = 'The account has too many carts'
    await expectErrors(refused.response, 409, { title: 'Conflict', detail })
    expect(refused).toMatchObject({ trips: 1, rowsWritten: 0 })
    expect(loggedReasons()).toEqual([detail])
    expect(await rowsOf(cart)).toEqual([])
  })

  it('is refused a cart of others first: 403', async () => {
    await fill(CAP)
    await usedAt(START, other)

    expect((await claim()).status).toBe(403)
    expect((await create({ id: cart })).status).toBe(403)
  })

  it('may go on to use the carts that it has', async () => {
    for (const cartId of await fill(CAP)) {
      expect((await claim(account, {}, cartId)).status).toBe(204)
      expect((await create({ id: cartId })).status).toBe(200)
    }
  })

  it('may have another in another store, or once it has left one', async () => {
    const [first = ''] = await fill(CAP)
    const [inAnotherStore, body] = [await shopper(account, 'another-store'), accounts(account)]
    const asked = ['POST', accountsOf(cart), inAnotherStore, body] as const
    expect((await sendJsonWith(limits, ...asked)).status).toBe(200)

    await sendJson('DELETE', accountsOf(first), await shopper(account), body)

    expect((await claimAnother()).status).toBe(200)
  })
})

describe('the carts that are not counted', () => {
  it('are expired ones', async () => {
    const [first, second] = await fill(CAP, EXPIRED)

    expect((await claimAnother()).status).toBe(200)
    expect((await claim(account, {}, first)).status).toBe(200)
    expect((await claimAnother()).status).toBe(200)
    expect((await claim(account, {}, second)).status).toBe(409)
    expect((await claim(account, { ASSOCIATION_TTL_DAYS: undefined }, second)).status).toBe(204)
  })

  it('are those that a server or another Worker adds', async () => {
    await fill(CAP)
    const call = { storeId: 'demo', accountId: account }
    const asked = ['POST', accountsOf(cart), await server(), accounts(account)] as const

    expect((await sendJsonWith(limits, ...asked)).status).toBe(200)
    for (const claim of ['shared', 'unclaimed'] as const) {
      expect(await service.associate({ ...call, claim, cartId: uniqueId('cart') })).toBe('created')
    }
  })
})

describe('a limit', () => {
  it('of carts is 100 if it is not set', async () => {
    const changes = { CARTS_PER_ACCOUNT: undefined }
    await fill(99)

    expect((await claimAnother(changes)).status).toBe(200)
    expect((await claimAnother(changes)).status).toBe(409)
  })

  it('is a number or its text', async () => {
    await usedAt(EXPIRED + 1)
    const texts = { ASSOCIATION_TTL_DAYS: '31', CARTS_PER_ACCOUNT: '2' }
    vi.setSystemTime(START + 1)

    expect((await read(texts)).status).toBe(200)
    expect((await claimAnother(texts)).status).toBe(200)
    expect((await claimAnother(texts)).status).toBe(409)
  })

  it.each([
    { by: 'the relationship', made: 200, ask: () => claimAnother({ CARTS_PER_ACCOUNT: 100 }) },
    { by: 'POST /v2/carts', made: 201, ask: () => create({}, { CARTS_PER_ACCOUNT: 100 }) },
  ])('of carts is kept by 500 new carts of one account at once, by $by', async ({ made, ask }) => {
    expect(tally(await atOnce(500, ask))).toEqual({ [made]: 100, 409: 400 })
    expect(await cartIdsOf(account)).toHaveLength(100)
  })
})
