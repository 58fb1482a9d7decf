// npm run prove sweep: whether all that has expired among a million rows is removed, and nothing else,
// through a kill -9; how long a transaction takes, and what a shopper beside it notices.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { checkNotStopped } from '../../tools/lib/processes.ts'
import { quantile, wholeNumber } from '../lib/options.ts'
import { buildWorker, type HowToServe } from './built-worker.ts'
import { asShopper, postsBeside } from './carts-client.ts'

const ROWS_AT_ONCE = 100_000
const EXPIRED_EVERY = 10
/** How long the shopper is measured without the sweep. */
const ALONE_MS = 5_000
/** Within a run, which takes some 200 ms. */
const KILLED_AFTER_MS = 80
/** The bound of the contract, section 13. */
const MAX_ROWS_READ = 100_000
const MAX_TRANSACTION_MS = 1_000

const runSchema = v.object({
  rows_read: v.number(),
  removed: v.number(),
  done: v.boolean(),
  longest_ms: v.number(),
})
type Run = v.InferOutput<typeof runSchema>

/** A Worker whose associations expire, and that can be swept at any moment. */
export function sweepable(bundle: string, bindings: Record<string, string> = {}): HowToServe {
  const modules = [path.join(import.meta.dirname, 'workers', 'clocked.ts'), bundle]
  return { modules, bindings: { ASSOCIATION_TTL_DAYS: '1', ...bindings }, log: 'discard' }
}

/** Does one run, as the Cron Trigger does every hour. */
export async function sweepOnce(url: string, msAhead = 0): Promise<Run> {
  const headers = { 'X-Ms-Ahead': String(msAhead) }
  const response = await fetch(new URL('/sweep', url), { headers })
  return v.parse(runSchema, await response.json())
}

/** Inserts rows with random ids, of which each `expiredEvery`-th has expired. */
export async function insertExpired(url: string, rows: number, expiredEvery = 1): Promise<void> {
  const id = 'lower(hex(randomblob(16)))'
  await runSql(
    url,
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${rows})
      insert into associations select 'proofs', ${id}, ${id}, 1,
        case when n % ${expiredEvery} = 0 then 1 else 9e15 end, 'sweep', 'sweep' from numbers`,
  )
}

/** How many of the inserted rows there are. */
export async function countInserted(url: string): Promise<{ expired: number; alive: number }> {
  const counted = await runSql(
    url,
    `select total(used_at = 1) as expired, total(used_at <> 1) as alive from associations
      where created_by = 'sweep'`,
  )
  return v.parse(v.tuple([v.object({ expired: v.number(), alive: v.number() })]), counted)[0]
}

/** Runs a statement in the database of the Worker, and returns its rows. */
export async function runSql(url: string, sql: string): Promise<unknown> {
  const response = await fetch(new URL('/sql', url), { method: 'POST', body: sql })
  return await response.json()
}

/** @throws CommandError if a row is left or lost, or a run or a transaction is too long */
export async function sweep(args: string[]): Promise<void> {
  const { values } = parseOptions(args, { rows: { type: 'string', default: '1000000' } })
  const rows = wholeNumber('--rows', values.rows, { min: ROWS_AT_ONCE, max: 10_000_000 })
  const worker = await buildWorker('sweep')
  const shopper = await asShopper(worker.settings, 'shopper')
  const killed = await worker.serve(sweepable(worker.bundle))
  for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
    await insertExpired(killed.url, Math.min(ROWS_AT_ONCE, rows - from), EXPIRED_EVERY)
    checkNotStopped()
  }
  const before = await countInserted(killed.url)
  const posts = async (url: string, running: Promise<unknown>) =>
    await postsBeside(running, url, shopper, ['cart-0', 'cart-1'])
  const alone = await posts(killed.url, sleep(ALONE_MS))
  const runs: Run[] = []
  const half = async () => {
    while (sum(runs, 'removed') < before.expired / 2) runs.push(await sweepOnce(killed.url))
  }
  const beside = await posts(killed.url, half())
  const interrupted = sweepOnce(killed.url).catch(() => undefined)
  await sleep(KILLED_AFTER_MS)
  await killed.kill()
  const wasKilled = (await interrupted) === undefined
  const { url } = await worker.serve(sweepable(worker.bundle))
  const left = await countInserted(url)
  const rest = async () => {
    do runs.push(await sweepOnce(url))
    while (runs.at(-1)?.done !== true)
  }
  beside.push(...(await posts(url, rest())))
  const after = await countInserted(url)

  const most = Math.max(...runs.map((run) => run.rows_read))
  const longest = Math.max(...runs.map((run) => run.longest_ms))
  const total = sum(runs, 'rows_read')
  process.stdout.write(
    `sweep: ${grouped(rows)} rows, ${grouped(before.expired)} expired; ${runs.length} runs read ${grouped(total)} rows, ${grouped(most)} at most, and removed ${grouped(sum(runs, 'removed'))}
sweep: killed ${wasKilled ? 'within a run' : 'between runs'} with ${grouped(left.expired)} expired rows left, gone on: ${grouped(after.expired)} left, ${grouped(before.alive - after.alive)} others lost
sweep: the longest transaction took ${longest} ms, with its commit
sweep: a shopper's POST, without: ${quantiles(alone)}; beside: ${quantiles(beside)}
`,
  )
  if (after.expired > 0 || after.alive !== before.alive) {
    throw new CommandError('Rows have expired and are there, or have not and are lost')
  }
  // Both queries of a step read its rows; a removal reads up to four more.
  if (total > 2 * rows + 4 * before.expired + MAX_ROWS_READ) {
    throw new CommandError('The sweep has begun anew, not gone on')
  }
  if (most > MAX_ROWS_READ) throw new CommandError('A run has read too many rows')
  if (longest > MAX_TRANSACTION_MS) throw new CommandError('Other writes wait for too long')
}

function sum(runs: readonly Run[], name: 'removed' | 'rows_read'): number {
  return runs.reduce((total, run) => total + run[name], 0)
}

function quantiles(milliseconds: readonly number[]): string {
  const at = (share: number) => quantile(milliseconds, share).toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of ${grouped(milliseconds.length)}`
}
