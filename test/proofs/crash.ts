// npm run prove crash: whether what the Worker has acknowledged is still there after kill -9.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { CARTS_PER_ACCOUNT } from '../../src/limits.ts'
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { printSeed, seedOption, wholeNumber } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { buildWorker, type Serving } from './built-worker.ts'
import { asServer } from './carts-client.ts'
import {
  type Client,
  checkAfterRestart,
  compareCarts,
  makeClient,
  type Tally,
  writeUntil,
} from './crash-client.ts'
import { countInserted, insertExpired, sweepable, sweepOnce } from './sweep.ts'

const CLIENTS = 16
/** Milliseconds of load before a kill. */
const LOAD = { min: 50, max: 800 }
const NAMED = 5
/** Rows for the sweep, inserted again and again, and rows that it must leave. */
const EXPIRED = 1_000
const ALIVE = 5_000

/** @throws CommandError if anything is wrong, or nothing is proved */
export async function crash(args: string[]): Promise<void> {
  const options = { ...seedOption, kills: { type: 'string', default: '12' } } as const
  const { values } = parseOptions(args, options)
  const kills = wholeNumber('--kills', values.kills, { min: 1, max: 500 })
  const seed = printSeed(values.seed)
  const worker = await buildWorker('crash')
  const random = seededRandom(seed)
  const tally: Tally = {
    acknowledged: 0,
    unanswered: 0,
    retried: { created: 0, unchanged: 0, removed: 0 },
    swept: 0,
    lost: new Set(),
    duplicates: new Set(),
    wrong: new Set(),
  }
  const server = await asServer(worker.settings)
  // Clients run concurrently in varying order, so each has random choices of its own.
  const made = Array.from({ length: CLIENTS }, (_, index) => {
    const own = seededRandom(random.below(2 ** 32))
    return makeClient(worker.settings, server, `client-${index + 1}`, own, tally)
  })
  const clients = await Promise.all(made)
  const how = sweepable(worker.bundle, { CARTS_PER_ACCOUNT: String(CARTS_PER_ACCOUNT.max) })
  let serving = await worker.serve(how)
  await insertExpired(serving.url, ALIVE, ALIVE + 1)
  let killed = 0
  while (killed < kills && problemsOf(tally).length === 0) {
    const ms = LOAD.min + random.below(LOAD.max - LOAD.min + 1)
    const moment = killed % 2 === 0 ? 'any moment' : 'acknowledgement'
    await killUnderLoad(serving, clients, tally, ms, moment)
    killed += 1
    serving = await worker.serve(how)
    const { url } = serving
    await Promise.all(clients.map((client) => checkAfterRestart(url, client)))
    process.stdout.write(`Kill ${killed} of ${kills}, after ${ms} ms of load: ${textOf(tally)}\n`)
  }
  const { url } = serving
  await Promise.all(clients.map((client) => compareCarts(url, client, client.carts.keys())))
  await checkSwept(url, tally)
  report(tally, killed, seed)
}

/**
 * Kills the Worker `ms` milliseconds after its first acknowledgement, or at the next one after
 * that: the moment at which a write that was answered too early would be lost.
 */
async function killUnderLoad(
  serving: Serving,
  clients: readonly Client[],
  tally: Tally,
  ms: number,
  moment: 'any moment' | 'acknowledgement',
): Promise<void> {
  const { url } = serving
  const kill = new AbortController()
  const acknowledgements = new EventTarget()
  const writing = Promise.all(
    clients.map((client) => writeUntil(kill.signal, client, url, acknowledgements)),
  )
  const sweeping = sweepUntil(kill.signal, url, tally)
  // A client that ends early has noted the problem; `report` prints it.
  const nextAcknowledgement = () => Promise.race([once(acknowledgements, 'acknowledged'), writing])
  await nextAcknowledgement()
  await sleep(ms)
  if (moment === 'acknowledgement') await nextAcknowledgement()
  kill.abort()
  await serving.kill()
  await Promise.all([writing, sweeping])
}

/** Sweeps as fast as rows expire, until the Worker is killed within a run. */
async function sweepUntil(killed: AbortSignal, url: string, tally: Tally) {
  try {
    while (!killed.aborted) {
      await insertExpired(url, EXPIRED)
      const { removed } = await sweepOnce(url)
      tally.swept += removed
    }
  } catch (error) {
    if (!killed.aborted) throw error
  }
}

/** Lets the sweep go on to the end: all that has expired must be gone, and nothing else. */
async function checkSwept(url: string, tally: Tally): Promise<void> {
  // The first pass begins in the middle.
  for (let passes = 0; passes < 2; ) if ((await sweepOnce(url)).done) passes += 1
  const { expired, alive } = await countInserted(url)
  if (expired > 0) tally.wrong.add(`The sweep has left ${expired} expired rows`)
  if (alive !== ALIVE) tally.lost.add(`The sweep has removed ${ALIVE - alive} rows too many`)
}

function report(tally: Tally, kills: number, seed: number): void {
  const { created, unchanged, removed } = tally.retried
  const problems = problemsOf(tally)
  for (const problem of problems.slice(0, NAMED)) process.stdout.write(`${problem}\n`)
  process.stdout.write(
    `crash: sent again: ${created} additions were new, ${unchanged} were there, ${removed} removals
crash: ${kills} kills, ${textOf(tally)} (seed ${seed})
`,
  )
  if (problems.length > 0) throw new CommandError('A killed Worker has broken its word')
  if (tally.acknowledged > 0 && tally.unanswered > 0 && tally.swept > 0) return
  throw new CommandError(
    'No write was acknowledged, none was under way at a kill, or nothing was swept: nothing is proved',
  )
}

function problemsOf({ lost, duplicates, wrong }: Tally): string[] {
  return [...lost, ...duplicates, ...wrong]
}

function textOf({ acknowledged, unanswered, swept, lost, duplicates, wrong }: Tally): string {
  const requests = grouped(acknowledged + unanswered)
  return `${requests} requests, ${grouped(acknowledged)} acknowledged, ${unanswered} unanswered, ${grouped(swept)} swept, ${lost.size} lost, ${duplicates.size} duplicates, ${wrong.size} wrong answers`
}
