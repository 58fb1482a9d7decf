// What is measured: a Worker in a process of its own over a database of its own, and what a storefront sends it.
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import autocannon from 'autocannon'
import type { BuiltWorker, HowToServe } from '../test/proofs/built-worker.ts'
import { asShopper, type Caller } from '../test/proofs/carts-client.ts'
import { childrenOf, numbersIn, threadsOf } from '../test/proofs/worker-memory.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'
import { quantile } from './figures.ts'

export interface Contestant {
  name: string
  url: string
  /** The processes of workerd, whose CPU time is measured. */
  pids: readonly number[]
}

export interface Measurement {
  requestsPerSecond: number
  /** Milliseconds, of all requests. */
  p50: number
  p99: number
  /** CPU time of workerd, in microseconds a request; not a number on anything but Linux. */
  cpuMicros: number
}

export interface BenchRequest {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

/** Requests of one kind, whose responses all have one status. */
export interface Load {
  status: number
  /** Each connection sends them in turn, and begins again. */
  requests: readonly BenchRequest[]
  /** Changes each request, if no two may be alike. */
  next?: () => Partial<BenchRequest>
}

/** An account, one cart that it keeps asking for, and the headers with its tokens. */
export interface Shopper {
  account: string
  cart: string
  headers: Record<string, string>
}

export const OPERATIONS = [
  'new association',
  'repeated association',
  'refused token',
  'list of carts',
  'token request',
] as const

type OperationName = (typeof OPERATIONS)[number]

/** What Cloudflare adds: refused tokens and token requests are limited by address. */
const ADDRESS = { 'CF-Connecting-IP': '192.0.2.1' }

/** Makes the application key that token requests name. */
const KEY_OF_CLIENT = `insert into application_keys (client_id, store_id, name, created_at)
  values ('bench', 'proofs', 'Benchmark', 0)`

/** Serves the built Worker, or other modules, under raw Miniflare. */
export async function serve(
  worker: BuiltWorker,
  name: string,
  how: Partial<HowToServe> = {},
): Promise<Contestant> {
  const usual: Partial<HowToServe> = { log: 'discard', statements: [KEY_OF_CLIENT] }
  const { urls, pid } = await worker.serve({ ...usual, database: name, ...how })
  return { name, url: urls[0] ?? '', pids: childrenOf(pid) }
}

/** A module that only the benchmark has. */
export function moduleAt(name: string): string {
  return path.join(import.meta.dirname, 'workers', name)
}

/**
 * Sends one request and returns how many rows D1 counted for it, if the Worker stands behind
 * `metered.ts`.
 *
 * @throws CommandError if the response has a different status
 */
export async function send(
  url: string,
  { path, body, ...request }: BenchRequest,
  status: number,
): Promise<{ read: number; written: number }> {
  const response = await fetch(new URL(path, url), { ...request, body: body ?? null })
  const text = await response.text()
  if (response.status !== status) {
    const right = `${request.method} ${path}: ${status} is right`
    throw new CommandError(`${right}, not ${response.status} ${text}`)
  }
  const rows = (response.headers.get('X-Rows') ?? '').split(',').map(Number)
  const [read = 0, written = 0] = rows
  return { read, written }
}

/**
 * Sends the requests of a load again and again over kept connections, for seconds or up to an amount.
 *
 * @throws CommandError if a response does not come, or has a different status than the load's
 */
export async function measure(
  { name, url, pids }: Contestant,
  { status, requests, next }: Load,
  connections: number,
  extent: { duration: number } | { amount: number },
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
      ...extent,
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

/** CPU time of all threads since the processes started. */
function cpuMicros(pids: readonly number[]): number {
  if (pids.length === 0) return Number.NaN
  const nanos = pids.flatMap(threadsOf).map((thread) => numbersIn(`${thread}/schedstat`)[0] ?? 0)
  return nanos.reduce((sum, each) => sum + each, 0) / 1000
}

/** Each has an access token and an account token that nobody else has. */
export async function newShoppers(settings: LocalSettings, number: number): Promise<Shopper[]> {
  return await Promise.all(
    Array.from({ length: number }, async () => {
      const account = randomUUID()
      const { headers } = await asShopper(settings, account)
      return { account, cart: randomUUID(), headers }
    }),
  )
}

/**
 * The five operations, for shoppers who have associated their carts. A server makes the new
 * associations, each for an account of its own: no account gets full, and no list longer.
 */
export function loadsOf(shoppers: readonly Shopper[], server: Caller): Record<OperationName, Load> {
  const next = () =>
    associationOf({ account: randomUUID(), cart: randomUUID(), headers: server.headers })
  const headers = { ...ADDRESS, 'Content-Type': 'application/x-www-form-urlencoded' }
  const body = 'grant_type=implicit&client_id=bench'
  const token = { method: 'POST', path: '/oauth/access_token', headers, body } as const
  return {
    'new association': { status: 200, requests: [next()], next },
    'repeated association': { status: 204, requests: shoppers.map(associationOf) },
    'refused token': { status: 401, requests: shoppers.map(refusedOf) },
    'list of carts': { status: 200, requests: shoppers.map(listOf) },
    'token request': { status: 200, requests: [token] },
  }
}

/** Associates the shopper's cart. */
export function associationOf({ account, cart, headers }: Shopper): BenchRequest {
  return {
    method: 'POST',
    path: pathOf(cart),
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: [{ type: 'account', id: account }] }),
  }
}

/** An association whose access token has a wrong signature. */
function refusedOf(shopper: Shopper): BenchRequest {
  const [head, claims, signature = ''] = shopper.headers['Authorization']?.split('.') ?? []
  const forged = [head, claims, `AAAAAAAA${signature.slice(8)}`].join('.')
  const headers = { ...ADDRESS, 'Content-Type': 'application/json', Authorization: forged }
  return { ...associationOf(shopper), headers }
}

/** The account in the query is for the floor, which reads no token; the service ignores it. */
function listOf({ account, headers }: Shopper): BenchRequest {
  return { method: 'GET', path: `/v2/carts?account=${account}`, headers }
}

export function pathOf(cart: string): string {
  return `/v2/carts/${cart}/relationships/accounts`
}
