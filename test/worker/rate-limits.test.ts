import { describe, expect, it } from 'vitest'
import { expectErrors } from './expect-errors.ts'
import { logged } from './logs.ts'
import { accounts, accountsOf, associate, sendJson, sendJsonWith, uniqueId } from './requests.ts'
import { server, shopper } from './tokens.ts'

const tooMany = { title: 'Too Many Requests' }

/** The simulated windows are the minutes of the wall clock: a try that reached into a second one is repeated. */
async function inOneMinute(test: () => Promise<void>): Promise<void> {
  const minute = () => Math.floor(Date.now() / 60_000)
  const first = minute()
  await test().catch(async (error: unknown) => {
    if (minute() === first) throw error
    await test()
  })
}

async function times(count: number, ask: () => Promise<Response>): Promise<number[]> {
  const responses = await Promise.all(Array.from({ length: count }, ask))
  return responses.map(({ status }) => status)
}

describe('a shopper', () => {
  it('is answered 600 times a minute and then 429, unlike other stores and accounts', () =>
    inOneMinute(async () => {
      const account = uniqueId('account')
      const caller = await shopper(account)
      const ask = () => associate(uniqueId('cart'), caller, account)

      expect(new Set(await times(600, ask))).toEqual(new Set([200]))
      const response = await ask()

      expect(response.headers.get('Retry-After')).toBe('60')
      await expectErrors(response, 429, tooMany)
      const another = uniqueId('account')
      expect([
        (await associate(uniqueId('cart'), await shopper(account, 'other'), account)).status,
        (await associate(uniqueId('cart'), await shopper(another), another)).status,
      ]).toEqual([200, 200])
    }))
})

describe('a server', () => {
  it('is not limited', async () => {
    const caller = await server()

    const statuses = await times(650, () => associate('one-cart', caller, 'one-account'))

    expect(new Set(statuses)).toEqual(new Set([200, 204]))
  })
})

describe('a caller whose tokens fail', () => {
  it('is answered 300 times a minute by address, and then 429 for each failure alone', () =>
    inOneMinute(async () => {
      const address = { 'CF-Connecting-IP': uniqueId('address') }
      const ask = (headers: Record<string, string>) =>
        sendJson('POST', accountsOf('cart-1'), { ...headers, ...address }, accounts('account-1'))
      const badAccess = { Authorization: 'Bearer bad' }
      const badAccount = {
        ...(await server()),
        'EP-Account-Management-Authentication-Token': 'bad',
      }

      expect(new Set(await times(150, () => ask(badAccess)))).toEqual(new Set([401]))
      expect(new Set(await times(150, () => ask(badAccount)))).toEqual(new Set([403]))
      const response = await ask(badAccess)

      expect(response.headers.get('Retry-After')).toBe('60')
      await expectErrors(response, 429, tooMany)
      expect((await ask(badAccount)).status).toBe(429)
      expect((await ask(await server())).ok).toBe(true)
      expect((await sendJson('POST', accountsOf('c'), badAccess, {})).status).toBe(401)
    }))
})

describe('the bindings', () => {
  const counted = async (headers: Record<string, string>): Promise<Record<string, string[]>> => {
    const shoppers: string[] = []
    const failures: string[] = []
    const counting = (keys: string[]) => ({
      limit: async ({ key }: RateLimitOptions) => {
        keys.push(key)
        return { success: true }
      },
    })
    const bindings = {
      SHOPPER_RATE_LIMIT: counting(shoppers),
      FAILURE_RATE_LIMIT: counting(failures),
    }
    const caller = { ...headers, 'CF-Connecting-IP': '2001:db8::1' }
    await sendJsonWith(bindings, 'POST', accountsOf('c'), caller, accounts('account-1'))
    return { shoppers, failures }
  }

  it('count each caller once, by what it is', async () => {
    const narrowed = { ...(await shopper('account-1')), ...(await server()) }
    const forged = { ...(await server()), 'EP-Account-Management-Authentication-Token': 'bad' }

    expect(await counted(await shopper('account-1'))).toEqual({
      shoppers: ['demo:account-1'],
      failures: [],
    })
    expect(await counted(narrowed)).toEqual({ shoppers: ['demo:account-1'], failures: [] })
    expect(await counted(await server())).toEqual({ shoppers: [], failures: [] })
    expect(await counted({})).toEqual({ shoppers: [], failures: ['2001:db8::1'] })
    expect(await counted({ Authorization: 'Bearer bad' })).toEqual({
      shoppers: [],
      failures: ['2001:db8::1'],
    })
    expect(await counted(forged)).toEqual({ shoppers: [], failures: ['2001:db8::1'] })
  })
})

describe('a binding', () => {
  it.each([
    {
      title: 'is missing',
      binding: undefined,
      warning: 'SHOPPER_RATE_LIMIT is not bound: requests are not limited',
    },
    {
      title: 'fails',
      binding: { limit: async () => Promise.reject(new Error('internal error')) },
      warning: 'SHOPPER_RATE_LIMIT fails: requests are not limited',
    },
  ])('that $title means no limit, and one warning', async ({ binding, warning }) => {
    const account = uniqueId('account')
    const caller = await shopper(account)
    const bindings = { SHOPPER_RATE_LIMIT: binding }

    const statuses = await times(3, () =>
      sendJsonWith(bindings, 'POST', accountsOf(uniqueId('cart')), caller, accounts(account)),
    )

    expect(statuses).toEqual([200, 200, 200])
    expect(logged.filter(({ level }) => level !== 'log')).toEqual([
      { level: 'warn', line: { warning } },
    ])
  })
})
