import { beforeEach, describe, expect, it, vi } from 'vitest'
import { accounts, accountsOf, associate, sendJson, sendJsonWith, uniqueId } from './requests.ts'
import { server, shopper } from './tokens.ts'

const tooMany = { errors: [{ status: 429, title: 'Too Many Requests' }] }

/** The simulated windows are the minutes of the wall clock: each test needs the whole of one. */
async function roomInTheMinute(): Promise<void> {
  const second = (Date.now() / 1000) % 60
  if (second > 40) await new Promise((resolve) => setTimeout(resolve, (60 - second) * 1000))
}

beforeEach(roomInTheMinute, 30_000)

async function times(count: number, ask: () => Promise<Response>): Promise<number[]> {
  const responses = await Promise.all(Array.from({ length: count }, ask))
  return responses.map(({ status }) => status)
}

describe('a shopper', () => {
  it('is answered 600 times a minute and then 429, whatever the cart and the address', async () => {
    const account = uniqueId('account')
    const caller = await shopper(account)
    const ask = () => associate(uniqueId('cart'), caller, account)

    expect(new Set(await times(600, ask))).toEqual(new Set([200]))
    const response = await ask()

    expect(response.status).toBe(429)
    expect(response.headers.get('Retry-After')).toBe('60')
    expect(await response.json()).toEqual(tooMany)
    expect(
      (await associate(uniqueId('cart'), await shopper(account, 'other'), account)).status,
    ).toBe(200)
  })
})

describe('a server', () => {
  it('is not limited', async () => {
    const caller = await server()

    const statuses = await times(650, () => associate('one-cart', caller, 'one-account'))

    expect(statuses).not.toContain(429)
  })
})

describe('a caller whose tokens fail', () => {
  it('is answered 300 times a minute by address, and then 429 for each failure', async () => {
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

    expect(response.status).toBe(429)
    expect(response.headers.get('Retry-After')).toBe('60')
    expect(await response.json()).toEqual(tooMany)
    expect((await ask(badAccount)).status).toBe(429)
    expect((await ask(await server())).ok).toBe(true)
  })
})

describe('a missing binding', () => {
  it('means no limit, and one warning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const account = uniqueId('account')
    const caller = await shopper(account)

    const statuses = await times(650, () =>
      sendJsonWith(
        { SHOPPER_RATE_LIMIT: undefined },
        'POST',
        accountsOf('c'),
        caller,
        accounts(account),
      ),
    )

    expect(statuses).not.toContain(429)
    expect(warn.mock.calls).toEqual([
      ['{"warning":"SHOPPER_RATE_LIMIT is not bound: requests are not limited"}'],
    ])
  })
})
