// What a shopper's POST answers while the database fails. fault-points.test.ts asks every operation, and
// d1-errors.test.ts tries every message.
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { EXHAUSTED, TRANSIENT } from './faults.ts'
import { logged, loggedReasons } from './logs.ts'
import { accounts, accountsOf, associate, sendJsonWith, uniqueId } from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { skipWaiting } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { type Around, d1Error, failWith, wrapD1 } from './wrapped-d1.ts'

const LOST = 'Network connection lost.'

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
  fault: Around,
  caller = shopper(account),
  body = accounts(account),
): Promise<{ response: Response; calls: number }> {
  const { db, calls } = wrapD1(env.DB, fault)
  const response = await sendJsonWith({ DB: db }, 'POST', accountsOf(cart), await caller, body)
  return { response, calls: calls() }
}

/** Commits the first `times` calls, and loses their acknowledgement. */
const loseAcknowledgement =
  (times: number): Around =>
  async (number, call) => {
    const result = await call()
    if (number <= times) throw d1Error(LOST)
    return result
  }

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('an association while the database fails', () => {
  it.each([
    { title: 'D1 says so', error: d1Error(LOST) },
    { title: 'only the cause does', error: new Error('D1_ERROR', { cause: new Error(LOST) }) },
  ])('is tried again if the connection is lost, and $title', async ({ error }) => {
    const { response, calls } = await request(async (number, call) => {
      if (number <= 2) throw error
      return await call()
    })

    expect([response.status, calls]).toEqual([200, 3])
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it.each([
    { title: 'all three tries fail', message: TRANSIENT[0] ?? '', tries: 3 },
    { title: 'the database is overloaded', message: EXHAUSTED[0] ?? '', tries: 1 },
  ])('answers 503, and logs what the database said, if $title', async ({ message, tries }) => {
    const { response, calls } = await request(failWith(message))

    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    await expectErrors(response, 503, { title: 'Service Unavailable' })
    expect(calls).toBe(tries)
    expect(loggedReasons()).toEqual([`Error: ${message}`])
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('answers 503 when the database stalls for 5 s', async () => {
    skipWaiting()
    const started = Date.now()

    const { response, calls } = await request(() => new Promise(() => undefined))

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

    const { response, calls } = await request(async (number) => {
      if (number === 2) return await new Promise(() => undefined)
      await wait(3_000)
      throw d1Error(LOST)
    })

    expect([response.status, calls]).toEqual([503, 2])
    expect(Date.now() - started).toBeLessThan(6_000)
  })

  it.each([
    { time: 'second', ms: [4_950] },
    { time: 'third', ms: [2_500, 2_350] },
  ])('is not tried a $time time if the pause would outlast the deadline', async ({ ms }) => {
    skipWaiting()
    vi.spyOn(Math, 'random').mockReturnValue(0.99)

    let calls = 0
    const { response } = await request(async (number) => {
      calls = number
      await wait(ms[number - 1] ?? 0)
      throw d1Error(LOST)
    })
    await wait(300)

    expect([response.status, calls]).toEqual([503, ms.length])
  })

  it('is tried again after a random pause of up to 100 ms, and then of up to 200 ms', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const timers = vi.spyOn(globalThis, 'setTimeout')

    await request(failWith(LOST))

    const pauses = timers.mock.calls.map(([, ms = 0]) => ms).filter((ms) => ms < 1_000)
    expect(pauses).toEqual([50, 100])
  })

  it('answers 503 to a rejection that is no Error', async () => {
    const { response, calls } = await request(() => Promise.reject('no reason'))

    await expectErrors(response, 503, { title: 'Service Unavailable' })
    expect(calls).toBe(1)
    expect(loggedReasons()).toEqual(['not an Error'])
  })

  it('answers 500, and never 204, if a constraint refuses the row', async () => {
    await env.TEST_PREVIOUS_DB.exec(
      'create table associations (store_id, cart_id, account_id, created_at, created_by, request_id check (false), primary key (store_id, cart_id, account_id))',
    )
    const changes = { DB: env.TEST_PREVIOUS_DB }
    const [path, caller] = [accountsOf(cart), await shopper(account)]

    const response = await sendJsonWith(changes, 'POST', path, caller, accounts(account))

    await expectErrors(response, 500, { title: 'Internal Server Error' })
  })

  it('answers 500 to a missing table, and logs it with neither SQL nor values', async () => {
    const { response } = await request(failWith('no such table: associations'))

    await expectErrors(response, 500, { title: 'Internal Server Error' })
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
    const { response, calls } = await request(loseAcknowledgement(times))

    expect([response.status, calls]).toEqual([200, times + 1])
    expect(await response.json()).toEqual(accounts(account))
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('still answers 200 to a server that named accounts with and without the cart', async () => {
    await associate(cart, await server(), 'there-before')
    const body = accounts('there-before', account)

    const { response } = await request(loseAcknowledgement(1), server(), body)

    expect(response.status).toBe(200)
  })

  it.each([
    { title: '204 if the association existed', owner: () => account, status: 204 },
    { title: '403 if the cart was taken', owner: () => uniqueId('account'), status: 403 },
  ])('answers $title before', async ({ owner, status }) => {
    const before = owner()
    await associate(cart, await shopper(before), before)

    const { response } = await request(loseAcknowledgement(1))

    expect(response.status).toBe(status)
    expect(await accountIdsOf(cart)).toEqual([before])
  })
})
