// What can be counted: the bundle, rows read and written, bytes. And how long the bundle takes to load.
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { LIMIT } from '../src/limits.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer } from '../test/proofs/carts-client.ts'
import { bundleSize } from '../tools/build/bundle-size.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { moduleAt, serve } from './contestants.ts'
import type { BenchRequest } from './load.ts'
import { associationOf, loadsOf } from './operations.ts'
import { newShoppers, type Shopper } from './shoppers.ts'
import { medianOf } from './statistics.ts'

/** D1's own count for one request. */
export interface Rows {
  operation: string
  read: number
  written: number
}

export interface Counts {
  bundleKib: number
  /** Milliseconds, the median of fresh isolates. */
  moduleLoadMs: number
  rows: Rows[]
  bytesPerAssociation: number
}

const ISOLATES = 20
const ASSOCIATIONS = 50_000
const CARTS_OF_ACCOUNT = 100
const PAGE = LIMIT.default
const RANDOM_UUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-' ||
  hex(randomblob(2)) || '-' || hex(randomblob(2)) || '-' || hex(randomblob(6)))`

export async function count(
  worker: BuiltWorker,
  progress: (line: string) => void,
): Promise<Counts> {
  progress('Loading the bundle in fresh isolates')
  const moduleLoadMs = await measureLoading(worker)
  progress('Counting rows')
  const rows = await countRows(worker)
  progress(`Filling in ${ASSOCIATIONS} associations`)
  const bytesPerAssociation = await countBytes(worker)
  return {
    bundleKib: bundleSize(worker.bundle).gzippedKib,
    moduleLoadMs,
    rows,
    bytesPerAssociation,
  }
}

async function measureLoading(worker: BuiltWorker): Promise<number> {
  const modules = [moduleAt('loading.ts'), worker.bundle]
  const serving = await worker.serve({ modules, isolates: ISOLATES, database: 'loading' })
  const times: number[] = []
  for (const url of serving.urls) {
    const response = await fetch(url)
    times.push(v.parse(v.number(), await response.json()))
  }
  await serving.kill()
  return medianOf(times)
}

async function countRows(worker: BuiltWorker): Promise<Rows[]> {
  const { url } = await serveMetered(worker, 'rows', [])
  const [shopper, other] = await newShoppers(worker.settings, 2)
  if (shopper === undefined || other === undefined) throw new CommandError('No shoppers')
  for (let carts = 0; carts < CARTS_OF_ACCOUNT; carts += 1) {
    await ask(url, associationOf({ ...shopper, cart: randomUUID() }), 200)
    if (carts < PAGE - 1) await ask(url, associationOf({ ...other, cart: randomUUID() }), 200)
  }
  const association = associationOf(shopper)
  const server = await asServer(worker.settings)
  const byServer = associationOf({ ...other, headers: server.headers, cart: randomUUID() })
  const loads = loadsOf([shopper])
  const list: BenchRequest = { method: 'GET', path: '/v2/carts', headers: shopper.headers }
  const token = loads['token request'].requests[0]
  const refused = loads['refused token'].requests[0]
  if (token === undefined || refused === undefined) throw new CommandError('No requests')
  const named: [operation: string, status: number, BenchRequest][] = [
    ['new association', 200, association],
    ['repeated association', 204, association],
    ['new association, by a server', 200, byServer],
    ['repeated association, by a server', 204, byServer],
    ['association with a cart of others', 403, ofOthers(other, shopper)],
    [`list of carts, ${PAGE} of ${PAGE}`, 200, { ...list, headers: other.headers }],
    [`list of carts, the first ${PAGE} of ${CARTS_OF_ACCOUNT + 1}`, 200, list],
    ['the same after 40', 200, { ...list, path: '/v2/carts?page[offset]=40' }],
    ['list of accounts', 200, { ...list, path: association.path }],
    ['single cart', 200, { ...list, path: `/v2/carts/${shopper.cart}` }],
    ['token request', 200, token],
    ['refused token', 401, refused],
  ]
  const rows: Rows[] = []
  for (const [operation, status, request] of named) {
    const { read, written } = await ask(url, request, status)
    rows.push({ operation, read, written })
  }
  return rows
}

function ofOthers(shopper: Shopper, { cart }: Shopper): BenchRequest {
  return associationOf({ ...shopper, cart })
}

async function countBytes(worker: BuiltWorker): Promise<number> {
  const [shopper] = await newShoppers(worker.settings, 1)
  if (shopper === undefined) throw new CommandError('No shoppers')
  const sizeOf = async (name: string, statements: string[]) => {
    const { url } = await serveMetered(worker, name, statements)
    const { size } = await ask(url, associationOf(shopper), 200)
    return size
  }
  const fill = `
    with recursive numbers(number) as (
      select 1 union all select number + 1 from numbers where number < ${ASSOCIATIONS})
    insert into associations (store_id, cart_id, account_id, created_at, created_by, request_id)
    select 'proofs', ${RANDOM_UUID}, ${RANDOM_UUID}, 1780000000000 + number, ${RANDOM_UUID},
      ${RANDOM_UUID} from numbers`
  return ((await sizeOf('filled', [fill])) - (await sizeOf('empty', []))) / ASSOCIATIONS
}

async function serveMetered(worker: BuiltWorker, database: string, statements: string[]) {
  const modules = [moduleAt('metered.ts'), worker.bundle]
  return await serve(worker, database, { modules, statements })
}

/** One request, and what D1 says of it; `size` is the database's, in bytes. */
export async function ask(
  url: string,
  { method, path, headers, body }: BenchRequest,
  status: number,
): Promise<{ read: number; written: number; size: number }> {
  const response = await fetch(new URL(path, url), {
    method,
    headers,
    ...(body !== undefined && { body }),
  })
  const answer = await response.text()
  if (response.status !== status) {
    throw new CommandError(
      `${method} ${path}: ${status} is right, not ${response.status} ${answer}`,
    )
  }
  const [read = 0, written = 0, size = 0] = (response.headers.get('X-Rows') ?? '')
    .split(',')
    .map(Number)
  return { read, written, size }
}
