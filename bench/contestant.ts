// What is measured: a Worker in a process of its own over a database of its own, and what a storefront sends it.
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import autocannon from 'autocannon'
import { quantile } from '../test/lib/options.ts'
import type { BuiltWorker, HowToServe } from '../test/proofs/built-worker.ts'
import { asShopper, type Caller } from '../test/proofs/carts-client.ts'
import { childrenOf, numbersIn, threadsOf } from '../test/proofs/worker-memory.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'

export interface Contestant {
  name: string
  url: string
  /** The processes of workerd, whose CPU time is measured; none on anything but Linux. */
  pids: readonly number[]
  /** What it answers, if it is not the status of the load. */
  status?: number
}

export interface Measurement {
  requestsPerSecond: number
  /** Milliseconds, of all requests. */
  p50: number
  p99: number
  /** CPU time of workerd, in microseconds a request. */
  cpuMicros: number
}

/** What was measured of a contestant, once a round. */
export interface Series {
  contestant: Contestant
  rounds: Measurement[]
}

/** For so many seconds, or up to an amount of requests. */
type How = { connections: number } & ({ duration: number } | { amount: number })

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

/** The modules of a bundle whose responses say what was measured within. */
export function metered(bundle: string): string[] {
  return [moduleAt('metered.ts'), bundle]
}

/**
 * Sends one request. If the Worker is metered, returns the rows that D1 counted for it, and how long the bundle
 * took to load if it is the first request.
 *
 * @throws CommandError if the response has a different status
 */
export async function send(
  url: string,
  { path, body, ...request }: BenchRequest,
  status: number,
): Promise<{ loadMs: number; read: number; written: number }> {
  const response = await fetch(new URL(path, url), { ...request, body: body ?? null })
  const text = await response.text()
  if (response.status !== status) {
    const right = `${request.method} ${path}: ${status} is right`
    throw new CommandError(`${right}, not ${response.status} ${text}`)
  }
  const measured = (response.headers.get('X-Measured') ?? '').split(',').map(Number)
  const [loadMs = 0, read = 0, written = 0] = measured
  return { loadMs, read, written }
}

/**
 * Measures every contestant once, so that a busy moment of the machine slows them alike. The order turns
 * from round to round, since a later contestant may find the machine warmer.
 */
export async function measureByTurns(all: readonly Series[], load: Load, how: How): Promise<void> {
  const order = (all[0]?.rounds.length ?? 0) % 2 === 0 ? all : all.toReversed()
  for (const { contestant, rounds } of order) rounds.push(await measure(contestant, load, how))
}

/** One figure of each round. */
export function eachOf(series: Series | undefined, figure: keyof Measurement): number[] {
  return series?.rounds.map((round) => round[figure]) ?? []
}

/**
 * Sends the requests of a load again and again over kept connections.
 *
 * @throws CommandError if a response does not come, or has a wrong status
 */
export async function measure(contestant: Contestant, load: Load, how: How): Promise<Measurement> {
  const { name, url, pids, status = load.status } = contestant
  const { requests, next } = load
  checkNotStopped()
  const latencies: number[] = []
  const wrong = new Set<number>()
  const cpuBefore = cpuMicros(pids)
  const startedAt = performance.now()
  let lastAt = startedAt
  const { errors } = await autocannon({
    url,
    ...how,
    // Checks this often, in milliseconds, whether the time is up.
    sampleInt: 100,
    requests: requests.map((request) => ({
      ...request,
      ...(next && { setupRequest: (each) => ({ ...each, ...next() }) }),
    })),
    // autocannon's own histogram counts whole milliseconds, and only responses with 2xx.
    setupClient: (client) =>
      client.on('response', (code, _bytes, milliseconds) => {
        latencies.push(milliseconds)
        lastAt = performance.now()
        if (code !== status) wrong.add(code)
      }),
  })
  const cpuAfter = cpuMicros(pids)
  if (wrong.size > 0) {
    throw new CommandError(`${name}: answered ${[...wrong].join(', ')} where ${status} is right`)
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
export function loadsOf(shoppers: readonly Shopper[], server: Caller) {
  const next = () =>
    associationOf({ account: randomUUID(), cart: randomUUID(), headers: server.headers })
  const headers = { ...ADDRESS, 'Content-Type': 'application/x-www-form-urlencoded' }
  const body = 'grant_type=implicit&client_id=bench'
  const token = { method: 'POST', path: '/oauth/access_token', headers, body } as const
  const lists = shoppers.map(({ account, headers }) => {
    // The account in the query is for the floor, which reads no token; the service ignores it.
    return { method: 'GET', path: `/v2/carts?account=${account}`, headers } as const
  })
  return {
    'new association': { status: 200, requests: [next()], next },
    'repeated association': { status: 204, requests: shoppers.map(associationOf) },
    'refused token': { status: 401, requests: shoppers.map(refusedOf) },
    'list of carts': { status: 200, requests: lists },
    'token request': { status: 200, requests: [token] },
  } satisfies Record<string, Load>
}

/** Associates the shopper's cart. */
export function associationOf({ account, cart, headers }: Shopper): BenchRequest {
  return {
    method: 'POST',
    path: `/v2/carts/${cart}/relationships/accounts`,
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
