// bench scale: whether a request costs more in a larger database, by D1's count of rows and in time.
import { randomUUID } from 'node:crypto'
import { globSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { OFFSET } from '../src/limits.ts'
import * as rows from '../test/lib/association-rows.ts'
import { seededRandom } from '../test/lib/random.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer, asShopper, type Caller, dissociate } from '../test/proofs/carts-client.ts'
import { CommandError, grouped } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'
import { associationOf, type BenchRequest, moduleAt, pathOf, send } from './contestant.ts'
import {
  BUDGETS,
  held,
  type Judged,
  judge,
  MOST_GROWTH,
  markdownTable,
  measuredToday,
  medianOf,
  type Outcome,
} from './figures.ts'

/** One operation at one size. */
export interface ScaleResult {
  operation: string
  /** The most rows that any request read and wrote. */
  read: number
  written: number
  /** Milliseconds, from outside. */
  p50: number
}

export interface SizeFigures {
  /** Associations. */
  size: number
  /** The size of the file. */
  bytes: number
  /** How long it took to add the rows that the size before did not have. */
  fillSeconds: number
  results: ScaleResult[]
}

interface ScalePlan {
  /** Ascending. */
  sizes: readonly number[]
  /** How many requests of each operation are measured at each size. */
  requests: number
  progress: (line: string) => void
}

type Headers = Record<string, string>

interface Operation {
  name: string
  status: number
  /** A random row; a shopper's request comes from its account. */
  key: () => rows.Key
  callerFor: (key: rows.Key) => Promise<Caller>
  request: (key: rows.Key, headers: Headers) => BenchRequest
}

const SIZES = [10_000, 1_000_000, 10_000_000]
const REQUESTS = 300
/** A repeated association is first made the last used of its account. */
const REPEATED = /repeated/

/** Requests of each operation that are not counted, while a new process compiles its code. */
const WARM_UP = 20
const SHOWN_STEPS = 5
/** Has room for 10 million associations; with less, each row writes its pages at once. */
const CACHE_KIB = 4_000_000
const ROWS_AT_ONCE = 20_000

export async function scaleOutcome(
  worker: BuiltWorker,
  progress: ScalePlan['progress'],
): Promise<Outcome> {
  const figures = await measureScale(worker, { sizes: SIZES, requests: REQUESTS, progress })
  const { bytes, size } = figures.at(-1) ?? { bytes: 0, size: 1 }
  const how = `${REQUESTS} requests of each kind at each size, by turns, one at a time, for random keys`
  return {
    parts: { scale: `${measuredToday(how)}${scaleTable(figures)}` },
    judged: [...judge({ 'bytes an association': bytes / size }), ...judgeScale(figures)],
  }
}

/** Fills one database from size to size, and sends requests of every kind at each. */
export async function measureScale(
  worker: BuiltWorker,
  { sizes, requests, progress }: ScalePlan,
): Promise<SizeFigures[]> {
  const server = await asServer(worker.settings)
  const empty = await serveMetered(worker)
  await empty.kill()
  const file = databaseFileIn(empty.directory)
  const figures: SizeFigures[] = []
  for (const size of sizes) {
    const startedAt = performance.now()
    // No workerd has the file open now.
    await fill(file, figures.at(-1)?.size ?? 0, size, progress)
    const fillSeconds = (performance.now() - startedAt) / 1_000
    const bytes = statSync(file).size
    const serving = await serveMetered(worker)
    const url = serving.urls[0] ?? ''
    const operations = operationsIn(size, worker.settings, server)
    const results = await measureAll(url, operations, server, requests, (turn) =>
      progress(`${grouped(size)} associations: ${turn} of ${requests} requests of each kind`),
    )
    await serving.kill()
    figures.push({ size, bytes, fillSeconds, results })
  }
  return figures
}

async function serveMetered(worker: BuiltWorker) {
  const modules = [moduleAt('metered.ts'), worker.bundle]
  return await worker.serve({ modules, database: 'scale', log: 'discard' })
}

/** Miniflare names the file by a hash. */
function databaseFileIn(directory: string): string {
  const files = globSync('d1/*/*.sqlite', { cwd: directory })
  const [file, ...others] = files.filter((each) => path.basename(each) !== 'metadata.sqlite')
  if (file !== undefined && others.length === 0) return path.join(directory, file)
  throw new CommandError(`Miniflare keeps D1 in another place: ${files.join(', ') || 'no file'}`)
}

/** Inserts row after row with the index in place, so that both b-trees grow as in production. */
async function fill(file: string, from: number, to: number, progress: (line: string) => void) {
  // A workerd that was killed releases the file a moment later.
  const database = new DatabaseSync(file, { timeout: 10_000 })
  // Nothing has to outlive a crash: the file is thrown away then. workerd sets its own journal again.
  database.exec(`
    pragma locking_mode = exclusive;
    pragma journal_mode = off;
    pragma synchronous = off;
    pragma cache_size = -${CACHE_KIB};
    begin`)
  const insert = database.prepare(`
    insert into associations (store_id, cart_id, account_id, created_at, used_at, created_by, request_id)
    values ('proofs', ?, ?, ?, ?, ?, ?)`)
  for (let number = from; number < to; number += 1) {
    const { cart, account, createdAt, usedAt, createdBy, requestId } = rows.rowAt(number)
    insert.run(cart, account, createdAt, usedAt, createdBy, requestId)
    if (number % ROWS_AT_ONCE > 0) continue
    // Ctrl-C is noticed here.
    await setImmediate()
    checkNotStopped()
    if (number % 500_000 === 0) {
      progress(`Filling in ${grouped(to)} associations: ${grouped(number)}`)
    }
  }
  database.exec('commit')
  database.close()
}

/** Sends one request at a time, the operations by turns, so that a busy moment slows them alike. */
async function measureAll(
  url: string,
  operations: readonly Operation[],
  server: Caller,
  requests: number,
  progress: (turn: number) => void,
): Promise<ScaleResult[]> {
  const samples: { operation: string; read: number; written: number; ms: number }[] = []
  for (let turn = -Math.min(WARM_UP, requests); turn < requests; turn += 1) {
    checkNotStopped()
    if (turn >= 0 && turn % Math.ceil(requests / SHOWN_STEPS) === 0) progress(turn)
    for (const { name, status, ...operation } of operations) {
      const key = operation.key()
      const { headers } = await operation.callerFor(key)
      const request = operation.request(key, headers)
      if (REPEATED.test(name)) await send(url, request, status)
      const startedAt = performance.now()
      const { read, written } = await send(url, request, status)
      const ms = performance.now() - startedAt
      if (turn >= 0) samples.push({ operation: name, read, written, ms })
      // A new association is removed, so that every request finds the database as it was.
      if (request.method === 'POST' && status === 200) {
        await dissociate(url, server, key.cart, [key.account])
      }
    }
  }
  return operations.map(({ name }) => {
    const own = samples.filter(({ operation }) => operation === name)
    return {
      operation: name,
      read: Math.max(...own.map(({ read }) => read)),
      written: Math.max(...own.map(({ written }) => written)),
      p50: medianOf(own.map(({ ms }) => ms)),
    }
  })
}

function operationsIn(size: number, settings: LocalSettings, server: Caller): Operation[] {
  const random = seededRandom(1, size)
  const { accounts, hotCarts, hotAccounts } = rows.kindsIn(size)
  const known = () => rows.backgroundKey(random.below(accounts * rows.CARTS_OF_ACCOUNT))
  const ofHotAccount = () => rows.hotAccountKey(random.below(hotCarts))
  const ofHotCart = () => rows.hotCartKey(random.below(hotAccounts))
  const newCart = (key: () => rows.Key) => () => ({ ...key(), cart: randomUUID() })
  const newAccount = (key: () => rows.Key) => () => ({ ...key(), account: randomUUID() })
  const farOffset = Math.min(OFFSET.max, Math.floor(hotCarts / 10))

  const get = (pathFor: (key: rows.Key) => string) => (key: rows.Key, headers: Headers) =>
    ({ method: 'GET', path: pathFor(key), headers }) as const
  const cart = get((key) => `/v2/carts/${key.cart}`)
  const accountsOf = get((key) => pathOf(key.cart))
  const cartsOf = (account: string) => `/v2/carts?filter=contains(account_ids,"${account}")`
  const carts = get(({ account }) => cartsOf(account))
  const farCarts = get(({ account }) => `${cartsOf(account)}&page[offset]=${farOffset}`)
  const associate = (key: rows.Key, headers: Headers) => associationOf({ ...key, headers })

  type Rest = [name: string, status: number, key: () => rows.Key, request: Operation['request']]
  const by =
    (callerFor: Operation['callerFor']) =>
    (...[name, status, key, request]: Rest): Operation => ({
      name,
      status,
      key,
      callerFor,
      request,
    })
  const byServer = by(async () => server)
  const byShopper = by(({ account }) => asShopper(settings, account))
  return [
    byServer('single cart', 200, known, cart),
    byServer('list of carts', 200, known, carts),
    byServer('list of accounts', 200, known, accountsOf),
    byServer('new association', 200, newCart(known), associate),
    byShopper('new association by a shopper', 200, newCart(known), associate),
    byServer('repeated association', 204, known, associate),
    byShopper('repeated association by a shopper', 204, known, associate),
    byShopper('cart of others', 403, newAccount(known), associate),

    byServer('hot account: list of carts', 200, ofHotAccount, carts),
    byServer('hot account: list of carts, far page', 200, ofHotAccount, farCarts),
    byServer('hot account: new association', 200, newCart(ofHotAccount), associate),
    byServer('hot account: repeated association', 204, ofHotAccount, associate),

    byServer('hot cart: single cart', 200, ofHotCart, cart),
    byShopper('hot cart: single cart by a shopper', 200, ofHotCart, cart),
    byServer('hot cart: list of accounts', 200, ofHotCart, accountsOf),
    byShopper('hot cart: list of accounts by a shopper', 200, ofHotCart, accountsOf),
    byServer('hot cart: new association', 200, newAccount(ofHotCart), associate),
    byServer('hot cart: repeated association', 204, ofHotCart, associate),
    byShopper('hot cart: repeated association by a shopper', 204, ofHotCart, associate),
    byShopper('hot cart: cart of others', 403, newAccount(ofHotCart), associate),
  ]
}

/** Rows must not grow at all, or only up to the bound of a long list; time may grow to twice. */
export function judgeScale(figures: readonly SizeFigures[]): Judged[] {
  const operations = figures[0]?.results.map(({ operation }) => operation) ?? []
  return operations.flatMap((operation) => {
    const results = figures.map((size) => resultOf(size, operation))
    const [read, written] = [results.map(({ read }) => read), results.map((each) => each.written)]
    const name = `rows read at any size: ${operation}`
    if (BUDGETS[name] !== undefined) {
      // A long list is shorter in a smaller database.
      const comparable = figures.filter(({ size }) => size >= rows.FULLY_HOT)
      return [...judge({ [name]: Math.max(...read) }), ...growthOf(operation, comparable)]
    }
    // The least at any size is the bound at every size.
    return [
      held(`rows read: ${operation}`, Math.max(...read), { max: Math.min(...read) }),
      held(`rows written: ${operation}`, Math.max(...written), { max: Math.min(...written) }),
      ...growthOf(operation, figures),
    ]
  })
}

/** From the smallest size to the largest; empty if there is nothing to compare. */
function growthOf(operation: string, figures: readonly SizeFigures[]): Judged[] {
  const [smallest, largest] = [figures.at(0), figures.at(-1)]
  if (smallest === undefined || largest === undefined || smallest === largest) return []
  const ratio = resultOf(largest, operation).p50 / resultOf(smallest, operation).p50
  const figure = `p50, times that of the smallest size: ${operation}`
  return [held(figure, ratio, { max: MOST_GROWTH })]
}

export function resultOf({ size, results }: SizeFigures, operation: string): ScaleResult {
  const result = results.find((each) => each.operation === operation)
  if (result !== undefined) return result
  throw new Error(`${operation} was not measured at ${size}`)
}

export function scaleTable(figures: readonly SizeFigures[]): string {
  const operations = figures[0]?.results.map(({ operation }) => operation) ?? []
  return markdownTable(
    ['associations', ...figures.map(({ size }) => grouped(size))],
    [
      ['file, MB', ...figures.map(({ bytes }) => (bytes / 1e6).toFixed(1))],
      ['bytes an association', ...figures.map(({ bytes, size }) => (bytes / size).toFixed(0))],
      ['time to fill in, s', ...figures.map(({ fillSeconds }) => fillSeconds.toFixed(0))],
      ['**rows read / written, median time**', ...figures.map(() => '')],
      ...operations.map((operation) => [
        operation,
        ...figures.map((size) => {
          const { read, written, p50 } = resultOf(size, operation)
          return `${grouped(read)} / ${written}, ${p50.toFixed(2)} ms`
        }),
      ]),
    ],
  )
}
