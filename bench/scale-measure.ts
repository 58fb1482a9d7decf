// The measuring of bench:scale: a database that grows from size to size, all operations at each.
import { globSync, statSync } from 'node:fs'
import path from 'node:path'
import { seededRandom } from '../test/lib/random.ts'
import { type BuiltWorker, buildWorker, type Serving } from '../test/proofs/built-worker.ts'
import { asServer, dissociate } from '../test/proofs/carts-client.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { grouped } from '../tools/lib/options.ts'
import { checkNotStopped, exitCodeOf, onOutput, startNode } from '../tools/lib/processes.ts'
import { projectRoot } from '../tools/lib/project-root.ts'
import { moduleAt } from './contestants.ts'
import { ask } from './counts.ts'
import type { FillOptions } from './scale-fill.ts'
import { callerFor, operationsIn, type Scene } from './scale-operations.ts'
import { medianOf } from './statistics.ts'

/** One operation at one size. */
export interface ScaleResult {
  operation: string
  /** By D1's count, the most that any request took. */
  read: number
  written: number
  /** Milliseconds, from outside. */
  p50: number
}

export interface SizeFigures {
  /** Associations. */
  size: number
  /** Of the file. */
  bytes: number
  /** That the rows beyond those of the size before took. */
  fillSeconds: number
  results: ScaleResult[]
}

export interface ScalePlan {
  /** Ascending. */
  sizes: readonly number[]
  /** Measured of each operation at each size. */
  requests: number
  progress: (line: string) => void
}

/** Requests of each operation that are not counted: a new process has its code to compile. */
const WARM_UP = 20
const SHOWN_STEPS = 5

export async function measureScale(plan: ScalePlan): Promise<SizeFigures[]> {
  const { sizes, progress } = plan
  progress('Building the Worker')
  const worker = await buildWorker('scale')
  const server = await asServer(worker.settings)
  const empty = await serve(worker)
  await empty.kill()
  const file = databaseFileIn(empty.directory)
  const figures: SizeFigures[] = []
  let filled = 0
  for (const size of sizes) {
    const startedAt = performance.now()
    // While no workerd has the file open.
    await fill({ file, from: filled, to: size }, progress)
    filled = size
    const fillSeconds = (performance.now() - startedAt) / 1_000
    const bytes = statSync(file).size
    const serving = await serve(worker)
    const scene = { settings: worker.settings, server, size, random: seededRandom(1, size) }
    const results = await measureAll(serving, scene, plan)
    await serving.kill()
    figures.push({ size, bytes, fillSeconds, results })
  }
  return figures
}

async function serve(worker: BuiltWorker): Promise<Serving> {
  const modules = [moduleAt('metered.ts'), worker.bundle]
  return await worker.serve({ modules, database: 'scale', log: 'discard' })
}

/** Miniflare names it by a hash. */
function databaseFileIn(directory: string): string {
  const files = globSync('d1/*/*.sqlite', { cwd: directory })
  const [file, ...others] = files.filter((each) => path.basename(each) !== 'metadata.sqlite')
  if (file !== undefined && others.length === 0) return path.join(directory, file)
  throw new CommandError(`Miniflare keeps D1 in another place: ${files.join(', ') || 'no file'}`)
}

async function fill(options: FillOptions, progress: (line: string) => void): Promise<void> {
  const script = path.join(import.meta.dirname, 'scale-fill.ts')
  progress(`Filling in ${grouped(options.to)} associations`)
  const child = startNode(['--', script, JSON.stringify(options)], {}, projectRoot)
  let last = ''
  onOutput(child, (text) => {
    last = text.trim()
    progress(last)
  })
  const code = await exitCodeOf(child)
  if (code !== 0) throw new CommandError(`The database could not be filled: ${last}`)
}

/** One request at a time, the operations by turns, so that what disturbs the machine disturbs all. */
async function measureAll(
  { urls: [url = ''] }: Serving,
  scene: Scene,
  { requests, progress }: ScalePlan,
): Promise<ScaleResult[]> {
  const operations = operationsIn(scene).map((operation) => ({
    ...operation,
    samples: [] as Sample[],
  }))
  for (let turn = -Math.min(WARM_UP, requests); turn < requests; turn += 1) {
    checkNotStopped()
    if (turn >= 0 && turn % Math.ceil(requests / SHOWN_STEPS) === 0) {
      progress(`${grouped(scene.size)} associations: ${turn} of ${requests} requests of each kind`)
    }
    for (const { samples, ...operation } of operations) {
      const key = operation.key()
      const caller = await callerFor(operation, scene, key)
      const request = operation.request(key, caller.headers)
      const startedAt = performance.now()
      const { read, written } = await ask(url, request, operation.status)
      const ms = performance.now() - startedAt
      if (turn >= 0) samples.push({ read, written, ms })
      // What is new goes again, so that every request finds the same database.
      if (request.method === 'POST' && operation.status === 200) {
        await dissociate(url, scene.server, key.cart, [key.account])
      }
    }
  }
  return operations.map(({ name, samples }) => ({
    operation: name,
    read: Math.max(...samples.map(({ read }) => read)),
    written: Math.max(...samples.map(({ written }) => written)),
    p50: medianOf(samples.map(({ ms }) => ms)),
  }))
}

interface Sample {
  read: number
  written: number
  /** From outside, until the whole answer was there. */
  ms: number
}
