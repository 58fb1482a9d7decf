import { describe, expect, it } from 'vitest'
import { associate, uniqueId } from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'

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
