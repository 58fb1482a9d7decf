import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { accounts, accountsOf, associate, sendJson, sendJsonWith, uniqueId } from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { accessParts, accountParts, server, shopper, sign } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

let cart: string
let account: string
let other: string

beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
  other = uniqueId('account')
})

describe('POST /v2/carts/:cartID/relationships/accounts by a shopper', () => {
  it('answers 200 with the account that is now associated', async () => {
    const response = await associate(cart, await shopper(account), account)

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(await response.text()).toBe(`{"data":[{"type":"account","id":"${account}"}]}`)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('answers 204 without body or Content-Type when the account was associated already', async () => {
    const caller = await shopper(account)
    await associate(cart, caller, account)

    const response = await associate(cart, caller, account)

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(response.headers.has('Content-Type')).toBe(false)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('narrows a server that sends an account token to that account', async () => {
    const access = await sign(accessParts())
    const caller = {
      Authorization: `Bearer ${access}`,
      'EP-Account-Management-Authentication-Token': await sign(
        accountParts({ account_id: account }),
      ),
    }

    expect((await associate(cart, caller, account)).status).toBe(200)
    expect((await associate(cart, caller, other)).status).toBe(403)
  })

  it('refuses an account other than that of the token', async () => {
    const response = await associate(cart, await shopper(account), other)

    await expectErrors(response, 403, notPermitted)
    expect(await rowsOf(cart)).toEqual([])
  })

  it.each([
    { title: 'its own among them', named: () => [account, other] },
    { title: 'its own not among them', named: () => [other, uniqueId('account')] },
  ])('refuses more than one distinct account: $title', async ({ named }) => {
    const response = await associate(cart, await shopper(account), ...named())

    await expectErrors(response, 403, { title: 'Cannot associate more than one account' })
    expect(await rowsOf(cart)).toEqual([])
  })

  it('takes an account that is named twice as one', async () => {
    const response = await associate(cart, await shopper(account), account, account)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(account))
  })

  it('refuses a cart that belongs to other accounts only, as it refuses a wrong account', async () => {
    await associate(cart, await shopper(other), other)

    const response = await associate(cart, await shopper(account), account)

    await expectErrors(response, 403, notPermitted)
    expect(await accountIdsOf(cart)).toEqual([other])
  })

  it('refuses a cart of other accounts, whatever its account has in other stores', async () => {
    await associate(cart, await server('first-store'), account)
    await associate(cart, await server('second-store'), other)

    const response = await associate(cart, await shopper(account, 'second-store'), account)

    expect(response.status).toBe(403)
    expect(await accountIdsOf(cart)).toEqual([account, other])
  })

  it('answers 204 for a cart that a server shares with its account', async () => {
    await associate(cart, await server(), account, other)

    const response = await associate(cart, await shopper(account), account)

    expect(response.status).toBe(204)
  })

  it('may claim a cart again once every account has left it', async () => {
    await associate(cart, await shopper(other), other)
    await sendJson('DELETE', accountsOf(cart), await shopper(other), accounts(other))

    const response = await associate(cart, await shopper(account), account)

    expect(response.status).toBe(200)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('may claim a cart id that is taken in another store', async () => {
    await associate(cart, await shopper(other, 'first-store'), other)

    const response = await associate(cart, await shopper(account, 'second-store'), account)

    expect(response.status).toBe(200)
    expect(await accountIdsOf(cart)).toEqual([other, account])
  })
})

describe('POST /v2/carts/:cartID/relationships/accounts by a server', () => {
  it('associates any account of its store', async () => {
    const response = await associate(cart, await server(), account)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(account))
  })

  it('adds an account to a cart that already belongs to one', async () => {
    await associate(cart, await shopper(other), other)

    const response = await associate(cart, await server(), account)

    expect(response.status).toBe(200)
    expect((await accountIdsOf(cart)).sort()).toEqual([account, other].sort())
  })

  it('answers all requested accounts in order, duplicates once, if one is new', async () => {
    const third = uniqueId('account')
    await associate(cart, await server(), other)

    const response = await associate(cart, await server(), third, other, account, third)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(third, other, account))
  })

  it('answers 204 when every account was associated already', async () => {
    await associate(cart, await server(), account, other)

    expect((await associate(cart, await server(), other, account)).status).toBe(204)
  })

  it('associates a hundred accounts at once', async () => {
    const hundred = Array.from({ length: 100 }, () => uniqueId('account'))

    const response = await associate(cart, await server(), ...hundred)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(...hundred))
    expect((await accountIdsOf(cart)).sort()).toEqual(hundred.sort())
  })
})

describe('an association', () => {
  it('stores the account member of a shopper, the time and the request', async () => {
    const before = Date.now()
    const response = await associate(cart, await shopper(account), account)

    expect(await rowsOf(cart)).toEqual([
      {
        store_id: 'demo',
        cart_id: cart,
        account_id: account,
        created_at: expect.any(Number),
        used_at: expect.any(Number),
        created_by: 'member-1',
        request_id: response.headers.get('X-Request-Id'),
      },
    ])
    const [row] = await rowsOf(cart)
    expect(row?.created_at).toBeGreaterThanOrEqual(before)
    expect(row?.created_at).toBeLessThanOrEqual(Date.now())
    expect(row?.used_at).toBe(row?.created_at)
  })

  it('stores the client of a server', async () => {
    await associate(cart, await server('demo', { sub: 'back-office' }), account)

    expect(await rowsOf(cart)).toMatchObject([{ created_by: 'back-office' }])
  })

  it('is not changed by a repeated request', async () => {
    await associate(cart, await shopper(account), account)
    const first = await rowsOf(cart)

    await associate(cart, await server(), account)

    expect(await rowsOf(cart)).toEqual(first)
  })
})

async function dissociate(
  caller: Record<string, string>,
  ...accountIds: string[]
): Promise<Response> {
  return await sendJson('DELETE', accountsOf(cart), caller, accounts(...accountIds))
}

describe('DELETE /v2/carts/:cartID/relationships/accounts', () => {
  beforeEach(async () => {
    await associate(cart, await server(), account, other)
  })

  it('answers 204 without body or Content-Type and removes the association', async () => {
    const response = await dissociate(await shopper(account), account)

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(response.headers.has('Content-Type')).toBe(false)
    expect(await accountIdsOf(cart)).toEqual([other])
  })

  it('answers 204 if there was no association', async () => {
    await dissociate(await shopper(account), account)

    const response = await dissociate(await shopper(account), account)

    expect(response.status).toBe(204)
    expect(await accountIdsOf(cart)).toEqual([other])
  })

  it('answers 204 to a shopper whose account never had the cart, and removes nothing', async () => {
    const stranger = uniqueId('account')

    const response = await dissociate(await shopper(stranger), stranger)

    expect(response.status).toBe(204)
    expect((await accountIdsOf(cart)).sort()).toEqual([account, other].sort())
  })

  it('refuses a shopper every account but its own', async () => {
    const response = await dissociate(await shopper(account), other)

    await expectErrors(response, 403, notPermitted)
    expect((await accountIdsOf(cart)).sort()).toEqual([account, other].sort())
  })

  it('refuses a shopper several accounts, and removes nothing', async () => {
    const response = await dissociate(await shopper(account), account, other)

    await expectErrors(response, 403, { title: 'Cannot associate more than one account' })
    expect((await accountIdsOf(cart)).sort()).toEqual([account, other].sort())
  })

  it('lets a server remove any accounts, all at once', async () => {
    const response = await dissociate(await server(), other, account, uniqueId('account'))

    expect(response.status).toBe(204)
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('removes a hundred accounts in one round trip', async () => {
    const hundred = Array.from({ length: 100 }, () => uniqueId('account'))
    await associate(cart, await server(), ...hundred)
    const { db, calls } = wrapD1(env.DB)

    const response = await sendJsonWith(
      { DB: db },
      'DELETE',
      accountsOf(cart),
      await server(),
      accounts(...hundred),
    )

    expect(response.status).toBe(204)
    expect(calls()).toBe(1)
    expect((await accountIdsOf(cart)).sort()).toEqual([account, other].sort())
  })

  it('removes nothing from other carts or stores', async () => {
    const otherCart = uniqueId('cart')
    await associate(otherCart, await server(), account)

    await dissociate(await server('another-store'), account, other)
    await dissociate(await server(), account)

    expect(await accountIdsOf(otherCart)).toEqual([account])
    expect(await accountIdsOf(cart)).toEqual([other])
  })
})

function count(statuses: number[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

describe('requests at once', () => {
  it('answer 200 once and 204 499 times to one shopper, and store one row', async () => {
    const cart = uniqueId('cart')
    const account = uniqueId('account')
    const caller = await shopper(account)

    const responses = await Promise.all(
      Array.from({ length: 500 }, () => associate(cart, caller, account)),
    )

    expect(count(responses.map(({ status }) => status))).toEqual({ 200: 1, 204: 499 })
    const winner = responses.find(({ status }) => status === 200)
    expect(await rowsOf(cart)).toMatchObject([
      { account_id: account, request_id: winner?.headers.get('X-Request-Id') },
    ])
  })

  it('let one of two shoppers win an unclaimed cart, and refuse the other', async () => {
    const cart = uniqueId('cart')
    const rivals = [uniqueId('account'), uniqueId('account')]
    const callers = await Promise.all(rivals.map((account) => shopper(account)))

    const answers = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const rival = index % 2
        const account = rivals[rival] ?? ''
        const { status } = await associate(cart, callers[rival] ?? {}, account)
        return { account, status }
      }),
    )

    const [winner] = await accountIdsOf(cart)
    expect(await accountIdsOf(cart)).toHaveLength(1)
    const statusesOf = (won: boolean) =>
      answers.filter(({ account }) => (account === winner) === won).map(({ status }) => status)
    expect(count(statusesOf(true))).toEqual({ 200: 1, 204: 249 })
    expect(count(statusesOf(false))).toEqual({ 403: 250 })
  })

  it('answer 200 once for each set of accounts that a server adds', async () => {
    const cart = uniqueId('cart')
    const caller = await server()
    const [first, second, third] = [uniqueId('account'), uniqueId('account'), uniqueId('account')]

    const responses = await Promise.all(
      Array.from({ length: 100 }, () => associate(cart, caller, first, second, third)),
    )

    expect(count(responses.map(({ status }) => status))).toEqual({ 200: 1, 204: 99 })
    expect(await accountIdsOf(cart)).toHaveLength(3)
  })
})
