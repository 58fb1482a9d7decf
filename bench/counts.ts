// bench counts: the weight of the bundle, how long it loads, and the rows that D1 counts.
import { randomUUID } from 'node:crypto'
import { CARTS_PER_ACCOUNT, LIMIT } from '../src/limits.ts'
import { showProgress } from '../test/lib/options.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer } from '../test/proofs/carts-client.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { bundleSize } from '../tools/lib/wrangler.ts'
import {
  associationOf,
  type BenchRequest,
  loadsOf,
  metered,
  newShoppers,
  send,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measured, type Outcome } from './figures.ts'

const ISOLATES = 20
/** With one more, the account has as many as it may. */
const CARTS_OF_ACCOUNT = CARTS_PER_ACCOUNT.default - 1
const PAGE = LIMIT.default

export async function measureCounts(worker: BuiltWorker): Promise<Outcome> {
  showProgress('Loading the bundle in fresh isolates')
  const figures = {
    'bundle, KiB gzipped': bundleSize(worker.bundle).gzippedKib,
    'module load, ms': await loadMs(worker),
  }
  showProgress('Counting rows')
  const rows = await countRows(worker)
  const sizes = Object.entries(figures).map(([name, value]) => [name, value.toFixed(1)])
  const text = measured(
    `module load is the fastest of ${ISOLATES} fresh isolates`,
    markdownTable(['size', 'measured'], sizes),
    markdownTable(
      ['rows by D1’s count', 'read', 'written'],
      rows.map(({ operation, read, written }) => [operation, String(read), String(written)]),
    ),
  )
  const counted = rows.flatMap(({ operation, read, written }) => [
    [`rows read: ${operation}`, read],
    [`rows written: ${operation}`, written],
  ])
  return { part: 'counts', text, judged: judge({ ...figures, ...Object.fromEntries(counted) }) }
}

async function loadMs(worker: BuiltWorker): Promise<number> {
  const modules = metered(worker.bundle)
  const { urls, kill } = await worker.serve({ modules, isolates: ISOLATES, database: 'loading' })
  const request = { method: 'GET', path: '/healthz', headers: {} } as const
  const times: number[] = []
  for (const url of urls) times.push((await send(url, request, 200)).loadMs)
  await kill()
  // A busy machine only adds to it.
  return Math.min(...times)
}

async function countRows(worker: BuiltWorker) {
  const { url } = await serve(worker, 'rows', { modules: metered(worker.bundle) })
  const [shopper, other] = await newShoppers(worker.settings, 2)
  if (shopper === undefined || other === undefined) throw new CommandError('No shoppers')
  const server = await asServer(worker.settings)
  const older = { ...shopper, cart: randomUUID() }
  const carts = [
    older,
    ...Array.from({ length: CARTS_OF_ACCOUNT - 1 }, () => ({ ...shopper, cart: randomUUID() })),
    ...Array.from({ length: PAGE - 1 }, () => ({ ...other, cart: randomUUID() })),
  ]
  for (const cart of carts) await send(url, associationOf(cart), 200)
  const byServer = { ...other, headers: server.headers, cart: randomUUID() }
  const get = (path: string, { headers } = shopper) => ({ method: 'GET', path, headers }) as const
  const association = associationOf(shopper)
  const loads = loadsOf([shopper], server)
  const requests: [operation: string, status: number, request: BenchRequest | undefined][] = [
    ['new association', 200, association],
    ['repeated association', 204, association],
    ['repeated association, of an older cart', 204, associationOf(older)],
    ['new association, by a server', 200, associationOf(byServer)],
    ['repeated association, by a server', 204, associationOf(byServer)],
    ['association with a cart of others', 403, associationOf({ ...other, cart: shopper.cart })],
    [`list of carts, ${PAGE} of ${PAGE}`, 200, get('/v2/carts', other)],
    [`list of carts, the first ${PAGE} of ${CARTS_OF_ACCOUNT + 1}`, 200, get('/v2/carts')],
    ['list of carts, after 40', 200, get('/v2/carts?page[offset]=40')],
    ['list of accounts', 200, get(association.path)],
    ['single cart', 200, get(`/v2/carts/${shopper.cart}`)],
    ['token request', 200, loads['token request'].requests[0]],
    ['refused token', 401, loads['refused token'].requests[0]],
  ]
  const rows = []
  for (const [operation, status, request] of requests) {
    if (request === undefined) throw new CommandError(`No request: ${operation}`)
    rows.push({ operation, ...(await send(url, request, status)) })
  }
  return rows
}
