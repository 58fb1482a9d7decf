import { applyD1Migrations, createScheduledController } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import { homeOf } from '../../src/storage/shards.ts'
import { seededRandom } from '../lib/random.ts'
import { act, faultAt, faultOf, type Plan, plansOf, reasons, slots } from './faults.ts'
import { logged, takeLog } from './logs.ts'
import { below, figure, proofTimeout, seed, whole } from './proof.ts'
import { accounts, accountsOf, type Changes, sendJsonWith, uniqueId } from './requests.ts'
import { shopper } from './tokens.ts'
import { type Around, d1Error, wrapD1 } from './wrapped-d1.ts'

const DAY_MS = 86_400_000
const TTL_DAYS = 30
const milliseconds = expect.any(Number)
const { TEST_SECOND_DB: second } = env

beforeAll(async () => {
  await applyD1Migrations(second, env.TEST_MIGRATIONS)
})

beforeEach(async () => {
  for (const db of [env.DB, second]) {
    await db.batch([db.prepare('delete from associations'), db.prepare('delete from sweep')])
  }
})

afterEach(() => {
  vi.useRealTimers()
})

interface Row {
  store?: string
  cart: string
  account?: string
  /** Days since the last use. */
  days: number
}

async function insert(rows: Row[], db: D1Database = env.DB): Promise<void> {
  const now = Date.now()
  const values = rows.map(({ store = 'demo', cart, account = 'account-1', days }) => ({
    ...{ store, cart, account },
    used: now - days * DAY_MS,
  }))
  await db
    .prepare(
      `insert into associations select value ->> 'store', value ->> 'cart', value ->> 'account',
        1, value ->> 'used', 'test', 'test' from json_each(?)`,
    )
    .bind(JSON.stringify(values))
    .run()
}

/** Ids in order: cart-00000, cart-00001, … */
const numbered = (count: number, days: (index: number) => number, prefix = 'cart'): Row[] =>
  Array.from({ length: count }, (_, index) => ({
    cart: `${prefix}-${String(index).padStart(5, '0')}`,
    days: days(index),
  }))

async function run(changes: Changes = {}): Promise<void> {
  const cron = '17 * * * *'
  const controller = createScheduledController({ cron, scheduledTime: new Date() })
  const bindings = Object({ ...env, ASSOCIATION_TTL_DAYS: TTL_DAYS, ...changes })
  await app.scheduled(controller, bindings)
}

async function cartsIn(db: D1Database = env.DB): Promise<unknown[]> {
  const { results } = await db
    .prepare('select cart_id from associations order by store_id, cart_id, account_id')
    .all()
  return results.map((row) => row['cart_id'])
}

const countIn = async (db: D1Database = env.DB): Promise<number> => (await cartsIn(db)).length

const lines = (): unknown[] => logged.map(({ line }) => line)
const lineOf = (line: object): object => ({
  ...{ task: 'sweep', database: 'DB', rows_read: milliseconds, ms: milliseconds },
  ...line,
})

/** Counts what a run asks of the database. */
function counting(around?: Around) {
  const wrapped = wrapD1(env.DB, around)
  return { ...wrapped, queries: () => wrapped.statements.length }
}

describe('a run', () => {
  it('removes what was last used the TTL ago or longer, and nothing else', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await insert([
      { cart: 'long-ago', days: 400 },
      { cart: 'exactly', days: TTL_DAYS },
      { cart: 'a-moment-less', days: TTL_DAYS - 1 / DAY_MS },
      { cart: 'today', days: 0 },
      { cart: 'of-another-store', store: 'another', days: 31 },
    ])

    await run()

    expect(await cartsIn()).toEqual(['a-moment-less', 'today'])
    expect(lines()).toEqual([lineOf({ removed: 3, done: true })])
  })

  it('does nothing, and logs nothing, if associations do not expire', async () => {
    await insert([{ cart: 'long-ago', days: 4_000 }])
    const { db, calls } = counting()

    await run({ DB: db, ASSOCIATION_TTL_DAYS: undefined })

    expect([calls(), lines()]).toEqual([0, []])
    expect(await countIn()).toBe(1)
  })

  it('is over at once in an empty database', async () => {
    await run()

    expect(lines()).toEqual([lineOf({ removed: 0, done: true })])
  })

  it('logs the rows that it has read by the count of D1', async () => {
    await insert(numbered(100, (index) => (index % 10 === 0 ? 31 : 0)))
    const { db, rowsRead } = counting()

    await run({ DB: db })

    expect(lines()).toEqual([lineOf({ rows_read: rowsRead(), removed: 10, done: true })])
    expect(rowsRead()).toBeLessThan(400)
  })

  it('has few rows in a step, all of one store', async () => {
    const stores = ['a', 'b', 'c'].map((store) =>
      numbered(3_000, () => 31).map((row) => ({ ...row, store })),
    )
    await insert(stores.flat())
    const { db, batches } = counting(async (_, call) => {
      const results = await call()
      for (const { results: rows } of results) expect(rows.length).toBeLessThanOrEqual(4_000)
      return results
    })

    await run({ DB: db })

    const removals = batches.flat().filter(({ sql }) => sql.startsWith('delete'))
    expect(removals.map(({ parameters }) => parameters[0])).toEqual(['a', 'b', 'c'])
    expect(await countIn()).toBe(0)
  })

  it.each([
    { title: 'every row has expired', total: 60_000, each: 1 },
    { title: 'every second', total: 60_000, each: 2 },
    { title: 'every tenth', total: 80_000, each: 10 },
    { title: 'few', total: 160_000, each: 20_000 },
  ])(
    'reads at most 100,000 rows in 40 queries, and the next goes on: $title',
    async (row) => {
      const { total, each } = row
      const expected = total - total / each
      for (let begun = 0; begun < total; begun += 10_000) {
        const days = (index: number) => ((begun + index) % each === 0 ? 31 : 0)
        await insert(numbered(10_000, days, `cart-${begun / 10_000 + 10}`))
      }
      const left = [total]
      for (let runs = 0; runs < 10 && left.at(-1) !== expected; runs += 1) {
        const { db, queries, rowsRead } = counting()
        await run({ DB: db })
        expect(rowsRead()).toBeLessThanOrEqual(100_000)
        expect(queries()).toBeLessThanOrEqual(40)
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

  it('begins anew once it has come to the end', async () => {
    await insert([{ cart: 'cart-b', days: 31 }])
    await run()
    await insert([{ cart: 'cart-a', days: 31 }])

    await run()

    expect(await countIn()).toBe(0)
  })

  it('goes on with stores that it has no queries left for', async () => {
    await insert(numbered(100, () => 31).map((row) => ({ ...row, store: row.cart })))

    for (let runs = 0; runs < 12; runs += 1) await run()

    expect(await countIn()).toBe(0)
  })

  it('comes past a cart with more accounts than it can read', async () => {
    const many = Array.from({ length: 101_000 }, (_, index) => `account-${index}`)
    for (let begun = 0; begun < many.length; begun += 10_000) {
      const some = many.slice(begun, begun + 10_000)
      await insert(some.map((account) => ({ cart: 'cart-a', account, days: 0 })))
    }
    await insert([{ cart: 'cart-b', days: 31 }])

    for (let runs = 0; runs < 3; runs += 1) await run()

    expect(await countIn()).toBe(many.length)
  }, 120_000)

  it('leaves a row that is used between the two queries of a step', async () => {
    await insert([
      { cart: 'cart-used', days: 31 },
      { cart: 'cart-unused', days: 31 },
    ])
    const { db } = counting(async (number, call) => {
      const results = await call()
      if (number === 2) {
        const path = accountsOf('cart-used')
        const [caller, body] = [await shopper('account-1'), accounts('account-1')]
        const changes = { ASSOCIATION_TTL_DAYS: TTL_DAYS }
        const response = await sendJsonWith(changes, 'POST', path, caller, body)
        expect(response.status).toBe(200)
      }
      return results
    })

    await run({ DB: db })

    expect(await cartsIn()).toEqual(['cart-used'])
  })

  it('keeps what it has removed if it fails, says why, and the next goes on', async () => {
    await insert(numbered(9_000, () => 31))
    const { db } = counting(async (number, call) => {
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

  it('is tried again if an acknowledgement is lost', async () => {
    await insert(numbered(10, () => 31))
    const { db } = counting(async (number, call) => {
      const results = await call()
      if (number === 3) throw d1Error('Network connection lost.')
      return results
    })

    await run({ DB: db })

    expect(await countIn()).toBe(0)
  })

  it('searches for its rows, and sorts nothing', async () => {
    await insert([{ cart: 'cart-a', days: 31 }])
    const { db, batches } = counting()
    await run({ DB: db })

    const plans = await Promise.all(
      batches.flat().map(async ({ sql, parameters }) => {
        const explained = env.DB.prepare(`explain query plan ${sql}`).bind(...parameters)
        const { results } = await explained.all<{ detail: string }>()
        return results.map(({ detail }) => detail)
      }),
    )

    const steps = plans.flat().filter((step) => step.includes('associations'))
    expect(steps.length).toBeGreaterThan(2)
    for (const step of steps) expect(step).toMatch(/^SEARCH associations USING /)
    expect(plans.flat().join('\n')).not.toContain('TEMP B-TREE')
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

async function tryPoint(point: Point): Promise<unknown> {
  const touch = async () => {
    const path = accountsOf('cart-touched')
    const [caller, body] = [await shopper('account-1'), accounts('account-1')]
    const changes = { ASSOCIATION_TTL_DAYS: TTL_DAYS }
    return (await sendJsonWith(changes, 'POST', path, caller, body)).status
  }
  await env.DB.batch([
    env.DB.prepare('delete from associations'),
    env.DB.prepare('delete from sweep'),
  ])
  await insert([
    { cart: 'cart-alive', days: 0 },
    { cart: 'cart-expired', days: 31 },
    { cart: 'cart-touched', days: 31 },
  ])
  const acts = act(point.plan, () => undefined)
  const { db } = wrapD1(env.DB, (number, call) =>
    number < point.from ? call() : acts.around(number - point.from + 1, call),
  )
  takeLog()
  await run({ DB: db })
  const [{ line } = { line: {} }] = takeLog()
  const { done, reason } = Object(line)
  // A removal that the database commits only now must leave what has been used meanwhile.
  const touched = await touch()
  await acts.land('after the answer')
  await run()
  await acts.land('after the next request')
  return { done, isExplained: done || reason !== undefined, touched, left: await cartsIn() }
}

describe('a run whose calls to the database fail', () => {
  it(
    'removes what has expired and nothing else, itself or the next',
    proofTimeout,
    async ({ task }) => {
      const points = drawPoints()
      const wrong: string[] = []
      for (const point of points) {
        const found = await tryPoint(point)
        const left = ['cart-alive', 'cart-touched']
        const expected = { done: isDone(point), isExplained: true, touched: 200, left }
        const [told, promised] = [found, expected].map((each) => JSON.stringify(each))
        if (told !== promised) {
          wrong.push(`${point.plan.name} from call ${point.from} on: ${told}, not ${promised}`)
        }
      }

      expect(wrong).toEqual([])
      task.meta.figures = [
        `faults: ${figure(points.length)} fault points of the sweep, ${wrong.length} wrong (seed ${seed})`,
      ]
    },
  )
})

describe('the rows of several databases', () => {
  const storeIn = (name: string): string => {
    const store = uniqueId('store')
    return homeOf([{ name: 'DB' }, { name: 'DB_1' }], store).name === name ? store : storeIn(name)
  }

  it('are removed where their store is, with a line for each database', async () => {
    await insert([{ store: storeIn('DB'), cart: 'cart-a', days: 31 }])
    await insert([{ store: storeIn('DB_1'), cart: 'cart-b', days: 31 }], second)

    await run({ DB_1: second })

    expect([await countIn(), await countIn(second)]).toEqual([0, 0])
    expect(lines()).toHaveLength(2)
    expect(lines()).toEqual(
      expect.arrayContaining([
        lineOf({ removed: 1, done: true }),
        lineOf({ database: 'DB_1', removed: 1, done: true }),
      ]),
    )
  })

  it.each([
    { title: 'a database', moving: () => ({ MOVING_TO: 'DB_1' }) },
    {
      title: 'a rule',
      moving: (store: string) => ({ STORE_PLACEMENT_NEXT: { [store]: ['DB_1'] } }),
    },
  ])('stay while their store moves by $title, and where it is not', async ({ moving }) => {
    const [stays, moves] = [storeIn('DB'), storeIn('DB_1')]
    const both = [stays, moves].map((store) => ({ store, cart: `cart-of-${store}`, days: 31 }))
    await insert(both)
    await insert(both, second)

    await run({ DB_1: second, ...moving(moves) })

    expect(await cartsIn()).toEqual([`cart-of-${moves}`])
    expect(await countIn(second)).toBe(2)
  })

  it('are swept in turn: another database is the first each hour', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    await run({ DB_1: second })
    vi.setSystemTime(3_600_000)
    await run({ DB_1: second })

    const order = lines().map((line) => Object(line).database)
    expect(order).toEqual(['DB', 'DB_1', 'DB_1', 'DB'])
  })
})
