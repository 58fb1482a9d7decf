// One measurement: requests for a while over kept connections, and what the server took for them.
import autocannon from 'autocannon'
import { CommandError } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import { cpuMicros } from './process-cpu.ts'
import { percentile } from './statistics.ts'

/** What one request sends. */
export interface BenchRequest {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

/** Requests of one kind, all to be answered alike. */
export interface Load {
  /** What is to be measured, for a message. */
  name: string
  status: number
  /** Each connection sends them in turn, and again from the first. */
  requests: readonly BenchRequest[]
  /** What the next request has in place of that, where no two may be alike. */
  next?: (() => Partial<BenchRequest>) | undefined
}

/** When a measurement is over. */
export type Extent = { seconds: number } | { requests: number }

/** A server, and the processes whose CPU time is its own. */
export interface Server {
  url: string
  pids: readonly number[]
}

export interface Measurement {
  requestsPerSecond: number
  /** Milliseconds, of all requests. */
  p50: number
  p99: number
  /** Connections that broke, and answers that did not come. */
  errors: number
  /** CPU time of the server, in microseconds a request; absent where it cannot be read. */
  cpuMicros?: number | undefined
}

/** @throws CommandError when any answer is another than the load's */
export async function measure(
  { url, pids }: Server,
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
      // How often it looks whether the time is up, in milliseconds; it makes samples besides.
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
    // Its own histogram counts whole milliseconds, and of the answers with 2xx alone.
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
  if (latencies.length === 0) throw new CommandError(`${name}: no answer came`)
  latencies.sort((a, b) => a - b)
  return {
    requestsPerSecond: latencies.length / ((lastAt - startedAt) / 1000),
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    errors,
    ...(cpuBefore !== undefined &&
      cpuAfter !== undefined && { cpuMicros: (cpuAfter - cpuBefore) / latencies.length }),
  }
}
