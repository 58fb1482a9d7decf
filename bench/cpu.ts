// bench cpu: CPU time of a repeated association above a Hono hello, with a D1 that returns at once,
// beside the least Worker that keeps the promises.
import { copyFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { showProgress } from '../test/lib/options.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { badArgument, CommandError } from '../tools/lib/command-line.ts'
import { temporaryDirectory } from '../tools/lib/directories.ts'
import { build } from '../tools/lib/wrangler.ts'
import {
  associationOf,
  type Contestant,
  eachOf,
  type Load,
  measureByTurns,
  metered,
  moduleAt,
  newShoppers,
  type Series,
  type Shopper,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measured, medianOf, medianRatio, type Outcome } from './figures.ts'

const REQUESTS = 2_000
const HOW = { connections: 16, amount: REQUESTS }
const SHOPPERS_SEEN = 100
/** Rounds until V8 has compiled what is hot; their figures are dropped. */
const WARM_UPS = 3

/** @throws CommandError if CPU time cannot be read, or a response is wrong */
export async function measureCpu(
  worker: BuiltWorker,
  { rounds, against }: { rounds: number; against?: string | undefined },
): Promise<Outcome> {
  const contestants = await serveAll(worker, against)
  if (contestants.some(({ pids }) => pids.length === 0)) {
    throw new CommandError('CPU time is read from /proc: this measurement needs Linux')
  }
  const known = await newShoppers(worker.settings, SHOPPERS_SEEN)
  const tokens: Record<string, () => Promise<Shopper[]>> = {
    'ES256, tokens seen before': async () => known,
    'ES256, tokens not seen before': () => newShoppers(worker.settings, REQUESTS),
  }
  const rows: string[][] = []
  const figures: Record<string, number> = {}
  for (const [name, shoppersOfRound] of Object.entries(tokens)) {
    const all = contestants.map((contestant): Series => ({ contestant, rounds: [] }))
    for (let round = 1 - WARM_UPS; round <= rounds; round += 1) {
      showProgress(`Own CPU: ${name}, ${round < 1 ? 'warming up' : `round ${round} of ${rounds}`}`)
      await measureByTurns(all, loadOf(await shoppersOfRound()), HOW)
    }
    const micros = all.map((series) => eachOf(series, 'cpuMicros').slice(WARM_UPS))
    const [service = [], hello = [], least = [], other] = micros
    const own = above(hello, service)
    const toLeast = medianRatio(own, above(hello, least))
    const medians = [service, hello, own].map((each) => medianOf(each).toFixed(0))
    const compared = other && [medianOf(other).toFixed(0), medianRatio(service, other).toFixed(2)]
    rows.push([name, ...medians, toLeast.toFixed(2), ...(compared ?? [])])
    figures[`own CPU to the least: ${name}`] = toLeast
  }
  const headings = ['CPU µs a request, D1 stubbed', 'service', 'Hono hello', 'own']
  const compared = against === undefined ? [] : ['the other build', 'service to the other']
  const table = markdownTable([...headings, 'to the least’s own', ...compared], rows)
  const how = `medians of ${rounds} rounds, ${REQUESTS} requests a measurement`
  return { part: 'cpu', text: measured(how, table), judged: judge(figures) }
}

/** The file `app.js` of a second build, by its path or by that of the directory that wrangler made. */
export function otherBundle(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false })
  const bundle = stats?.isDirectory() ? path.join(file, 'app.js') : file
  if (!statSync(bundle, { throwIfNoEntry: false })?.isFile()) {
    throw badArgument(`--against must name a built Worker, app.js or its directory, not "${file}"`)
  }
  // The module around a bundle imports it by this name.
  const copy = path.join(temporaryDirectory('against'), 'app.js')
  copyFileSync(bundle, copy)
  return copy
}

/** The service, the hello, the least, and the service of a second build if there is one. */
async function serveAll(worker: BuiltWorker, against: string | undefined): Promise<Contestant[]> {
  const stubbed = (name: string, bundle: string) =>
    serve(worker, name, { modules: metered(bundle), bindings: { STUBBED: 'yes' } })
  // It imports other modules, so that it has to be built.
  const directory = temporaryDirectory('least')
  await build(directory, moduleAt('least.ts'))
  const modules = [path.join(directory, 'least.js')]
  return [
    await stubbed('service', worker.bundle),
    { ...(await serve(worker, 'hello', { modules, bindings: { HELLO: 'yes' } })), status: 200 },
    await serve(worker, 'least', { modules }),
    ...(against === undefined ? [] : [await stubbed('against', against)]),
  ]
}

/** One repeated association a shopper, in turn, on any connection. */
function loadOf(shoppers: readonly Shopper[]): Load {
  const requests = shoppers.map(associationOf)
  let sent = 0
  const next = () => requests[sent++ % requests.length] ?? {}
  return { status: 204, requests: requests.slice(0, 1), next }
}

/** What is above the hello, in each round. */
function above(hello: readonly number[], others: readonly number[]): number[] {
  return others.map((micros, round) => micros - (hello[round] ?? Number.NaN))
}
