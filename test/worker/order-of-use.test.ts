import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { accounts, accountsOf, associate, send, sendWith, uniqueId } from './requests.ts'
import { insertRows, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst, wrapD1 } from './wrapped-d1.ts'

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

interface Use {
  status: number
  trips: number
  rowsRead: number
  rowsWritten: number
}

/** Asks for the cart, and counts what that costs in the database. */
async function use(
  cartId: string,
  { ttlDays, caller, lost }: { ttlDays?: number; caller?: object; lost?: boolean } = {},
): Promise<Use> {
  const { db, calls, rowsRead, rowsWritten } = wrapD1(env.DB, lost ? loseFirst : undefined)
  const headers = { 'Content-Type': 'application/json', ...(caller ?? (await shopper(account))) }
  const body = JSON.stringify(accounts(account))
  const changes = { DB: db, ASSOCIATION_TTL_DAYS: ttlDays }
  const { status } = await sendWith(changes, 'POST', accountsOf(cartId), headers, body)
  return { status, trips: calls(), rowsRead: rowsRead(), rowsWritten: rowsWritten() }
}

async function listed(): Promise<string[]> {
  const { data } = Object(await (await send('GET', '/v2/carts', await shopper(account))).json())
  return data.map(({ id }: { id: string }) => id)
}

async function usedAt(cartId: string): Promise<number | undefined> {
  const [row] = await rowsOf(cartId)
  return row?.used_at
}

const after = (ms: number) => vi.setSystemTime(START + ms)

describe('a cart that is asked for', () => {
  it('is the first of the list, which has the cart that was used last first', async () => {
    const third = uniqueId('cart')
    for (const [index, each] of [cart, other, third].entries()) {
      after(index * 1_000)
      await use(each)
    }
    after(4_000)

    expect(await listed()).toEqual([third, other, cart])
    expect((await use(cart)).status).toBe(204)
    expect(await listed()).toEqual([cart, third, other])
  })

  it('is the first whether a shopper or a server asks', async () => {
    await use(cart)
    after(1_000)
    await use(other)
    after(2_000)

    await use(cart, { caller: await server() })

    expect(await listed()).toEqual([cart, other])
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

  it('takes a time that is up to five minutes ahead as the latest, and a later one as now', async () => {
    const ahead = { cart_id: other, account_id: account }
    await insertRows([{ ...ahead, used_at: START + 5 * MINUTE_MS }])
    await use(cart)
    expect(await usedAt(cart)).toBe(START + 5 * MINUTE_MS + 1)

    await env.DB.prepare('delete from associations where account_id = ?').bind(account).run()
    await insertRows([{ ...ahead, used_at: START + 5 * MINUTE_MS + 1 }])
    await use(cart)
    expect(await usedAt(cart)).toBe(START + 1)
  })

  it('keeps created_at, created_by and request_id, and has a new used_at', async () => {
    await use(cart)
    const [before] = await rowsOf(cart)
    after(DAY_MS)

    await use(cart, { caller: await server('demo', { sub: 'back-office' }) })

    expect(await rowsOf(cart)).toEqual([{ ...before, used_at: START + DAY_MS }])
  })

  it('is not used by reading it', async () => {
    await use(cart)
    after(1_000)
    await use(other)
    after(2 * DAY_MS)
    const caller = await shopper(account)
    for (const path of ['/v2/carts', `/v2/carts/${cart}`, accountsOf(cart)]) {
      await send('GET', path, caller)
    }

    expect(await listed()).toEqual([other, cart])
    expect(await usedAt(cart)).toBe(START)
  })

  it('has updated_at of its last use, and another ETag only after a touch', async () => {
    const caller = await shopper(account)
    const read = async () => await send('GET', '/v2/carts', caller)
    await associate(cart, caller, account)
    const first = (await read()).headers.get('ETag')
    await associate(cart, caller, account)
    const fresh = (await read()).headers.get('ETag')
    after(DAY_MS)
    const later = await shopper(account)
    await associate(cart, later, account)
    const touched = await send('GET', '/v2/carts', later)

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
    const options = ttlDays === undefined ? {} : { ttlDays }
    await use(cart, options)
    after(freshMs - 1)
    const fresh = await use(cart, options)
    const before = await usedAt(cart)
    after(freshMs)
    const stale = await use(cart, options)

    expect(fresh).toMatchObject({ status: 204, rowsWritten: 0 })
    expect(before).toBe(START)
    expect(stale).toMatchObject({ status: 204, rowsWritten: 2 })
    expect(await usedAt(cart)).toBe(START + freshMs)
  })

  it('is written at most once a day, however often it is asked for', async () => {
    let rowsWritten = 0
    for (let hour = 0; hour < 72; hour += 1) {
      after(hour * 3_600_000)
      rowsWritten += (await use(cart)).rowsWritten
    }

    expect(rowsWritten).toBe(3 * 2)
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
    'reads at most 8 rows for a repeat, and 8 and one for each cart for a new one: %i carts',
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

  it('reads no more of a cart with many accounts', async () => {
    await insertRows(
      Array.from({ length: 1_000 }, (_, index) => ({
        cart_id: cart,
        account_id: `${account}-${index}`,
      })),
    )
    await use(cart, { caller: await server() })

    expect((await use(cart)).rowsRead).toBeLessThanOrEqual(8)
  })
})

describe('a lost acknowledgement', () => {
  it('of a touch is still answered 204, and the cart stays first', async () => {
    await use(cart)
    after(1_000)
    await use(other)
    after(2_000)

    expect(await use(cart, { lost: true })).toMatchObject({ status: 204, trips: 2 })
    expect(await listed()).toEqual([cart, other])
    expect(await usedAt(cart)).toBe(START + 2_000)
  })

  it('of a touch after a day is still answered 204', async () => {
    await use(cart)
    after(DAY_MS)

    expect(await use(cart, { lost: true })).toMatchObject({ status: 204, trips: 2 })
  })

  it('of an insert is still answered 200, with the time of the first try', async () => {
    expect(await use(cart, { lost: true })).toMatchObject({ status: 200, trips: 2 })
    expect(await usedAt(cart)).toBe(START)
  })
})
