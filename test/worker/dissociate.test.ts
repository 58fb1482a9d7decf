import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { accounts, accountsOf, associate, sendJson, sendJsonWith, uniqueId } from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

let cart: string
let account: string
let other: string

beforeEach(async () => {
  cart = uniqueId('cart')
  account = uniqueId('account')
  other = uniqueId('account')
  await associate(cart, await server(), account, other)
})

async function dissociate(
  caller: Record<string, string>,
  ...accountIds: string[]
): Promise<Response> {
  return await sendJson('DELETE', accountsOf(cart), caller, accounts(...accountIds))
}

describe('DELETE /v2/carts/:cartID/relationships/accounts', () => {
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
    const { db, calls } = wrapD1(env.DB, (_, call) => call())

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
