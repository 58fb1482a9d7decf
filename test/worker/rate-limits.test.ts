import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import { associate, request, send, sendWith, uniqueId } from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { ACCOUNT_TOKEN, accessParts, accountParts, now, server, shopper, sign } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const tooMany = { title: 'Too Many Requests' }
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const badAccess = { Authorization: 'Bearer bad' }
const badAccount = async () => ({ ...(await server()), [ACCOUNT_TOKEN]: 'bad' })

/** Repeats a try that reached into a second window: the windows are minutes of the wall clock. */
async function inOneMinute(test: () => Promise<void>): Promise<void> {
  const minute = () => Math.floor(Date.now() / 60_000)
  const first = minute()
  await test().catch(async (error: unknown) => {
    if (minute() === first) throw error
    await test()
  })
}

async function times(count: number, ask: () => Promise<Response>): Promise<Set<number>> {
  const responses = await Promise.all(Array.from({ length: count }, ask))
  return new Set(responses.map(({ status }) => status))
}

describe('a shopper', () => {
  it('is answered 600 times a minute and then 429, unlike other stores and accounts', () =>
    inOneMinute(async () => {
      const account = uniqueId('account')
      const caller = await shopper(account)
      const ask = () => send('GET', '/v2/carts', caller)

      expect(await times(600, ask)).toEqual(new Set([200]))
      const response = await ask()

      expect(response.headers.get('Retry-After')).toBe('60')
      await expectErrors(response, 429, tooMany)
      expect((await send('GET', '/v2/carts', await shopper(account, 'other'))).status).toBe(200)
      const another = await shopper(uniqueId('account'))
      expect((await send('GET', '/v2/carts', another)).status).toBe(200)
    }))
})

describe('a caller whose tokens fail', () => {
  it('is answered 300 times a minute by address, and then 429 for each failure alone', () =>
    inOneMinute(async () => {
      const address = { 'CF-Connecting-IP': uniqueId('address') }
      const ask = (headers: Record<string, string>) =>
        associate('cart-1', { ...headers, ...address }, 'account-1')
      const withBadAccount = await badAccount()

      expect(await times(150, () => ask(badAccess))).toEqual(new Set([401]))
      expect(await times(150, () => ask(withBadAccount))).toEqual(new Set([403]))
      const response = await ask(badAccess)

      expect(response.headers.get('Retry-After')).toBe('60')
      await expectErrors(response, 429, tooMany)
      expect((await ask(withBadAccount)).status).toBe(429)
      expect((await ask(await server())).ok).toBe(true)
      expect((await associate('c', badAccess, 'account-1')).status).toBe(401)
    }))
})

/** A limit that is never exceeded, and keeps the keys that it counts. */
function countingLimit(): RateLimit & { keys: string[] } {
  const keys: string[] = []
  const limit = async ({ key }: RateLimitOptions) => {
    keys.push(key)
    return { success: true }
  }
  return { keys, limit }
}

describe('the bindings', () => {
  const expired = { iat: now() - 120, exp: now() - 60 }
  const bySubnet = ['2001:db8:0:0']

  it.each([
    { title: 'a shopper', headers: () => shopper('account-1'), shoppers: ['demo:account-1'] },
    {
      title: 'a server with an account token',
      headers: async () => ({ ...(await shopper('account-1')), ...(await server()) }),
      shoppers: ['demo:account-1'],
    },
    { title: 'nothing of a server', headers: () => server() },
    { title: 'nothing without a token', headers: async () => ({}) },
    { title: 'a bad access token', headers: async () => badAccess, failures: bySubnet },
    { title: 'a bad account token', headers: badAccount, failures: bySubnet },
    {
      title: 'nothing of an access token whose only fault is that it has expired',
      headers: async () => ({ Authorization: `Bearer ${await sign(accessParts(expired))}` }),
    },
    {
      title: 'nothing of an account token whose only fault is that it has expired',
      headers: async () => ({
        ...(await server()),
        [ACCOUNT_TOKEN]: await sign(accountParts(expired)),
      }),
    },
  ])('count once, by its own key: $title', async ({ headers, shoppers = [], failures = [] }) => {
    const [SHOPPER_RATE_LIMIT, FAILURE_RATE_LIMIT] = [countingLimit(), countingLimit()]
    const caller = { ...(await headers()), 'CF-Connecting-IP': '2001:db8::1' }

    await sendWith({ SHOPPER_RATE_LIMIT, FAILURE_RATE_LIMIT }, 'GET', '/v2/carts', caller)

    expect(SHOPPER_RATE_LIMIT.keys).toEqual(shoppers)
    expect(FAILURE_RATE_LIMIT.keys).toEqual(failures)
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
    const limit = countingLimit()
    const bindings = { ...env, ...issuing, TOKEN_RATE_LIMIT: limit, FAILURE_RATE_LIMIT: limit }
    const headers = { ...form, ...(address !== undefined && { 'CF-Connecting-IP': address }) }
    const body = 'grant_type=implicit&client_id=nobody'

    const response = await request(bindings, 'POST', '/oauth/access_token', headers, body)

    expect(response.status).toBe(401)
    expect(limit.keys).toEqual(key === undefined ? [] : [`implicit:${key}`, key])
  })

  it('refuse a token request before the database is asked, even with a right secret', async () => {
    const { db, calls } = wrapD1(env.DB)
    const { clientId, secret } = await storedKey('confidential')
    const body = `grant_type=client_credentials&client_id=${clientId}&client_secret=${secret}`
    const changes = { ...issuing, DB: db, TOKEN_RATE_LIMIT: exhaustedLimit }

    const response = await sendWith(changes, 'POST', '/oauth/access_token', form, body)

    await expectErrors(response, 429, tooMany)
    expect(calls()).toBe(0)
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
    const caller = await shopper('account-1')
    const changes = { SHOPPER_RATE_LIMIT: binding }

    const statuses = await times(3, () => sendWith(changes, 'GET', '/v2/carts', caller))

    expect(statuses).toEqual(new Set([200]))
    expect(logged.filter(({ level }) => level !== 'log')).toEqual([
      { level: 'warn', line: { warning } },
    ])
  })
})
