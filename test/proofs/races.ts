// npm run prove races: whether concurrent requests to two isolates over one database are each
// answered as if they had come one at a time.
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { checkNotStopped } from '../../tools/lib/processes.ts'
import { endProgress, printSeed, seedOption, showProgress, wholeNumber } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { type BuiltWorker, buildWorker } from './built-worker.ts'
import { asServer, asShopper, type Caller } from './carts-client.ts'
import { findUnexplained } from './linearizability.ts'
import { accountModel, cartModel } from './race-models.ts'
import {
  CALLS_OF_A_PHASE,
  CARTS_PER_ACCOUNT,
  type Histories,
  type Phase,
  planPhase,
  RACE_BINDINGS,
  runPhase,
  type SeenOperation,
} from './race-phase.ts'
import { sweepable, sweepOnce } from './sweep.ts'

const ISOLATES = 2

/** The figures of a whole run. */
interface Figures {
  operations: number
  /** Operations that overlapped with others on their cart. */
  overlapping: number
  carts: number
  statuses: Map<number, number>
  /** Expired rows that the sweep has removed meanwhile. */
  swept: number
  violations: number
}

/** @throws CommandError if no order explains an answer, or nothing is proved */
export async function races(args: string[]): Promise<void> {
  const options = { ...seedOption, operations: { type: 'string', default: '20000' } } as const
  const { values } = parseOptions(args, options)
  const operations = wholeNumber('--operations', values.operations, { min: 1, max: 10_000_000 })
  const seed = printSeed(values.seed)
  const worker = await buildWorker('races')
  const startedAt = performance.now()
  const figures = await race(worker, Math.ceil(operations / CALLS_OF_A_PHASE), seed)
  printFigures(figures, (performance.now() - startedAt) / 1000, seed)
  if (figures.violations > 0) throw new CommandError('No order of the operations explains them')
  if (figures.overlapping * 4 < figures.operations) {
    throw new CommandError('Fewer than a quarter of the operations overlapped: nothing is proved')
  }
}

/** Runs phase after phase, up to the first with a violation. */
async function race(worker: BuiltWorker, phases: number, seed: number): Promise<Figures> {
  const counts = { operations: 0, overlapping: 0, carts: 0, swept: 0, violations: 0 }
  const figures: Figures = { ...counts, statuses: new Map() }
  const how = { ...sweepable(worker.bundle, RACE_BINDINGS), isolates: ISOLATES }
  const { url, urls } = await worker.serve(how)
  const random = seededRandom(seed)
  for (let number = 1; number <= phases && figures.violations === 0; number += 1) {
    const phase = planPhase(random, number, urls.length)
    const sweepBeside = async (isOver: () => boolean, aheadMs: number) => {
      while (!isOver()) figures.swept += (await sweepOnce(url, aheadMs)).removed
    }
    const histories = await runPhase(phase, urls, await callersOf(worker, phase), sweepBeside)
    checkNotStopped()
    count(figures, histories)
    showProgress(`Phase ${number} of ${phases}: ${grouped(figures.operations)} operations`)
    figures.violations += printViolations(histories)
  }
  endProgress()
  return figures
}

export async function callersOf(
  { settings }: BuiltWorker,
  { accounts }: Phase,
  storeId?: string,
): Promise<(call: { shopper: string | undefined }) => Caller> {
  const server = await asServer(settings, storeId)
  const shoppers = await Promise.all(
    accounts.map((account) => asShopper(settings, account, storeId)),
  )
  return ({ shopper }) => shoppers.find(({ account }) => account === shopper) ?? server
}

function count(figures: Figures, histories: Histories): void {
  const seen = [...histories.carts.values()]
  const asked = seen.flat().filter(({ action }) => action !== 'expire')
  const requests = new Map(asked.map((operation) => [operation.request, operation]))
  figures.operations += requests.size
  figures.overlapping += new Set(seen.flatMap(overlapping)).size
  figures.carts += seen.length
  for (const { status } of requests.values()) {
    figures.statuses.set(status, (figures.statuses.get(status) ?? 0) + 1)
  }
}

/** Returns the requests of a history that overlapped with others. */
function overlapping(history: readonly SeenOperation[]): number[] {
  const inOrder = history.toSorted((a, b) => a.invokedAt - b.invokedAt)
  return inOrder.flatMap((later, index) =>
    inOrder
      .slice(0, index)
      .flatMap((earlier) =>
        later.invokedAt < earlier.returnedAt ? [earlier.request, later.request] : [],
      ),
  )
}

/** Counts requests without a readable response, or else unexplained histories. Prints the first. */
export function printViolations({ carts, accounts }: Histories): number {
  const all = [
    ...[...carts].map(([name, history]) => ({ name, history, model: cartModel })),
    ...[...accounts].map(([name, history]) => {
      return { name, history, model: accountModel(name, CARTS_PER_ACCOUNT) }
    }),
  ]
  const faulty = all.map(({ history }) => history.find(({ fault }) => fault !== undefined))
  // A request without a response may have been carried out or not: no history can be searched.
  const culprits = faulty.some((operation) => operation !== undefined)
    ? faulty
    : all.map(({ history, model }) => findUnexplained(history, model))
  const first = culprits.findIndex((operation) => operation !== undefined)
  const { name = '', history = [] } = all[first] ?? {}
  if (first >= 0) printHistory(name, history, culprits[first])
  return culprits.filter((operation) => operation !== undefined).length
}

function printHistory(
  name: string,
  history: readonly SeenOperation[],
  culprit: SeenOperation | undefined,
): void {
  endProgress()
  process.stdout.write(`No order explains what was seen of ${name}:\n`)
  for (const operation of history.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
    const mark = operation === culprit ? '  <- no order gets past this' : ''
    process.stdout.write(`${lineOf(operation)}${mark}\n`)
  }
}

function lineOf(operation: SeenOperation): string {
  const { invokedAt, returnedAt, client, isolate, shopper, action, accounts, cart } = operation
  const { status, named, fault, claims, invitation } = operation
  const caller = shopper === undefined ? 'server' : `shopper ${shopper}`
  const asked = action === 'list carts' ? accounts : [cart, ...accounts]
  const rule = [claims, invitation].filter((each) => each !== undefined).join(' ')
  const answer = fault ?? [status, ...named].join(' ')
  const times = [invokedAt, returnedAt].map((time) => time.toFixed(3).padStart(11)).join(' to ')
  return `${times} ms, client ${client}, isolate ${isolate + 1}, ${caller}: ${[action, ...asked].join(' ')} (${rule}) = ${answer}`
}

function printFigures(figures: Figures, seconds: number, seed: number): void {
  const { operations, overlapping, carts, statuses, swept, violations } = figures
  const answers = [...statuses].toSorted().map(([status, times]) => `${grouped(times)} x ${status}`)
  const percent = Math.round((100 * overlapping) / operations)
  process.stdout.write(
    `races: answers: ${answers.join(', ')}
races: ${percent}% of the operations overlapped another on their cart, ${grouped(swept)} expired rows swept meanwhile
races: ${grouped(operations)} operations, ${grouped(carts)} carts, ${ISOLATES} isolates, ${violations} violations, ${seconds.toFixed(1)} s (seed ${seed})
`,
  )
}
