// bench counts: the weight of the bundle, how long it loads, and the rows that D1 counts.
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { CARTS_PER_ACCOUNT, LIMIT } from '../src/limits.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer } from '../test/proofs/carts-client.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { bundleSize } from '../tools/lib/wrangler.ts'
import {
  associationOf,
  type BenchRequest,
  loadsOf,
  moduleAt,
  newShoppers,
  type Shopper,
  send,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measuredToday, type Outcome } from './figures.ts'

/** D1's own count for one request. */
interface Rows {
  operation: string
  read: number
  written: number
}

const ISOLATES = 20
/** With one more, the account has as many as it may. */
const CARTS_OF_ACCOUNT = CARTS_PER_ACCOUNT.default - 1
const PAGE = LIMIT.default

export async function measureCounts(
  worker: BuiltWorker,
  progress: (line: string) => void,
): Promise<Outcome> {
  progress('Loading the bundle in fresh isolates')
  const moduleLoadMs = await loadMs(worker)
  progress('Counting rows')
  const rows = await countRows(worker)
  const figures = {
    'bundle, KiB gzipped': bundleSize(worker.bundle).gzippedKib,
    'module load, ms': moduleLoadMs,
  }
  const sizes = Object.entries(figures).map(([name, value]) => [name, value.toFixed(1)])
  const counted = rows.map(({ operation, ...each }) => [
    operation,
    String(each.read),
    String(each.written),
  ])
  const how = `module load is the fastest of ${ISOLATES} fresh isolates`
  const tables = [
    markdownTable(['size', 'measured'], sizes),
    markdownTable(['rows by D1’s count', 'read', 'written'], counted),
  ]
  const rowFigures = rows.flatMap(({ operation, read, written }) => [
    [`rows read: ${operation}`, read],
    [`rows written: ${operation}`, written],
  ])
  return {
    parts: { counts: `${measuredToday(how)}${tables.join('\n')}` },
    judged: judge({ ...figures, ...Object.fromEntries(rowFigures) }),
  }
}

async function loadMs(worker: BuiltWorker): Promise<number> {
  const modules = [moduleAt('loading.ts'), worker.bundle]
  const serving = await worker.serve({ modules, isolates: ISOLATES, database: 'loading' })
  const times: number[] = []
  for (const url of serving.urls) {
    const response = await fetch(url)
    times.push(v.parse(v.number(), await response.json()))
  }
  await serving.kill()
  // A busy machine only adds to it.
  return Math.min(...times)
}

async function countRows(worker: BuiltWorker): Promise<Rows[]> {
  const url = await serveMetered(worker)
  const [shopper, other] = await newShoppers(worker.settings, 2)
  if (shopper === undefined || other === undefined) throw new CommandError('No shoppers')
  const associateNew = (by: Shopper) => send(url, associationOf({ ...by, cart: randomUUID() }), 200)
  const older = randomUUID()
  await send(url, associationOf({ ...shopper, cart: older }), 200)
  for (let carts = 1; carts < CARTS_OF_ACCOUNT; carts += 1) await associateNew(shopper)
  for (let carts = 0; carts < PAGE - 1; carts += 1) await associateNew(other)
  const association = associationOf(shopper)
  const server = await asServer(worker.settings)
  const byServer = associationOf({ ...other, headers: server.headers, cart: randomUUID() })
  const ofOthers = associationOf({ ...other, cart: shopper.cart })
  const list: BenchRequest = { method: 'GET', path: '/v2/carts', headers: shopper.headers }
  const loads = loadsOf([shopper], server)
  const [token] = loads['token request'].requests
  const [refused] = loads['refused token'].requests
  if (token === undefined || refused === undefined) throw new CommandError('No requests')
  const named: [operation: string, status: number, BenchRequest][] = [
    ['new association', 200, association],
    ['repeated association', 204, association],
    ['repeated association, of an older cart', 204, associationOf({ ...shopper, cart: older })],
    ['new association, by a server', 200, byServer],
    ['repeated association, by a server', 204, byServer],
    ['association with a cart of others', 403, ofOthers],
    [`list of carts, ${PAGE} of ${PAGE}`, 200, { ...list, headers: other.headers }],
    [`list of carts, the first ${PAGE} of ${CARTS_OF_ACCOUNT + 1}`, 200, list],
    ['list of carts, after 40', 200, { ...list, path: '/v2/carts?page[offset]=40' }],
    ['list of accounts', 200, { ...list, path: association.path }],
    ['single cart', 200, { ...list, path: `/v2/carts/${shopper.cart}` }],
    ['token request', 200, token],
    ['refused token', 401, refused],
  ]
  const rows: Rows[] = []
  for (const [operation, status, request] of named) {
    const { read, written } = await send(url, request, status)
    rows.push({ operation, read, written })
  }
  return rows
}

async function serveMetered(worker: BuiltWorker): Promise<string> {
  const modules = [moduleAt('metered.ts'), worker.bundle]
  return (await serve(worker, 'rows', { modules })).url
}
