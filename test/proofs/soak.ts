// npm run prove soak: a storefront's requests for half an hour, without one of 5xx, and the memory meanwhile.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { checkNotStopped } from '../../tools/lib/processes.ts'
import { printSeed, quantile, seedOption, wholeNumber } from '../lib/options.ts'
import { type Random, seededRandom } from '../lib/random.ts'
import { type BuiltWorker, buildWorker } from './built-worker.ts'
import { asShopper } from './carts-client.ts'
import { type Memory, openMemory } from './worker-memory.ts'

const SHOPPERS = 200
const LIMITS = { SHOPPER_RATE_LIMIT: 600, TOKEN_RATE_LIMIT: 1_200, FAILURE_RATE_LIMIT: 300 }
const TICK_MS = 50
const TICKS_A_MINUTE = 60_000 / TICK_MS
const KEY = `insert into application_keys (client_id, store_id, name, created_at)
  values ('soak', 'proofs', 'Soak', 0)`

interface Shopper {
  account: string
  headers: Record<string, string>
  /** The cart that it has asked for last. */
  cart: string
}

interface Tally {
  sent: number
  /** By status; 0: no response came. */
  statuses: Map<number, number>
  /** Milliseconds, since the last line. */
  latencies: number[]
}

/** @throws CommandError if a response is of 5xx, or does not come */
export async function soak(args: string[]): Promise<void> {
  const { values } = parseOptions(args, {
    ...seedOption,
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '60' },
  })
  const minutes = wholeNumber('--minutes', values.minutes, { min: 1, max: 10_000 })
  const rate = wholeNumber('--rate', values.rate, { min: 1, max: 5_000 })
  const random = seededRandom(printSeed(values.seed))
  const worker = await buildWorker('soak')
  const serving = await worker.serve({
    log: 'discard',
    limits: LIMITS,
    inspector: 'on',
    statements: [KEY],
  })
  const measure = await openMemory(serving)
  const { url } = serving
  const shoppers = await newShoppers(worker)
  const tally: Tally = { sent: 0, statuses: new Map(), latencies: [] }
  const memories: Memory[] = []
  const answers = new Set<Promise<void>>()
  const startedAt = performance.now()
  for (let minute = 1; minute <= minutes; minute += 1) {
    for (let tick = 1; tick <= TICKS_A_MINUTE; tick += 1) {
      const due = ((performance.now() - startedAt) / 1_000) * rate
      for (; tally.sent < due; tally.sent += 1) {
        const answer = send(url, random, random.pick(shoppers), tally)
        answers.add(answer)
        answer.finally(() => answers.delete(answer))
      }
      const next = startedAt + ((minute - 1) * TICKS_A_MINUTE + tick) * TICK_MS
      await sleep(Math.max(0, next - performance.now()))
      checkNotStopped()
    }
    const memory = await measure()
    memories.push(memory)
    process.stdout.write(`Minute ${minute} of ${minutes}: ${lineOf(tally, memory)}\n`)
    tally.latencies = []
  }
  await Promise.all(answers)
  report(tally, memories)
}

async function newShoppers({ settings }: BuiltWorker): Promise<Shopper[]> {
  return await Promise.all(
    Array.from({ length: SHOPPERS }, async () => {
      const account = randomUUID()
      const { headers } = await asShopper(settings, account)
      return { account, headers, cart: randomUUID() }
    }),
  )
}

async function send(url: string, random: Random, shopper: Shopper, tally: Tally): Promise<void> {
  const { path, ...request } = requestOf(random, shopper)
  const startedAt = performance.now()
  const status = await fetch(new URL(path, url), request)
    .then(async (response) => {
      await response.arrayBuffer()
      return response.status
    })
    .catch(() => 0)
  tally.latencies.push(performance.now() - startedAt)
  tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
}

/** Ten requests: two new associations, three repeated ones, four reads and a token. */
function requestOf(random: Random, shopper: Shopper): RequestInit & { path: string } {
  const { account, headers } = shopper
  const kind = random.below(10)
  if (kind === 0) {
    const address = { 'CF-Connecting-IP': `192.0.2.${random.below(256)}` }
    const body = new URLSearchParams({ grant_type: 'implicit', client_id: 'soak' })
    return { path: '/oauth/access_token', method: 'POST', headers: address, body }
  }
  if (kind <= 2) shopper.cart = randomUUID()
  const cart = `/v2/carts/${shopper.cart}`
  const accounts = `${cart}/relationships/accounts`
  if (kind <= 5) {
    const body = JSON.stringify({ data: [{ type: 'account', id: account }] })
    const described = { ...headers, 'Content-Type': 'application/json' }
    return { path: accounts, method: 'POST', headers: described, body }
  }
  const paths = ['/v2/carts', cart, accounts, '/v2/carts?page[limit]=100']
  return { path: paths[kind - 6] ?? '', headers }
}

function lineOf({ sent, latencies, ...tally }: Tally, { heap, workerd }: Memory): string {
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)]
  const times = `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`
  const sizes = `heap ${heap.toFixed(1)} MB, workerd ${workerd.toFixed(0)} MB`
  return `${grouped(sent)} requests, ${failed(tally)} failed, ${times}, ${sizes}`
}

/** Responses of 5xx, and requests without one. */
function failed({ statuses }: Pick<Tally, 'statuses'>): number {
  return [...statuses]
    .filter(([status]) => status === 0 || status >= 500)
    .reduce((sum, [, times]) => sum + times, 0)
}

/** Memory settles in the first half. */
function report(tally: Tally, memories: readonly Memory[]): void {
  const half = memories.slice(Math.floor(memories.length / 2))
  const growth = (name: keyof Memory) => slopeAnHour(half.map((memory) => memory[name]))
  const statuses = [...tally.statuses].toSorted(([a], [b]) => a - b)
  const answers = statuses.map(([status, times]) => `${grouped(times)} x ${status}`).join(', ')
  process.stdout.write(
    `soak: responses: ${answers}
soak: the Worker's heap grew by ${growth('heap').toFixed(2)} MB an hour in the second half, workerd by ${growth('workerd').toFixed(1)}
soak: ${grouped(tally.sent)} requests in ${memories.length} minutes, ${failed(tally)} of 5xx or without a response
`,
  )
  if (failed(tally) > 0) throw new CommandError('The Worker failed under an even load')
}

/** Linear regression over one value a minute. */
function slopeAnHour(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const covariance = values.reduce((sum, value, at) => sum + (at - middle) * (value - mean), 0)
  const variance = values.reduce((sum, _, at) => sum + (at - middle) ** 2, 0)
  return variance === 0 ? 0 : (60 * covariance) / variance
}
