import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  accounts,
  accountsOf,
  type Counted,
  idsIn,
  reads,
  send,
  sendCounted,
  uniqueId,
} from './requests.ts'
import { insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const START = Date.parse('2026-11-25T12:00:00Z')

let cart: string
let other: string
let account: string
beforeEach(() => {
  cart = uniqueId('cart')
  other = uniqueId('cart')
  account = uniqueId('account')
  vi.useFakeTimers({ toFake: ['Date'], now: START })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Asks for the cart, and counts what that costs in the database. */
async function use(
  cartId: string,
  options: {
    caller?: Record<string, string>
    ttlDays?: number | undefined
    around?: typeof loseFirst
  } = {},
): Promise<Counted> {
  const { caller = await shopper(account), ttlDays, around } = options
  const changes = { ASSOCIATION_TTL_DAYS: ttlDays }
  const asked = { body: accounts(account), changes, around }
  return await sendCounted('POST', accountsOf(cartId), caller, asked)
}

/** Uses the carts in this order, a second after one another, and goes on to the next second. */
async function useInOrder(...cartIds: string[]): Promise<void> {
  for (const [index, each] of cartIds.entries()) {
    await use(each)
    after((index + 1) * 1_000)
  }
}

const listed = async (): Promise<string[]> =>
  await idsIn(await send('GET', '/v2/carts', await shopper(account)))

async function usedAt(cartId: string): Promise<number | undefined> {
  const [row] = await rowsOf(cartId)
  return row?.used_at
}

const after = (ms: number) => vi.setSystemTime(START + ms)

describe('a cart that is asked for', () => {
  it.each([
    { who: 'a shopper', caller: () => shopper(account) },
    { who: 'a server', caller: () => server() },
  ])('is the first of the list, with the cart used last next, if $who asks', async ({ caller }) => {
    const third = uniqueId('cart')
    await useInOrder(cart, other, third)

    expect(await listed()).toEqual([third, other, cart])
    expect((await use(cart, { caller: await caller() })).status).toBe(204)
    expect(await listed()).toEqual([cart, third, other])
  })

  it('is the first after two uses in one millisecond', async () => {
    for (const each of [cart, other, cart, other, cart]) {
      expect([200, 204]).toContain((await use(each)).status)
      expect((await listed())[0]).toBe(each)
    }
  })

  it('is the first if the clock of another server is behind', async () => {
    await use(cart)
    after(-4 * MINUTE_MS)
    await use(other)

    expect(await listed()).toEqual([other, cart])
    expect(await usedAt(other)).toBe(START + 1)
    await use(cart)
    expect(await listed()).toEqual([cart, other])
  })

  it.each([
    { ahead: 5 * MINUTE_MS, next: 5 * MINUTE_MS + 1, title: 'the latest' },
    { ahead: 5 * MINUTE_MS + 1, next: 1, title: 'now' },
  ])('takes a time that is $ahead ms ahead as $title', async ({ ahead, next }) => {
    await insertRows([{ cart_id: other, account_id: account, used_at: START + ahead }])

    await use(cart)

    expect(await usedAt(cart)).toBe(START + next)
  })

  it('keeps created_at, created_by and request_id, and has a new used_at', async () => {
    await use(cart)
    const [before] = await rowsOf(cart)
    after(DAY_MS)

    await use(cart, { caller: await server('demo', { sub: 'back-office' }) })

    expect(await rowsOf(cart)).toEqual([{ ...before, used_at: START + DAY_MS }])
  })

  it('is not used by reading it', async () => {
    await useInOrder(cart, other)
    after(2 * DAY_MS)

    const caller = await shopper(account)
    for (const { pathOf } of reads) await send('GET', pathOf(cart), caller)

    expect(await listed()).toEqual([other, cart])
    expect(await usedAt(cart)).toBe(START)
  })

  it('has updated_at of its last use, and another ETag only after a touch', async () => {
    const read = async () => await send('GET', '/v2/carts', await shopper(account))
    await use(cart)
    const first = (await read()).headers.get('ETag')
    await use(cart)
    const fresh = (await read()).headers.get('ETag')
    after(DAY_MS)
    await use(cart)
    const touched = await read()

    expect(fresh).toBe(first)
    expect(touched.headers.get('ETag')).not.toBe(first)
    const { timestamps } = Object(await touched.json()).data[0].meta
    expect(timestamps).toEqual({
      created_at: '2026-11-25T12:00:00.000Z',
      updated_at: '2026-11-26T12:00:00.000Z',
    })
  })
})

describe('the only cart of an account', () => {
  it.each([
    { title: 'a day', ttlDays: undefined, freshMs: DAY_MS },
    { title: 'a day, if a tenth of the TTL is more', ttlDays: 30, freshMs: DAY_MS },
    { title: 'a tenth of the TTL', ttlDays: 5, freshMs: DAY_MS / 2 },
  ])('is written again once its use is this old, exactly: $title', async ({ ttlDays, freshMs }) => {
    await use(cart, { ttlDays })
    after(freshMs - 1)
    const fresh = await use(cart, { ttlDays })
    const before = await usedAt(cart)
    after(freshMs)
    const stale = await use(cart, { ttlDays })

    expect(fresh).toMatchObject({ status: 204, rowsWritten: 0 })
    expect(before).toBe(START)
    expect(stale).toMatchObject({ status: 204, rowsWritten: 2 })
    expect(await usedAt(cart)).toBe(START + freshMs)
  })
})

describe('the cost in the database', () => {
  it('is one round trip: two rows written if new, two for a touch, none for a repeat', async () => {
    const added = await use(cart)
    const repeated = await use(cart)
    await use(other)
    after(1)
    const touched = await use(cart)

    expect(added).toMatchObject({ status: 200, trips: 1, rowsWritten: 2 })
    expect(repeated).toMatchObject({ status: 204, trips: 1, rowsWritten: 0 })
    expect(touched).toMatchObject({ status: 204, trips: 1, rowsWritten: 2 })
  })

  it.each([0, 1, 20, 99])(
    'is at most 8 rows read for a repeat, and 8 and one for each cart for a new one: %i carts',
    async (count) => {
      const carts = Array.from({ length: count }, () => uniqueId('cart'))
      await insertRows(
        carts.map((cart_id) => ({ cart_id, account_id: account, used_at: START - 1 })),
      )

      const added = await use(cart)
      const repeated = await use(cart)

      expect(added.status).toBe(200)
      expect(added.rowsRead).toBeLessThanOrEqual(8 + count)
      expect(repeated.status).toBe(204)
      expect(repeated.rowsRead).toBeLessThanOrEqual(8)
    },
  )

  it('is no more rows read for a cart with many accounts', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `${account}-${index}`)
    await insertRows(many.map((account_id) => ({ cart_id: cart, account_id })))
    await use(cart, { caller: await server() })

    expect((await use(cart)).rowsRead).toBeLessThanOrEqual(8)
  })
})

describe('a lost acknowledgement', () => {
  it.each([
    { title: 'a touch of a cart that is not first', ms: 1_000, carts: () => [cart, other] },
    { title: 'a touch after a day', ms: DAY_MS, carts: () => [cart] },
  ])('of $title is still answered 204, and the cart is first', async ({ ms, carts }) => {
    await useInOrder(...carts())
    after(2 * ms)

    const answer = await use(cart, { around: loseFirst })

    expect(answer).toMatchObject({ status: 204, trips: 2 })
    expect(await listed()).toEqual(carts())
    expect(await usedAt(cart)).toBe(START + 2 * ms)
  })

  it('of an insert is still answered 200, with the time of the first try', async () => {
    expect(await use(cart, { around: loseFirst })).toMatchObject({ status: 200, trips: 2 })
    expect(await usedAt(cart)).toBe(START)
  })
})
