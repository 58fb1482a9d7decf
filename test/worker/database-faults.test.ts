import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { EXHAUSTED, LASTING, TRANSIENT } from './faults.ts'
import { logged, loggedReasons } from './logs.ts'
import { accounts, accountsOf, associate, cartOf, sendJsonWith, uniqueId } from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { skipWaiting } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { type Around, d1Error, wrapD1 } from './wrapped-d1.ts'

let cart: string
let account: string

beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
})

afterEach(() => {
  vi.useRealTimers()
})

async function request(
  method: 'POST' | 'DELETE',
  fault: Around,
): Promise<{ response: Response; calls: number }> {
  const { db, calls } = wrapD1(env.DB, fault)
  const caller = await shopper(account)
  const response = await sendJsonWith(
    { DB: db },
    method,
    accountsOf(cart),
    caller,
    accounts(account),
  )
  return { response, calls: calls() }
}

/** Makes the first `times` calls fail before they reach the database. */
const failBefore =
  (times: number, message: string): Around =>
  async (number, call) => {
    if (number <= times) throw d1Error(message)
    return await call()
  }

/** Commits the first `times` calls, and loses their acknowledgement. */
const failAfter =
  (times: number, message: string): Around =>
  async (number, call) => {
    const result = await call()
    if (number <= times) throw d1Error(message)
    return result
  }

describe('an association while the database fails', () => {
  it.each(TRANSIENT)('is tried again after: %s', async (message) => {
    const { response, calls } = await request('POST', failBefore(2, message))

    expect(response.status).toBe(200)
    expect(calls).toBe(3)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('is tried again if only the cause says what was wrong', async () => {
    const { response, calls } = await request('POST', async (number, call) => {
      if (number === 1) throw new Error('D1_ERROR', { cause: new Error(TRANSIENT[0]) })
      return await call()
    })

    expect([response.status, calls]).toEqual([200, 2])
  })

  it('answers 503 with Retry-After if all three tries fail', async () => {
    const { response, calls } = await request('POST', failBefore(99, 'Network connection lost.'))

    expect(response.status).toBe(503)
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await response.json()).toEqual({
      errors: [{ status: 503, title: 'Service Unavailable' }],
    })
    expect(calls).toBe(3)
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it.each([...EXHAUSTED, ...LASTING])(
    'answers 503 and is never tried again after: %s',
    async (message) => {
      const { response, calls } = await request('POST', failBefore(1, message))

      expect(response.status).toBe(503)
      expect(response.headers.has('Retry-After')).toBe(true)
      expect(calls).toBe(1)
    },
  )

  it('answers 503 when the database stalls for 5 s', async () => {
    skipWaiting()
    const started = Date.now()

    const { response, calls } = await request('POST', () => new Promise(() => undefined))

    expect(response.status).toBe(503)
    expect(response.headers.has('Retry-After')).toBe(true)
    expect(calls).toBe(1)
    expect(loggedReasons()).toEqual(['UnavailableError: D1 did not answer within 5 s'])
    expect(Date.now() - started).toBeGreaterThan(4_500)
    expect(Date.now() - started).toBeLessThan(7_000)
  })

  it('answers 503 after 5 s in all, however long each try takes', async () => {
    skipWaiting()
    const started = Date.now()

    const { response, calls } = await request('POST', async () => {
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      throw d1Error('Network connection lost.')
    })

    expect(response.status).toBe(503)
    expect(calls).toBe(2)
    expect(Date.now() - started).toBeLessThan(6_000)
  })

  it('is not tried again if the pause before it would outlast the deadline', async () => {
    skipWaiting()
    vi.spyOn(Math, 'random').mockReturnValue(0.99)

    let calls = 0
    const { response } = await request('POST', async (number) => {
      calls = number
      await new Promise((resolve) => setTimeout(resolve, 4_950))
      throw d1Error('Network connection lost.')
    })
    await new Promise((resolve) => setTimeout(resolve, 200))

    expect(response.status).toBe(503)
    expect(calls).toBe(1)
  })

  it('is not tried a third time either if that would outlast the deadline', async () => {
    skipWaiting()
    vi.spyOn(Math, 'random').mockReturnValue(0.99)

    let calls = 0
    const { response } = await request('POST', async (number) => {
      calls = number
      await new Promise((resolve) => setTimeout(resolve, number === 1 ? 2_500 : 2_350))
      throw d1Error('Network connection lost.')
    })
    await new Promise((resolve) => setTimeout(resolve, 300))

    expect(response.status).toBe(503)
    expect(calls).toBe(2)
  })

  it('is tried again after a random pause of up to 100 ms, and then of up to 200 ms', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const timers = vi.spyOn(globalThis, 'setTimeout')

    await request('POST', failBefore(2, 'Network connection lost.'))

    const pauses = timers.mock.calls.map(([, ms = 0]) => ms).filter((ms) => ms < 1_000)
    expect(pauses).toEqual([50, 100])
  })

  it.each([
    { title: 'overloaded', message: EXHAUSTED[0] ?? '', calls: 1 },
    { title: 'failing at every try', message: TRANSIENT[0] ?? '', calls: 3 },
  ])('is logged with what the database said: $title', async ({ message, calls }) => {
    const outcome = await request('POST', failBefore(9, message))

    expect([outcome.response.status, outcome.calls]).toEqual([503, calls])
    expect(loggedReasons()).toEqual([`Error: ${message}`])
  })

  it('answers 503 to a rejection that is no Error', async () => {
    const { response, calls } = await request('POST', () => Promise.reject('no reason'))

    await expectErrors(response, 503, { title: 'Service Unavailable' })
    expect(calls).toBe(1)
    expect(loggedReasons()).toEqual(['not an Error'])
  })

  it('answers 500, and never 204, if a constraint refuses the row', async () => {
    await env.TEST_PREVIOUS_DB.exec(
      'create table associations (store_id, cart_id, account_id, created_at, created_by, request_id check (false), primary key (store_id, cart_id, account_id))',
    )
    const caller = await shopper(account)

    const response = await sendJsonWith(
      { DB: env.TEST_PREVIOUS_DB },
      'POST',
      accountsOf(cart),
      caller,
      accounts(account),
    )

    await expectErrors(response, 500, { title: 'Internal Server Error' })
  })

  it('answers 500 to an unknown error, reveals nothing of it and does not retry', async () => {
    const { response, calls } = await request('POST', failBefore(9, 'no such table: associations'))

    await expectErrors(response, 500, { title: 'Internal Server Error' })
    expect(calls).toBe(1)
  })

  it('logs the failure with the request id, and neither SQL nor values', async () => {
    const { response } = await request('POST', failBefore(9, 'no such table: associations'))

    expect(logged).toEqual([
      {
        level: 'error',
        line: {
          request_id: response.headers.get('X-Request-Id'),
          method: 'POST',
          route: '/v2/carts/:cartID/relationships/accounts',
          status: 500,
          ms: expect.any(Number),
          store_id: 'demo',
          grant: 'implicit',
          reason: 'Error: no such table: associations',
          auth_ms: expect.any(Number),
          d1_attempts: 1,
          d1_ms: expect.any(Number),
        },
      },
    ])
  })
})

describe('an association whose acknowledgement was lost', () => {
  it.each([1, 2])('still answers 200 if it was lost %d times', async (times) => {
    const { response, calls } = await request('POST', failAfter(times, 'Network connection lost.'))

    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(accounts(account))
    expect(calls).toBe(times + 1)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('still answers 200 to a server that named accounts with and without the cart', async () => {
    await associate(cart, await server(), 'there-before')
    const { db } = wrapD1(env.DB, failAfter(1, 'Network connection lost.'))
    const caller = await server()

    const response = await sendJsonWith(
      { DB: db },
      'POST',
      accountsOf(cart),
      caller,
      accounts('there-before', account),
    )

    expect(response.status).toBe(200)
  })

  it('answers 204 if the association existed before', async () => {
    await associate(cart, await shopper(account), account)

    const { response } = await request('POST', failAfter(1, 'Network connection lost.'))

    expect(response.status).toBe(204)
  })

  it('answers 403 if the cart was taken before', async () => {
    const other = uniqueId('account')
    await associate(cart, await shopper(other), other)

    const { response } = await request('POST', failAfter(1, 'Network connection lost.'))

    expect(response.status).toBe(403)
    expect(await accountIdsOf(cart)).toEqual([other])
  })
})

describe('a removal while the database fails', () => {
  it('is tried again, before and after it was done', async () => {
    await associate(cart, await shopper(account), account)

    const before = await request('DELETE', failBefore(1, 'Network connection lost.'))
    const after = await request('DELETE', failAfter(1, 'Network connection lost.'))

    expect([before.response.status, before.calls]).toEqual([204, 2])
    expect([after.response.status, after.calls]).toEqual([204, 2])
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('answers 503 and is never tried again if the database is overloaded', async () => {
    const { response, calls } = await request('DELETE', failBefore(9, 'D1 DB is overloaded.'))

    expect([response.status, calls]).toEqual([503, 1])
  })

  it('answers 503 if all three tries fail', async () => {
    const { response } = await request('DELETE', failBefore(9, 'Network connection lost.'))

    expect(response.status).toBe(503)
  })
})

describe.each([
  { name: 'a list of carts', pathOf: () => '/v2/carts' },
  { name: 'a cart', pathOf: cartOf },
  { name: 'a list of accounts', pathOf: accountsOf },
])('$name while the database fails', ({ pathOf }) => {
  const read = async (fault: Around): Promise<{ status: number; calls: number }> => {
    const { db, calls } = wrapD1(env.DB, fault)
    const caller = await shopper(account)
    await associate(cart, caller, account)
    const response = await sendJsonWith({ DB: db }, 'GET', pathOf(cart), caller, undefined)
    return { status: response.status, calls: calls() }
  }

  it('is tried again, three times in all, and then answers 503', async () => {
    expect(await read(failBefore(2, 'Network connection lost.'))).toEqual({ status: 200, calls: 3 })
    expect(await read(failBefore(3, 'Network connection lost.'))).toEqual({ status: 503, calls: 3 })
  })

  it('answers 503 and is never tried again if the database is overloaded', async () => {
    expect(await read(failBefore(9, 'D1 DB is overloaded.'))).toEqual({ status: 503, calls: 1 })
  })
})
