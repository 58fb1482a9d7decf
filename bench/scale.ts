// bench scale: whether a request costs more in a larger database, by D1's count of rows and in time.
import { randomUUID } from 'node:crypto'
import { globSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { OFFSET } from '../src/limits.ts'
import * as rows from '../test/lib/association-rows.ts'
import { showProgress } from '../test/lib/options.ts'
import { seededRandom } from '../test/lib/random.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { ask, asServer, asShopper, type Caller } from '../test/proofs/carts-client.ts'
import { CommandError, grouped } from '../tools/lib/command-line.ts'
import { checkNotStopped } from '../tools/lib/processes.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'
import { associationOf, metered, send } from './contestant.ts'
import {
  BUDGETS,
  held,
  type Judged,
  judge,
  MOST_GROWTH,
  markdownTable,
  measured,
  medianOf,
  type Outcome,
} from './figures.ts'

interface Size {
  /** Associations. */
  size: number
  /** The size of the file. */
  bytes: number
  /** How long it took to add the rows that the size before did not have. */
  fillSeconds: number
}

/** One operation at one size. */
export interface ScaleResult {
  operation: string
  size: number
  /** The most rows that any request read and wrote. */
  read: number
  written: number
  /** The median time in milliseconds, from outside. */
  p50: number
}

type Operation = [
  name: string,
  callerFor: (key: rows.Key) => Promise<Caller>,
  status: number,
  /** A random row; a shopper's request comes from its account. */
  key: () => rows.Key,
  /** What is read; an association if there is none. */
  path?: (key: rows.Key) => string,
]

const SIZES = [10_000, 1_000_000, 10_000_000]
const REQUESTS = 300
/** Requests of each operation that are not counted, while a new process compiles its code. */
const WARM_UP = 20
/** Has room for 10 million associations; with less, each row writes its pages at once. */
const CACHE_KIB = 4_000_000
const ROWS_AT_ONCE = 100_000

export async function measureScale(worker: BuiltWorker): Promise<Outcome> {
  const { sizes, results } = await measureSizes(worker, SIZES, REQUESTS)
  const { bytes, size } = sizes.at(-1) ?? { bytes: 0, size: 1 }
  const how = `${REQUESTS} requests of each kind at each size, by turns, one at a time, for random keys`
  return {
    part: 'scale',
    text: measured(how, scaleTable(sizes, results)),
    judged: [...judge({ 'bytes an association': bytes / size }), ...judgeScale(results)],
  }
}

/** Fills one database from size to size, ascending, and sends so many requests of every kind at each. */
export async function measureSizes(worker: BuiltWorker, ascending: number[], requests: number) {
  const server = await asServer(worker.settings)
  const serve = () =>
    worker.serve({ modules: metered(worker.bundle), database: 'scale', log: 'discard' })
  const { directory, kill } = await serve()
  await kill()
  // Miniflare names the file by a hash.
  const [file, ...others] = globSync('d1/*/!(metadata).sqlite', { cwd: directory })
  if (file === undefined || others.length > 0) {
    throw new CommandError(`Miniflare keeps D1 in another place than ${directory}/d1`)
  }
  const database = path.join(directory, file)
  const sizes: Size[] = []
  const results: ScaleResult[] = []
  for (const size of ascending) {
    const startedAt = performance.now()
    // No workerd has the file open now.
    await fill(database, sizes.at(-1)?.size ?? 0, size)
    const fillSeconds = (performance.now() - startedAt) / 1_000
    sizes.push({ size, bytes: statSync(database).size, fillSeconds })
    showProgress(`${grouped(size)} associations: ${requests} requests of each kind`)
    const serving = await serve()
    const operations = operationsIn(size, worker.settings, server)
    const measured = await measureAll(serving.urls[0] ?? '', operations, server, requests)
    await serving.kill()
    results.push(...measured.map((result) => ({ ...result, size })))
  }
  return { sizes, results }
}

/** Inserts row after row with the index in place, so that both b-trees grow as in production. */
async function fill(file: string, from: number, to: number): Promise<void> {
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
    showProgress(`Filling in ${grouped(to)} associations: ${grouped(number)}`)
    // Ctrl-C is noticed here.
    await setImmediate()
    checkNotStopped()
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
): Promise<Omit<ScaleResult, 'size'>[]> {
  const samples: { name: string; read: number; written: number; ms: number }[] = []
  for (let turn = -Math.min(WARM_UP, requests); turn < requests; turn += 1) {
    checkNotStopped()
    for (const [name, callerFor, status, keyOf, pathOf] of operations) {
      const key = keyOf()
      const { headers } = await callerFor(key)
      const request = pathOf
        ? ({ method: 'GET', path: pathOf(key), headers } as const)
        : associationOf({ ...key, headers })
      // A repeated association is first made the last used of its account.
      if (status === 204) await send(url, request, status)
      const startedAt = performance.now()
      const { read, written } = await send(url, request, status)
      const ms = performance.now() - startedAt
      if (turn >= 0) samples.push({ name, read, written, ms })
      // A new association is removed, so that every request finds the database as it was.
      if (!pathOf && status === 200) {
        const { cart, account } = key
        await ask(url, server, { action: 'dissociate', cart, accounts: [account] })
      }
    }
  }
  return operations.map(([operation]) => {
    const own = samples.filter(({ name }) => name === operation)
    return {
      operation,
      read: Math.max(...own.map(({ read }) => read)),
      written: Math.max(...own.map(({ written }) => written)),
      p50: medianOf(own.map(({ ms }) => ms)),
    }
  })
}

function operationsIn(size: number, settings: LocalSettings, server: Caller): Operation[] {
  const byServer = async () => server
  const byShopper = ({ account }: rows.Key) => asShopper(settings, account)

  const random = seededRandom(1, size)
  const { accounts, hotCarts, hotAccounts } = rows.kindsIn(size)
  const known = () => rows.backgroundKey(random.below(accounts * rows.CARTS_OF_ACCOUNT))
  const ofHotAccount = () => rows.hotAccountKey(random.below(hotCarts))
  const ofHotCart = () => rows.hotCartKey(random.below(hotAccounts))
  const newCart = (key: () => rows.Key) => () => ({ ...key(), cart: randomUUID() })
  const newAccount = (key: () => rows.Key) => () => ({ ...key(), account: randomUUID() })

  const cart = (key: rows.Key) => `/v2/carts/${key.cart}`
  const accountsOf = (key: rows.Key) => `${cart(key)}/relationships/accounts`
  const carts = ({ account }: rows.Key) => `/v2/carts?filter=contains(account_ids,"${account}")`
  const farOffset = Math.min(OFFSET.max, Math.floor(hotCarts / 10))
  const farCarts = (key: rows.Key) => `${carts(key)}&page[offset]=${farOffset}`
  return [
    ['single cart', byServer, 200, known, cart],
    ['list of carts', byServer, 200, known, carts],
    ['list of accounts', byServer, 200, known, accountsOf],
    ['new association', byServer, 200, newCart(known)],
    ['new association by a shopper', byShopper, 200, newCart(known)],
    ['repeated association', byServer, 204, known],
    ['repeated association by a shopper', byShopper, 204, known],
    ['cart of others', byShopper, 403, newAccount(known)],

    ['hot account: list of carts', byServer, 200, ofHotAccount, carts],
    ['hot account: list of carts, far page', byServer, 200, ofHotAccount, farCarts],
    ['hot account: new association', byServer, 200, newCart(ofHotAccount)],
    ['hot account: repeated association', byServer, 204, ofHotAccount],

    ['hot cart: single cart', byServer, 200, ofHotCart, cart],
    ['hot cart: single cart by a shopper', byShopper, 200, ofHotCart, cart],
    ['hot cart: list of accounts', byServer, 200, ofHotCart, accountsOf],
    ['hot cart: list of accounts by a shopper', byShopper, 200, ofHotCart, accountsOf],
    ['hot cart: new association', byServer, 200, newAccount(ofHotCart)],
    ['hot cart: repeated association', byServer, 204, ofHotCart],
    ['hot cart: repeated association by a shopper', byShopper, 204, ofHotCart],
    ['hot cart: cart of others', byShopper, 403, newAccount(ofHotCart)],
  ]
}

/** Rows must not grow at all, or only up to the bound of a long list; time may grow to twice. */
export function judgeScale(results: readonly ScaleResult[]): Judged[] {
  return [...Map.groupBy(results, ({ operation }) => operation)].flatMap(([operation, own]) => {
    const [read, written] = [own.map((each) => each.read), own.map((each) => each.written)]
    const figure = `rows read at any size: ${operation}`
    if (BUDGETS[figure] !== undefined) {
      // A long list is shorter in a smaller database.
      const comparable = own.filter(({ size }) => size >= rows.FULLY_HOT)
      return [...judge({ [figure]: Math.max(...read) }), ...growthOf(operation, comparable)]
    }
    // The least at any size is the bound at every size.
    return [
      held(`rows read: ${operation}`, Math.max(...read), { max: Math.min(...read) }),
      held(`rows written: ${operation}`, Math.max(...written), { max: Math.min(...written) }),
      ...growthOf(operation, own),
    ]
  })
}

/** From the smallest size to the largest; empty if there is nothing to compare. */
function growthOf(operation: string, [smallest, ...others]: readonly ScaleResult[]): Judged[] {
  const largest = others.at(-1)
  if (smallest === undefined || largest === undefined) return []
  const figure = `p50, times that of the smallest size: ${operation}`
  return [held(figure, largest.p50 / smallest.p50, { max: MOST_GROWTH })]
}

export function scaleTable(sizes: readonly Size[], results: readonly ScaleResult[]): string {
  const rowsOf = [...Map.groupBy(results, ({ operation }) => operation)].map(([operation, own]) => [
    operation,
    ...own.map(({ read, written, p50 }) => `${grouped(read)} / ${written}, ${p50.toFixed(2)} ms`),
  ])
  return markdownTable(
    ['associations', ...sizes.map(({ size }) => grouped(size))],
    [
      ['file, MB', ...sizes.map(({ bytes }) => (bytes / 1e6).toFixed(1))],
      ['bytes an association', ...sizes.map(({ bytes, size }) => (bytes / size).toFixed(0))],
      ['time to fill in, s', ...sizes.map(({ fillSeconds }) => fillSeconds.toFixed(0))],
      ['**rows read / written, median time**', ...sizes.map(() => '')],
      ...rowsOf,
    ],
  )
}
