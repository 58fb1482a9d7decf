import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  atOnce,
  sendCounted,
  sendJson,
  tally,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'

const [own, other, third] = ['account-1', 'account-2', 'account-3']

let cart: string
beforeEach(() => {
  cart = uniqueId('cart')
})

/** Gives the cart to these accounts, as a server. */
const give = async (...accountIds: string[]): Promise<Response> =>
  await associate(cart, await server(), ...accountIds)

const dissociate = async (
  caller: Record<string, string>,
  ...accountIds: string[]
): Promise<Response> => await sendJson('DELETE', accountsOf(cart), caller, accounts(...accountIds))

describe('POST /v2/carts/:cartID/relationships/accounts', () => {
  it('answers 200 with the account that is now associated', async () => {
    const response = await associate(cart, await shopper(own), own)

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(await response.text()).toBe(`{"data":[{"type":"account","id":"${own}"}]}`)
    expect(await accountIdsOf(cart)).toEqual([own])
  })

  it('answers 204 if every account has the cart, to a shopper and to a server', async () => {
    await give(own, other)

    expect((await associate(cart, await shopper(own), own)).status).toBe(204)
    expect((await give(other, own)).status).toBe(204)
    expect(await accountIdsOf(cart)).toEqual([own, other])
  })

  it('takes an account that a shopper names twice as one', async () => {
    const response = await associate(cart, await shopper(own), own, own)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(own))
  })

  it('adds any accounts for a server, and answers all in order, duplicates once, if one is new', async () => {
    await associate(cart, await shopper(other), other)

    const response = await give(third, other, own, third)

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(third, other, own))
    expect(await accountIdsOf(cart)).toEqual([own, other, third])
  })

  it('stores who asked, when and in which request, and a repeat changes nothing', async () => {
    const [first, second] = [uniqueId('a'), uniqueId('b')]
    const before = Date.now()
    const claimed = await associate(cart, await shopper(first), first)
    const added = await associate(cart, await server('demo', { sub: 'back-office' }), second)

    const rows = await rowsOf(cart)
    await give(first, second)

    const times = { created_at: expect.any(Number), used_at: expect.any(Number) }
    const row = { store_id: 'demo', cart_id: cart, ...times }
    const [request_id, ofServer] = [claimed, added].map(({ headers }) =>
      headers.get('X-Request-Id'),
    )
    expect(rows).toEqual([
      { ...row, account_id: first, created_by: 'member-1', request_id },
      { ...row, account_id: second, created_by: 'back-office', request_id: ofServer },
    ])
    for (const { created_at, used_at } of rows) {
      expect(created_at).toBeGreaterThanOrEqual(before)
      expect(created_at).toBeLessThanOrEqual(Date.now())
      expect(used_at).toBe(created_at)
    }
    expect(await rowsOf(cart)).toEqual(rows)
  })

  it('refuses a shopper a cart of other accounts, whatever its own has in other stores', async () => {
    await associate(cart, await server('first-store'), own)
    await associate(cart, await server('second-store'), other)

    const caller = await shopper(own, 'second-store')
    const asked = await sendCounted('POST', accountsOf(cart), caller, { body: accounts(own) })

    await expectErrors(asked.response, 403, notPermitted)
    expect(asked).toMatchObject({ trips: 1, rowsWritten: 0 })
    expect(await accountIdsOf(cart)).toEqual([own, other])
  })

  it('lets a shopper claim a cart that every account of its store has left', async () => {
    await associate(cart, await shopper(other), other)
    await associate(cart, await shopper(other, 'another-store'), other)
    await dissociate(await shopper(other), other)

    const response = await associate(cart, await shopper(own), own)

    expect(response.status).toBe(200)
    expect(await accountIdsOf(cart)).toEqual([other, own])
  })

  it('narrows a server that sends an account token to that account', async () => {
    const caller = { ...(await shopper(own)), ...(await server()) }

    expect((await associate(cart, caller, own)).status).toBe(200)
    expect((await associate(cart, caller, other)).status).toBe(403)
  })
})

describe.each(['POST', 'DELETE'])('%s by a shopper', (method) => {
  const notOne = { title: 'Cannot associate more than one account' }

  it.each([
    { title: 'an account that is not its own', named: [other], error: notPermitted },
    { title: 'several accounts, its own among them', named: [own, other], error: notOne },
    { title: 'several accounts, its own not among them', named: [other, third], error: notOne },
  ])('is refused for $title, and changes nothing', async ({ named, error }) => {
    await give(own, other)
    const before = await rowsOf(cart)

    const response = await sendJson(
      method,
      accountsOf(cart),
      await shopper(own),
      accounts(...named),
    )

    await expectErrors(response, 403, error)
    expect(await rowsOf(cart)).toEqual(before)
  })
})

describe('DELETE /v2/carts/:cartID/relationships/accounts', () => {
  it.each([
    { who: 'a shopper', caller: () => shopper(own), named: [own], left: [other] },
    { who: 'a stranger', caller: () => shopper(third), named: [third], left: [own, other] },
    { who: 'a server', caller: () => server(), named: [other, own, third], left: [] },
  ])('answers 204 to $who, whether the accounts that it names were there or not', async (row) => {
    await give(own, other)

    for (const _ of ['there', 'gone']) {
      expect((await dissociate(await row.caller(), ...row.named)).status).toBe(204)
    }
    expect(await accountIdsOf(cart)).toEqual(row.left)
  })

  it('removes nothing from other carts or stores', async () => {
    const otherCart = uniqueId('cart')
    await associate(otherCart, await server(), own)
    await give(own, other)

    await dissociate(await server('another-store'), own, other)
    await dissociate(await server(), own)

    expect(await accountIdsOf(otherCart)).toEqual([own])
    expect(await accountIdsOf(cart)).toEqual([other])
  })
})

describe('a write with a condition', () => {
  it.each([
    { name: 'If-Match', value: '"wrong"' },
    { name: 'If-Match', value: '*' },
    { name: 'If-None-Match', value: '*' },
    { name: 'If-None-Match', value: '"any"' },
    { name: 'If-Unmodified-Since', value: 'Wed, 25 Nov 2026 00:00:00 GMT' },
  ])('is answered 412 and changes nothing: $name: $value', async ({ name, value }) => {
    await give(own)
    const headers = { ...(await server()), [name]: value }

    const answers = [await associate(cart, headers, other), await dissociate(headers, own)]

    for (const each of answers) {
      await expectErrors(each, 412, {
        title: 'Precondition Failed',
        detail: 'Conditional writes are not supported, and repeats are harmless',
      })
    }
    expect(await accountIdsOf(cart)).toEqual([own])
  })
})

describe('a hundred accounts', () => {
  it('are added and removed in one round trip each, with two rows written for a new one', async () => {
    const hundred = Array.from({ length: 100 }, () => uniqueId('account'))
    const body = accounts(...hundred)

    const added = await sendCounted('POST', accountsOf(cart), await server(), { body })
    const stored = await accountIdsOf(cart)
    const removed = await sendCounted('DELETE', accountsOf(cart), await server(), { body })

    expect(added).toMatchObject({ status: 200, trips: 1, rowsWritten: 200 })
    expect(await added.response.json()).toEqual(body)
    expect(stored).toEqual(hundred.toSorted())
    expect(removed).toMatchObject({ status: 204, trips: 1 })
    expect(await accountIdsOf(cart)).toEqual([])
  })
})

describe('requests at once', () => {
  it('answer 200 once and 204 499 times to one shopper, and store one row', async () => {
    const account = uniqueId('account')
    const caller = await shopper(account)

    const responses = await atOnce(500, () => associate(cart, caller, account))

    expect(tally(responses)).toEqual({ 200: 1, 204: 499 })
    const winner = responses.find(({ status }) => status === 200)
    expect(await rowsOf(cart)).toMatchObject([
      { account_id: account, request_id: winner?.headers.get('X-Request-Id') },
    ])
  })

  it('let one of two shoppers win an unclaimed cart, and refuse the other', async () => {
    const rivals = [uniqueId('account'), uniqueId('account')]
    const callers = await Promise.all(rivals.map((account) => shopper(account)))

    const responses = await atOnce(500, (index) =>
      associate(cart, callers[index % 2] ?? {}, rivals[index % 2] ?? ''),
    )

    const [winner = '', ...others] = await accountIdsOf(cart)
    const won = rivals.indexOf(winner)
    const statusesOf = (rival: number) => tally(responses.filter((_, at) => at % 2 === rival))
    expect(others).toEqual([])
    expect(statusesOf(won)).toEqual({ 200: 1, 204: 249 })
    expect(statusesOf(1 - won)).toEqual({ 403: 250 })
  })

  it('answer 200 once to a server that adds several accounts', async () => {
    const caller = await server()

    const responses = await atOnce(100, () => associate(cart, caller, own, other, third))

    expect(tally(responses)).toEqual({ 200: 1, 204: 99 })
    expect(await accountIdsOf(cart)).toEqual([own, other, third])
  })
})
