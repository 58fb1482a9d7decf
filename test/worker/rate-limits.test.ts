import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import {
  accounts,
  accountsOf,
  associate,
  request,
  send,
  sendJson,
  sendJsonWith,
  sendWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { accessParts, accountParts, now, server, shopper, sign } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const tooMany = { title: 'Too Many Requests' }

/** Repeats a try that reached into a second window: the windows are minutes of the wall clock. */
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
      const ask = () => send('GET', '/v2/carts', caller)

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

  it('do not count a token whose only fault is that it has expired', async () => {
    const claims = { iat: now() - 120, exp: now() - 60 }
    const access = { Authorization: `Bearer ${await sign(accessParts(claims))}` }
    const account = {
      ...(await server()),
      'EP-Account-Management-Authentication-Token': await sign(accountParts(claims)),
    }

    expect(await counted(access)).toEqual({ shoppers: [], failures: [] })
    expect(await counted(account)).toEqual({ shoppers: [], failures: [] })
  })

  it.each([
    { address: '192.0.2.1', key: '192.0.2.1' },
    { address: '2001:db8:1:2:3:4:5:6', key: '2001:db8:1:2' },
    { address: '2001:DB8:0001::5', key: '2001:db8:1:0' },
    { address: '::1', key: '0:0:0:0' },
    { address: '1::3:4:5:6:7', key: '1:0:0:3' },
    { address: '::ffff:192.0.2.1', key: '::ffff:c000:201' },
    { address: '2a06:98c0:3601::1', key: '2a06:98c0:3601:0' },
    { address: '2a06:98c0:3600::103', key: undefined },
    { address: undefined, key: undefined },
  ])('count by address, an IPv6 one by its first 64 bits: $address', async ({ address, key }) => {
    const keys: string[] = []
    const limit = async (options: RateLimitOptions) => {
      keys.push(options.key)
      return { success: true }
    }
    const bindings = {
      ...env,
      ...issuing,
      TOKEN_RATE_LIMIT: { limit },
      FAILURE_RATE_LIMIT: { limit },
    }
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      ...(address !== undefined && { 'CF-Connecting-IP': address }),
    }
    const body = 'grant_type=implicit&client_id=nobody'

    const response = await request(bindings, 'POST', '/oauth/access_token', headers, body)

    expect(response.status).toBe(401)
    expect(keys).toEqual(key === undefined ? [] : [`implicit:${key}`, key])
  })

  it('refuse a token request before the database is asked, even with a right secret', async () => {
    const { db, calls } = wrapD1(env.DB)
    const { clientId, secret } = await storedKey('confidential')
    const body = `grant_type=client_credentials&client_id=${clientId}&client_secret=${secret}`
    const changes = { ...issuing, DB: db, TOKEN_RATE_LIMIT: exhaustedLimit }
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }

    const response = await sendWith(changes, 'POST', '/oauth/access_token', headers, body)

    await expectErrors(response, 429, tooMany)
    expect(calls()).toBe(0)
  })

  it('count each kind of caller once, by its own key', async () => {
    const narrowed = { ...(await shopper('account-1')), ...(await server()) }
    const forged = { ...(await server()), 'EP-Account-Management-Authentication-Token': 'bad' }

    expect(await counted(await shopper('account-1'))).toEqual({
      shoppers: ['demo:account-1'],
      failures: [],
    })
    expect(await counted(narrowed)).toEqual({ shoppers: ['demo:account-1'], failures: [] })
    expect(await counted(await server())).toEqual({ shoppers: [], failures: [] })
    expect(await counted({})).toEqual({ shoppers: [], failures: [] })
    expect(await counted({ Authorization: 'Bearer bad' })).toEqual({
      shoppers: [],
      failures: ['2001:db8:0:0'],
    })
    expect(await counted(forged)).toEqual({ shoppers: [], failures: ['2001:db8:0:0'] })
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
