import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { expectErrors, notPermitted } from './expected.ts'
import { accounts, accountsOf, cartOf, cartsOf, sendJsonWith, uniqueId } from './requests.ts'
import { insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst, wrapD1 } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-11-25T12:00:00Z')
const TTL_DAYS = 30
const EXPIRED = START - TTL_DAYS * DAY_MS

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

const usedAt = async (used_at: number, ...accountIds: string[]): Promise<void> =>
  await insertRows(accountIds.map((account_id) => ({ cart_id: cart, account_id, used_at })))

async function ask(
  method: string,
  path: string,
  caller: Record<string, string>,
  body?: unknown,
  changes: object = {},
): Promise<Response> {
  const all = { ASSOCIATION_TTL_DAYS: TTL_DAYS, ...changes }
  return await sendJsonWith(all, method, path, caller, body)
}

const claim = async (accountId: string, changes?: object): Promise<Response> =>
  await ask('POST', accountsOf(cart), await shopper(accountId), accounts(accountId), changes)

/** Counts the association in every way in which it can be read. */
async function seen(): Promise<unknown[]> {
  const [asShopper, asServer] = [await shopper(account), await server()]
  const listed = async (path: string, caller: Record<string, string>): Promise<unknown> => {
    const { data, meta } = Object(await (await ask('GET', path, caller)).json())
    expect(meta.results.total).toBe(data.length)
    return data.length
  }
  const bindings = Object({ ...env, ASSOCIATION_TTL_DAYS: TTL_DAYS })
  const service = new CartAccounts(createExecutionContext(), bindings)
  const storeId = 'demo'
  return [
    await listed('/v2/carts', asShopper),
    await listed(cartsOf(account), asServer),
    await listed(accountsOf(cart), asServer),
    await listed(accountsOf(cart), asShopper),
    (await ask('GET', cartOf(cart), asShopper)).status === 200 ? 1 : 0,
    (await ask('GET', cartOf(cart), asServer)).status === 200 ? 1 : 0,
    (await service.hasCart({ storeId, cartId: cart, accountId: account })) ? 1 : 0,
    (await service.listCarts({ storeId, accountId: account })).total,
    (await service.listAccounts({ storeId, cartId: cart })).total,
  ]
}

describe('an association', () => {
  it('is there until its last use is the TTL ago, and then absent everywhere', async () => {
    await usedAt(EXPIRED + 1, account)

    const before = await seen()
    vi.setSystemTime(START + 1)
    const after = await seen()

    expect(before).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1])
    expect(after).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(await rowsOf(cart)).toHaveLength(1)
  })

  it('never expires if no TTL is set', async () => {
    await usedAt(1, account)
    const changes = { ASSOCIATION_TTL_DAYS: undefined }

    const response = await ask('GET', cartOf(cart), await shopper(account), undefined, changes)

    expect(response.status).toBe(200)
    const { timestamps } = Object(await response.json()).data.meta
    expect(Object.keys(timestamps)).toEqual(['created_at', 'updated_at'])
    expect((await claim(account, changes)).status).toBe(204)
  })

  it('says when it expires: the TTL after its last use', async () => {
    await usedAt(START - DAY_MS, account)

    const list = await ask('GET', '/v2/carts', await shopper(account))

    expect(Object(await list.json()).data[0].meta.timestamps).toMatchObject({
      updated_at: '2026-11-24T12:00:00.000Z',
      expires_at: '2026-12-24T12:00:00.000Z',
    })
  })

  it.each(['30', 30])('takes the TTL as a number or its text: %j', async (days) => {
    await usedAt(EXPIRED, account)
    const changes = { ASSOCIATION_TTL_DAYS: days }

    const response = await ask('GET', cartOf(cart), await shopper(account), undefined, changes)

    expect(response.status).toBe(404)
  })

  it('lives on when it is used, and not when it is read', async () => {
    await usedAt(EXPIRED + DAY_MS, account)

    expect((await claim(account)).status).toBe(204)
    vi.setSystemTime(START + (TTL_DAYS - 1) * DAY_MS)

    expect((await claim(account)).status).toBe(204)
  })
})

describe('an expired association', () => {
  it('is made anew by its own account: 200, with a created_at of now', async () => {
    await usedAt(EXPIRED, account)

    const response = await claim(account)

    expect(response.status).toBe(200)
    expect(await rowsOf(cart)).toEqual([
      {
        ...{ store_id: 'demo', cart_id: cart, account_id: account, created_by: 'member-1' },
        ...{ created_at: START, used_at: START },
        request_id: response.headers.get('X-Request-Id'),
      },
    ])
    expect((await claim(account)).status).toBe(204)
  })

  it('is made anew by POST /v2/carts: 201', async () => {
    await usedAt(EXPIRED, account)

    const response = await ask('POST', '/v2/carts', await shopper(account), { id: cart })

    expect(response.status).toBe(201)
  })

  it('is made anew once, of requests at once', async () => {
    await usedAt(EXPIRED, account)

    const responses = await Promise.all(Array.from({ length: 50 }, () => claim(account)))

    const created = responses.filter(({ status }) => status === 200)
    expect(created).toHaveLength(1)
    expect(responses.filter(({ status }) => status === 204)).toHaveLength(49)
  })

  it('is still answered 200 if the acknowledgement was lost', async () => {
    await usedAt(EXPIRED, account)
    const { db } = wrapD1(env.DB, loseFirst)

    expect((await claim(account, { DB: db })).status).toBe(200)
  })

  it('leaves the cart to another account', async () => {
    await usedAt(EXPIRED + 1, account)
    const refused = await claim(other)
    vi.setSystemTime(START + 1)

    const response = await claim(other)

    await expectErrors(refused, 403, notPermitted)
    expect(response.status).toBe(200)
    expect((await claim(account)).status).toBe(403)
  })

  it('is no other account to a shopper who removes the cart', async () => {
    await usedAt(EXPIRED, other)
    await usedAt(START, account)

    expect((await ask('DELETE', cartOf(cart), await shopper(account))).status).toBe(204)
    expect(await rowsOf(cart)).toMatchObject([{ account_id: other }])
  })
})
