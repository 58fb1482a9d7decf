// A Worker that is measured: in a process of its own, over a database of its own on disk.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import autocannon from 'autocannon'
import type { BuiltWorker, HowToServe } from '../test/proofs/built-worker.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import { quantile } from './figures.ts'
import { type BenchRequest, KEY_OF_CLIENT, type Load } from './storefront.ts'

export interface Contestant {
  name: string
  url: string
  /** The processes of workerd, whose CPU time is measured. */
  pids: readonly number[]
}

/** When a measurement is over. */
export type Extent = { seconds: number } | { requests: number }

export interface Measurement {
  requestsPerSecond: number
  /** Milliseconds, of all requests. */
  p50: number
  p99: number
  /** CPU time of workerd, in microseconds a request; not a number on anything but Linux. */
  cpuMicros: number
}

/** Serves the built Worker, or other modules, under raw Miniflare. */
export async function serve(
  worker: BuiltWorker,
  name: string,
  how: Partial<HowToServe> = {},
): Promise<Contestant> {
  const statements = [KEY_OF_CLIENT, ...(how.statements ?? [])]
  const options = { log: 'discard', database: name, ...how, statements } as const
  const { urls, pid } = await worker.serve(options)
  return { name, url: urls[0] ?? '', pids: childrenOf(pid) }
}

/** A module that only the benchmark has. */
export function moduleAt(name: string): string {
  return path.join(import.meta.dirname, 'workers', name)
}

/**
 * Sends one request and returns how many rows D1 counted for it, and the size of the database in
 * bytes. The Worker must stand behind `metered.ts`.
 *
 * @throws CommandError if the response has a different status
 */
export async function ask(
  url: string,
  { method, path, headers, body }: BenchRequest,
  status: number,
): Promise<{ read: number; written: number; size: number }> {
  const response = await fetch(new URL(path, url), { method, headers, body: body ?? null })
  const text = await response.text()
  if (response.status !== status) {
    throw new CommandError(`${method} ${path}: ${status} is right, not ${response.status} ${text}`)
  }
  const [read = 0, written = 0, size = 0] = (response.headers.get('X-Rows') ?? '')
    .split(',')
    .map(Number)
  return { read, written, size }
}

/**
 * Sends the requests of a load again and again over kept connections.
 *
 * @throws CommandError if a response does not come, or has a different status than the load's
 */
export async function measure(
  { url, pids }: Contestant,
  { name, status, requests, next }: Load,
  connections: number,
  extent: Extent,
): Promise<Measurement> {
  checkNotStopped()
  const latencies: number[] = []
  const cpuBefore = cpuMicros(pids)
  const startedAt = performance.now()
  let lastAt = startedAt
  const { errors, statusCodeStats } = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      url,
      connections,
      ...('seconds' in extent ? { duration: extent.seconds } : { amount: extent.requests }),
      // Checks this often, in milliseconds, whether the time is up.
      sampleInt: 100,
      requests: requests.map((request) => ({
        ...request,
        ...(next && { setupRequest: (each) => ({ ...each, ...next() }) }),
      })),
    }
    const run = autocannon(options, (error: unknown, result) => {
      if (error) reject(error)
      else resolve(result)
    })
    // autocannon's own histogram counts whole milliseconds, and only responses with 2xx.
    run.on('response', (_client, _status, _bytes, milliseconds) => {
      latencies.push(milliseconds)
      lastAt = performance.now()
    })
  })
  const cpuAfter = cpuMicros(pids)
  const wrong = Object.keys(statusCodeStats ?? {}).filter((code) => Number(code) !== status)
  if (wrong.length > 0) {
    throw new CommandError(`${name}: answered ${wrong.join(', ')} where ${status} is right`)
  }
  if (errors > 0 || latencies.length === 0) throw new CommandError(`${name}: no answer came`)
  return {
    requestsPerSecond: latencies.length / ((lastAt - startedAt) / 1000),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpuMicros: (cpuAfter - cpuBefore) / latencies.length,
  }
}

function childrenOf(pid: number): number[] {
  if (!existsSync('/proc')) return []
  return threadsOf(pid).flatMap((thread) => numbersIn(`${thread}/children`))
}

/** CPU time of all threads since the processes started. */
function cpuMicros(pids: readonly number[]): number {
  if (pids.length === 0) return Number.NaN
  const nanos = pids.flatMap(threadsOf).map((thread) => numbersIn(`${thread}/schedstat`)[0] ?? 0)
  return nanos.reduce((sum, each) => sum + each, 0) / 1000
}

function threadsOf(pid: number): string[] {
  const directory = `/proc/${pid}/task`
  return readdirSync(directory).map((thread) => `${directory}/${thread}`)
}

function numbersIn(file: string): number[] {
  return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number)
}
