import { applyD1Migrations, createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import { seededRandom } from '../lib/random.ts'
import { act, faultAt, faultOf, type Plan, plansOf, reasons, slots } from './faults.ts'
import { logged, takeLog } from './logs.ts'
import { below, figure, proofTimeout, seed, whole } from './proof.ts'
import { accounts, accountsOf, type Changes, sendJsonWith } from './requests.ts'
import { type AssociationRow, insertRows, storeIn } from './rows.ts'
import { shopper } from './tokens.ts'
import { d1Error, planOf, wrapD1 } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const TTL_DAYS = 30
const milliseconds = expect.any(Number)
const { DB: first, TEST_SECOND_DB: second } = env

const empty = async (db: D1Database) =>
  await db.batch([db.prepare('delete from associations'), db.prepare('delete from sweep')])

beforeAll(async () => {
  await applyD1Migrations(second, env.TEST_MIGRATIONS)
})

beforeEach(async () => {
  await empty(first)
  await empty(second)
})

afterEach(() => {
  vi.useRealTimers()
})

/** An association that was last used so many days ago. */
const row = (cart_id: string, days: number, more: Partial<AssociationRow> = {}) => ({
  cart_id,
  account_id: 'account-1',
  used_at: Date.now() - days * DAY_MS,
  ...more,
})

/** Associations of carts in order: cart-00000, cart-00001, … */
const numbered = (count: number, days: (index: number) => number, from = 0) =>
  below(count).map((index) =>
    row(`cart-${String(from + index).padStart(6, '0')}`, days(from + index)),
  )

async function run(changes: Changes = {}): Promise<void> {
  const cron = '17 * * * *'
  const controller = createScheduledController({ cron, scheduledTime: new Date() })
  const bindings = Object({ ...env, ASSOCIATION_TTL_DAYS: TTL_DAYS, ...changes })
  await app.scheduled(controller, bindings)
}

/** Uses a cart, as a shopper does. */
async function use(cart: string): Promise<number> {
  const [caller, body] = [await shopper('account-1'), accounts('account-1')]
  const changes = { ASSOCIATION_TTL_DAYS: TTL_DAYS }
  return (await sendJsonWith(changes, 'POST', accountsOf(cart), caller, body)).status
}

async function cartsIn(db = first): Promise<unknown[]> {
  const { results } = await db
    .prepare('select cart_id from associations order by store_id, cart_id, account_id')
    .all()
  return results.map((row) => row['cart_id'])
}

const countIn = async (db = first): Promise<number> => (await cartsIn(db)).length

const lines = (): unknown[] => logged.map(({ line }) => line)
const lineOf = (line: object): object => ({
  task: 'sweep',
  database: 'DB',
  rows_read: milliseconds,
  ms: milliseconds,
  ...line,
})

describe('a run', () => {
  it('removes what was last used the TTL ago or longer, and nothing else', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await insertRows([
      row('long-ago', 400),
      row('exactly', TTL_DAYS),
      row('a-moment-less', TTL_DAYS - 1 / DAY_MS),
      row('today', 0),
      row('of-another-store', 31, { store_id: 'another' }),
    ])

    await run()

    expect(await cartsIn()).toEqual(['a-moment-less', 'today'])
    expect(lines()).toEqual([lineOf({ removed: 3, done: true })])
  })

  it('does nothing, and logs nothing, if associations do not expire', async () => {
    await insertRows([row('long-ago', 4_000)])
    const { db, calls } = wrapD1(first)

    await run({ DB: db, ASSOCIATION_TTL_DAYS: undefined })

    expect([calls(), lines()]).toEqual([0, []])
    expect(await countIn()).toBe(1)
  })

  it('begins anew once it has come to the end, at once in an empty database', async () => {
    await run()
    await insertRows([row('cart-b', 31)])
    await run()
    await insertRows([row('cart-a', 31)])
    await run()

    const removed = [0, 1, 1]
    expect(lines()).toEqual(removed.map((removed) => lineOf({ removed, done: true })))
  })

  it('searches for its rows, sorts nothing, and logs the rows read by the count of D1', async () => {
    await insertRows(numbered(100, (index) => (index % 10 === 0 ? 31 : 0)))
    const { db, batches, rowsRead } = wrapD1(first)

    await run({ DB: db })

    expect(lines()).toEqual([lineOf({ rows_read: rowsRead(), removed: 10, done: true })])
    expect(rowsRead()).toBeLessThan(400)
    const plans = await Promise.all(batches.flat().map(planOf))
    const steps = plans.flat().filter((step) => step.includes('associations'))
    expect(steps.length).toBeGreaterThan(2)
    for (const step of steps) expect(step).toMatch(/^SEARCH associations USING /)
    expect(plans.flat().join('\n')).not.toContain('TEMP B-TREE')
  })

  it('has few rows in a step, all of one store', async () => {
    const stores = ['a', 'b', 'c']
    await insertRows(
      stores.flatMap((store_id) => numbered(3_000, () => 31).map((row) => ({ ...row, store_id }))),
    )
    const { db, batches } = wrapD1(first, async (_, call) => {
      const results = await call()
      for (const { results: rows } of results) expect(rows.length).toBeLessThanOrEqual(4_000)
      return results
    })

    await run({ DB: db })

    const removals = batches.flat().filter(({ sql }) => sql.startsWith('delete'))
    expect(removals.map(({ parameters }) => parameters[0])).toEqual(stores)
    expect(await countIn()).toBe(0)
  })

  it.each([
    { title: 'every row has expired', total: 60_000, each: 1 },
    { title: 'every second', total: 60_000, each: 2 },
    { title: 'every tenth', total: 80_000, each: 10 },
    { title: 'few', total: 160_000, each: 20_000 },
  ])(
    'reads at most 100,000 rows in 40 queries, and the next goes on: $title',
    async ({ total, each }) => {
      const expected = total - total / each
      for (let from = 0; from < total; from += 10_000) {
        await insertRows(numbered(10_000, (index) => (index % each === 0 ? 31 : 0), from))
      }
      const left = [total]
      for (let runs = 0; runs < 10 && left.at(-1) !== expected; runs += 1) {
        const { db, batches, rowsRead } = wrapD1(first)
        await run({ DB: db })
        expect(rowsRead()).toBeLessThanOrEqual(100_000)
        expect(batches.flat().length).toBeLessThanOrEqual(40)
        left.push(await countIn())
      }

      expect(left.at(-1)).toBe(expected)
      expect(left.length).toBeGreaterThan(2)
      const done = lines().map((line) => Object(line).done)
      expect(done[0]).toBe(false)
      expect(done.slice(0, -1)).not.toContain(true)
    },
    120_000,
  )

  it('goes on with stores that it has no queries left for', async () => {
    await insertRows(numbered(100, () => 31).map((row) => ({ ...row, store_id: row.cart_id })))

    for (let runs = 0; runs < 12; runs += 1) await run()

    expect(await countIn()).toBe(0)
  })

  it('comes past a cart with more accounts than it can read', async () => {
    for (const part of below(11)) {
      const many = below(10_000).map((index) => `account-${part}-${index}`)
      await insertRows(many.map((account_id) => row('cart-a', 0, { account_id })))
    }
    await insertRows([row('cart-b', 31)])

    for (let runs = 0; runs < 3; runs += 1) await run()

    expect(await countIn()).toBe(110_000)
  }, 120_000)

  it('leaves a row that is used between the two queries of a step', async () => {
    await insertRows([row('cart-used', 31), row('cart-unused', 31)])
    const { db } = wrapD1(first, async (number, call) => {
      const results = await call()
      if (number === 2) expect(await use('cart-used')).toBe(200)
      return results
    })

    await run({ DB: db })

    expect(await cartsIn()).toEqual(['cart-used'])
  })

  it('keeps what it has removed if it fails, says why, and the next goes on', async () => {
    await insertRows(numbered(9_000, () => 31))
    const { db } = wrapD1(first, async (number, call) => {
      if (number > 3) throw d1Error('D1 DB is overloaded.')
      return await call()
    })

    await run({ DB: db })
    const left = await countIn()
    await run()

    expect(left).toBe(5_000)
    expect(lines()).toEqual([
      lineOf({ removed: 4_000, done: false, reason: 'Error: D1 DB is overloaded.' }),
      lineOf({ removed: 5_000, done: true }),
    ])
    expect(await countIn()).toBe(0)
  })
})

/** Ahead, where a step ends, its removal, and where to go on. */
const QUERIES = 4
const TRIES = 3
const DEADLINE_MS = 5_000

/** Faults from this call on. */
interface Point {
  plan: Plan
  from: number
}

/** All faults of all calls, or a share; those that wait come alone. */
function drawPoints(): Point[] {
  const random = seededRandom(seed)
  const all = slots.flatMap((slot) => {
    const plans = plansOf(faultOf(slot, random.pick(reasons[slot.kind])))
    const chosen = slot.afterMs > 0 ? plans.slice(0, 1) : plans
    return chosen.flatMap((plan) => below(QUERIES).map((index) => ({ plan, from: index + 1 })))
  })
  const { quick = [], slow = [] } = Object.groupBy(random.shuffle(all), ({ plan }) =>
    plan.faults.some(({ afterMs }) => afterMs > 0) ? 'slow' : 'quick',
  )
  return whole ? all : [...quick.slice(0, 25), ...slow.slice(0, 1)]
}

/** Whether each query succeeds at one of its tries, and all of them in time. */
function isDone({ plan, from }: Point): boolean {
  let [call, elapsedMs] = [0, 0]
  for (const _ of below(QUERIES)) {
    for (let tries = 1; ; tries += 1) {
      call += 1
      const fault = call < from ? undefined : faultAt(plan, call - from + 1)
      if (fault === undefined) break
      elapsedMs += fault.afterMs
      if (fault.kind !== 'transient' || tries === TRIES || elapsedMs >= DEADLINE_MS) return false
    }
  }
  return true
}

describe('a run whose calls to the database fail', () => {
  it(
    'removes what has expired and nothing else, itself or the next',
    proofTimeout,
    async ({ task }) => {
      const points = drawPoints()
      for (const { plan, from } of points) {
        await empty(first)
        await insertRows([row('cart-alive', 0), row('cart-expired', 31), row('cart-touched', 31)])
        const acts = act(plan, () => undefined)
        const { db } = wrapD1(first, (number, call) =>
          number < from ? call() : acts.around(number - from + 1, call),
        )
        takeLog()
        await run({ DB: db })
        const { done, reason } = Object(takeLog()[0]?.line)
        // A removal that the database commits only now must leave what has been used meanwhile.
        const touched = await use('cart-touched')
        await acts.land('after the answer')
        await run()
        await acts.land('after the next request')

        const found = { done, isExplained: done || reason !== undefined, touched }
        const promised = { done: isDone({ plan, from }), isExplained: true, touched: 200 }
        expect(found, `${plan.name} from call ${from} on`).toEqual(promised)
        expect(await cartsIn()).toEqual(['cart-alive', 'cart-touched'])
      }
      task.meta.figures = [
        `faults: ${figure(points.length)} fault points of the sweep, 0 wrong (seed ${seed})`,
      ]
    },
  )
})

describe('the rows of several databases', () => {
  it('are removed where their store is, with a line for each database, in turns of an hour', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    await insertRows([row('cart-a', 31, { store_id: storeIn('DB') })])
    await insertRows([row('cart-b', 31, { store_id: storeIn('DB_1') })], second)

    await run({ DB_1: second })
    vi.setSystemTime(3_600_000)
    await run({ DB_1: second })

    expect([await countIn(), await countIn(second)]).toEqual([0, 0])
    expect(lines()).toEqual([
      lineOf({ removed: 1, done: true }),
      lineOf({ database: 'DB_1', removed: 1, done: true }),
      lineOf({ database: 'DB_1', removed: 0, done: true }),
      lineOf({ removed: 0, done: true }),
    ])
  })

  it.each([
    { title: 'a database', moving: () => ({ MOVING_TO: 'DB_1' }) },
    {
      title: 'a rule',
      moving: (store: string) => ({ STORE_PLACEMENT_NEXT: { [store]: ['DB_1'] } }),
    },
  ])('stay while their store moves by $title, and where it is not', async ({ moving }) => {
    const [stays, moves] = [storeIn('DB'), storeIn('DB_1')]
    const both = [stays, moves].map((store_id) => row(`cart-of-${store_id}`, 31, { store_id }))
    await insertRows(both)
    await insertRows(both, second)

    await run({ DB_1: second, ...moving(moves) })

    expect(await cartsIn()).toEqual([`cart-of-${moves}`])
    expect(await countIn(second)).toBe(2)
  })
})
