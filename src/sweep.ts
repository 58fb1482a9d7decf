// The hourly run that removes expired associations (contract, section 13): a bounded share of them each time.
import type { Bindings } from './bindings.ts'
import { reasonOf } from './errors.ts'
import { databaseSettings } from './settings.ts'
import { type Database, primaryDatabase } from './storage/database.ts'
import { momentOf } from './storage/lifetime.ts'
import { isAtRest, type Shard, type Shards } from './storage/shards.ts'
import {
  findStep,
  moveTo,
  type Position,
  readAhead,
  readsOf,
  removeExpired,
  STEP_QUERIES,
  STEP_ROWS,
} from './storage/sweeping.ts'

const HOUR_MS = 60 * 60 * 1000
/** The bounds of one run, over all databases. */
const MAX_ROWS_READ = 100_000
const MAX_QUERIES = 40

/** One line for each database; `docs/log.md` explains it. */
interface SweepLine {
  task: 'sweep'
  database: string
  rows_read: number
  removed: number
  ms: number
  /** Whether the run has come to the end of the database; the next one begins anew. */
  done: boolean
  /** Why it failed. */
  reason: string | undefined
}

/** What a run may still ask of its databases. */
interface Budget {
  rows: number
  queries: number
}

/** Removes associations that have expired, if they do expire; `now` is Unix time in milliseconds. */
export async function sweep(bindings: Bindings, now: number): Promise<void> {
  const { shards, limits } = databaseSettings(bindings)
  if (limits.ttlMs === undefined) return
  const { expiredAt } = momentOf(limits, now)
  // Another database comes first each hour, so that none waits for the others for ever.
  const first = Math.floor(now / HOUR_MS) % shards.all.length
  const budget = { rows: MAX_ROWS_READ, queries: MAX_QUERIES }
  for (const shard of [...shards.all.slice(first), ...shards.all.slice(0, first)]) {
    if (canBegin(budget)) await sweepShard(shard, shards, expiredAt, budget)
  }
}

async function sweepShard(
  { name, d1 }: Shard,
  shards: Shards,
  expiredAt: number,
  budget: Budget,
): Promise<void> {
  const startedAt = Date.now()
  const run = new Run(primaryDatabase(d1), budget, expiredAt)
  const logged = (done: boolean, reason?: string): string => {
    const { rowsRead: rows_read, removed } = run
    const ms = Date.now() - startedAt
    const line: SweepLine = { task: 'sweep', database: name, rows_read, removed, ms, done, reason }
    return JSON.stringify(line)
  }
  try {
    console.log(logged(await run.pass((storeId) => isAtRest(shards, storeId, name))))
  } catch (error) {
    console.error(logged(false, reasonOf(error)))
  }
}

/** One run over one database. */
class Run {
  removed = 0

  #db: Database
  #budget: Budget
  #expiredAt: number

  constructor(db: Database, budget: Budget, expiredAt: number) {
    this.#db = db
    this.#budget = budget
    this.#expiredAt = expiredAt
  }

  get rowsRead(): number {
    return this.#db.rowsRead
  }

  /** Goes on from where the last run stopped. Returns whether it has come to the end of the database. */
  async pass(isOurs: (storeId: string) => boolean): Promise<boolean> {
    const { start, stores, isEnd } = await this.#spend(2, readAhead(this.#db))
    for (const storeId of stores.filter(isOurs)) {
      const from = storeId === start.storeId ? start : { storeId, cartId: '', accountId: '' }
      const stoppedAt = await this.#passStore(from)
      if (stoppedAt === undefined) continue
      // Not the cart with which this run has begun: its accounts alone are too many for a run.
      const isStuck = stoppedAt.accountId !== '' && stoppedAt.cartId === from.cartId
      await this.#moveTo(storeId, isStuck ? nextId(stoppedAt.cartId) : stoppedAt.cartId)
      return false
    }
    await this.#moveTo(isEnd ? '' : nextId(stores.at(-1) ?? ''), '')
    return isEnd
  }

  /** Returns where the budget has ended, if it is before the end of the store. */
  async #passStore(from: Position): Promise<Position | undefined> {
    if (!canBegin(this.#budget)) return from
    const step = await this.#spend(1, findStep(this.#db, from, this.#expiredAt))
    if (step === undefined) return undefined
    if (step.expired > 0) {
      if (readsOf(step) > this.#budget.rows) return from
      this.removed += await this.#spend(2, removeExpired(this.#db, step, this.#expiredAt))
    }
    return step.rows < STEP_ROWS ? undefined : await this.#passStore(step.last)
  }

  async #moveTo(storeId: string, cartId: string): Promise<void> {
    await this.#spend(1, moveTo(this.#db, storeId, cartId))
  }

  async #spend<T>(queries: number, work: Promise<T>): Promise<T> {
    const before = this.#db.rowsRead
    try {
      return await work
    } finally {
      this.#budget.queries -= queries
      this.#budget.rows -= this.#db.rowsRead - before
    }
  }
}

/** Whether there is enough for what opens a database, one step, and what closes it. */
function canBegin({ rows, queries }: Budget): boolean {
  return rows >= 2 * STEP_ROWS && queries >= 2 + STEP_QUERIES + 1
}

/** The least id after this one: no character of an id is before the hyphen. */
function nextId(id: string): string {
  return `${id}-`
}
