// bench cpu: CPU time of a repeated association above a Hono hello, with a D1 that returns at once,
// beside the least Worker that keeps the promises.
import { copyFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { badArgument, CommandError } from '../tools/lib/command-line.ts'
import { temporaryDirectory } from '../tools/lib/directories.ts'
import { build } from '../tools/lib/wrangler.ts'
import {
  associationOf,
  type Contestant,
  measure,
  moduleAt,
  newShoppers,
  type Shopper,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measuredToday, medianOf, type Outcome } from './figures.ts'

interface CpuPlan {
  rounds: number
  /** The bundle of a second build, which takes part in every round. */
  against?: string | undefined
  progress: (line: string) => void
}

/** Microseconds a request, one value a round. */
interface Seen {
  service: number[]
  least: number[]
  hello: number[]
  against: number[]
}

const CONNECTIONS = 16
const REQUESTS = 2_000
const SHOPPERS_SEEN = 100
/** Rounds until V8 has compiled what is hot; their figures are dropped. */
const WARM_UPS = 3

/** @throws CommandError if CPU time cannot be read, or a response is wrong */
export async function measureCpu(worker: BuiltWorker, plan: CpuPlan): Promise<Outcome> {
  const { rounds, against } = plan
  const stubbed = (name: string, bundle: string) =>
    serve(worker, name, { modules: [moduleAt('stubbed.ts'), bundle] })
  const contestants = {
    service: await stubbed('service', worker.bundle),
    least: await serveModule(worker, 'least'),
    hello: await serveModule(worker, 'hello'),
    against: against === undefined ? undefined : await stubbed('against', against),
  }
  const known = await newShoppers(worker.settings, SHOPPERS_SEEN)
  const shoppersOf: Record<string, () => Promise<Shopper[]>> = {
    'ES256, tokens seen before': async () => known,
    'ES256, tokens not seen before': () => newShoppers(worker.settings, REQUESTS),
  }
  const results: [name: string, Seen][] = []
  for (const [name, shoppers] of Object.entries(shoppersOf)) {
    results.push([name, await inTurns(name, contestants, shoppers, plan)])
  }
  const headings = [
    'CPU µs a request, D1 stubbed',
    'service',
    'Hono hello',
    'own',
    'to the least’s own',
  ]
  const compared = against === undefined ? [] : ['the other build', 'service to the other']
  const how = `medians of ${rounds} rounds, ${REQUESTS} requests a measurement`
  const table = markdownTable([...headings, ...compared], results.map(rowOf))
  return {
    parts: { cpu: `${measuredToday(how)}${table}` },
    judged: judge(
      Object.fromEntries(
        results.map(([name, seen]) => [`own CPU to the least: ${name}`, toLeast(seen)]),
      ),
    ),
  }
}

/** The file `app.js` of a second build, by its path or by that of the directory that wrangler made. */
export function otherBundle(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false })
  const bundle = stats?.isDirectory() ? path.join(file, 'app.js') : file
  if (!statSync(bundle, { throwIfNoEntry: false })?.isFile()) {
    throw badArgument(`--against must name a built Worker, app.js or its directory, not "${file}"`)
  }
  // The modules around a bundle import it by this name.
  const copy = path.join(temporaryDirectory('against'), 'app.js')
  copyFileSync(bundle, copy)
  return copy
}

/** Measures every contestant once a round, so that a busy moment of the machine slows them alike. */
async function inTurns(
  name: string,
  contestants: Record<keyof Seen, Contestant | undefined>,
  shoppersOfRound: () => Promise<Shopper[]>,
  { rounds, progress }: CpuPlan,
): Promise<Seen> {
  const seen: Seen = { service: [], least: [], hello: [], against: [] }
  const order = ['service', 'least', 'hello', 'against'] as const
  for (let round = 1 - WARM_UPS; round <= rounds; round += 1) {
    progress(`Own CPU: ${name}, ${round < 1 ? 'warming up' : `round ${round} of ${rounds}`}`)
    const shoppers = await shoppersOfRound()
    for (const key of round % 2 === 0 ? order : order.toReversed()) {
      const contestant = contestants[key]
      if (contestant === undefined) continue
      const micros = await cpuOf(contestant, shoppers, key === 'hello' ? 200 : 204)
      if (round >= 1) seen[key].push(micros)
    }
  }
  return seen
}

/** One repeated association a shopper, in turn, on any connection. */
async function cpuOf(
  contestant: Contestant,
  shoppers: readonly Shopper[],
  status: number,
): Promise<number> {
  const requests = shoppers.map(associationOf)
  let sent = 0
  const load = {
    status,
    requests: requests.slice(0, 1),
    next: () => requests[sent++ % requests.length] ?? {},
  }
  const { cpuMicros } = await measure(contestant, load, CONNECTIONS, { amount: REQUESTS })
  if (!Number.isNaN(cpuMicros)) return cpuMicros
  throw new CommandError('CPU time is read from /proc: this measurement needs Linux')
}

/** Differences and ratios are taken within each round. */
function rowOf([name, seen]: [string, Seen]): string[] {
  const { service, hello, against } = seen
  const micros = [service, hello, own(seen, 'service')].map((each) => medianOf(each).toFixed(0))
  const row = [name, ...micros, toLeast(seen).toFixed(2)]
  if (against.length === 0) return row
  return [...row, medianOf(against).toFixed(0), medianOf(ratios(service, against)).toFixed(2)]
}

function toLeast(seen: Seen): number {
  return medianOf(ratios(own(seen, 'service'), own(seen, 'least')))
}

/** What is above the hello. */
function own(seen: Seen, name: 'service' | 'least'): number[] {
  return seen[name].map((micros, round) => micros - (seen.hello[round] ?? Number.NaN))
}

function ratios(all: readonly number[], others: readonly number[]): number[] {
  return all.map((each, round) => each / (others[round] ?? Number.NaN))
}

/** Serves a module of the benchmark that imports others, so that it has to be built. */
async function serveModule(worker: BuiltWorker, name: 'hello' | 'least'): Promise<Contestant> {
  const directory = temporaryDirectory(name)
  await build(directory, moduleAt(`${name}.ts`))
  return await serve(worker, name, { modules: [path.join(directory, `${name}.js`)] })
}
