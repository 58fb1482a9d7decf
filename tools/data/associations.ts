// The rows of associations in a database: counted, read page by page, inserted and deleted.
import * as v from 'valibot'
import type { Shard } from '../../src/storage/shards.ts'
import type { OpenDatabases } from '../lib/bound-databases.ts'
import { COLUMNS, type Row } from './association-row.ts'

/** Read or deleted in one round trip: some MB at most. */
const PAGE_ROWS = 5_000
/** Inserted in one transaction, for which other writes wait: more rows are hardly faster. */
export const BATCH_ROWS = 1_000

/** Takes all rows in one bound parameter, each an array: some 1.2 MB at most, of the 2 MB that D1 takes. */
const INSERT = `insert into associations (${COLUMNS.join(', ')})
  select ${COLUMNS.map((_, index) => `value ->> ${index}`).join(', ')} from json_each(?) where true
  on conflict (store_id, cart_id, account_id) do nothing`

const [text, number] = [v.string(), v.number()]
const selected = v.array(v.strictTuple([text, text, text, number, number, text, text]))
const counted = v.array(v.object({ store_id: text, rows: number }))
const inserted = v.tuple([v.object({ inserted: number })])

/** The rows of a store in one of the databases. */
export interface StoreRows {
  storeId: string
  rows: number
  database: string
}

/** Counts the rows of each store in each database, in the order of the stores. */
export async function countRows(databases: OpenDatabases): Promise<StoreRows[]> {
  const sql = 'select store_id, count(*) as "rows" from associations group by store_id'
  const found: StoreRows[] = []
  for (const shard of databases.all) {
    const [rows] = await databases.patiently(shard, (db) => db.query({ sql, values: [] }))
    for (const row of v.parse(counted, rows)) {
      found.push({ storeId: row.store_id, rows: row.rows, database: shard.name })
    }
  }
  return found.toSorted((one, other) => (one.storeId < other.storeId ? -1 : 1))
}

/**
 * Reads the rows of these stores, which are sorted, or of all stores, in the order of the primary key.
 * Each page begins after the last key of the page before, so that no page costs more than the first.
 */
export async function* readPages(
  databases: OpenDatabases,
  shard: Shard,
  stores?: readonly string[],
): AsyncGenerator<Row[], void> {
  // The plus keeps SQLite from looking up each store by itself, out of the order.
  const among = 'and store_id <= ? and +store_id in (select value from json_each(?))'
  const sql = `select ${COLUMNS.join(', ')} from associations
    where (store_id, cart_id, account_id) > (?, ?, ?) ${stores === undefined ? '' : among}
    order by store_id, cart_id, account_id limit ${PAGE_ROWS}`
  const limits = stores === undefined ? [] : [stores.at(-1), JSON.stringify(stores)]
  let after: [string, string, string] | undefined = [stores?.[0] ?? '', '', '']
  while (after !== undefined) {
    const values: unknown[] = [...after, ...limits]
    const [rows] = await databases.patiently(shard, (db) => db.query({ sql, values }))
    const page = v.parse(
      selected,
      rows.map((row) => Object.values(Object(row))),
    )
    yield page
    const end = page.length < PAGE_ROWS ? undefined : page.at(-1)
    after = end && [end[0], end[1], end[2]]
  }
}

/**
 * Inserts the rows whose key is not there, and returns how many. It may be repeated; a row whose
 * insertion was not acknowledged then counts as having been there.
 */
export async function insertRows(
  databases: OpenDatabases,
  shard: Shard,
  rows: readonly Row[],
  stop?: AbortSignal,
): Promise<number> {
  const insert = { sql: INSERT, values: [JSON.stringify(rows)] }
  const count = { sql: 'select changes() as "inserted"', values: [] }
  const [, result] = await databases.patiently(shard, (db) => db.query(insert, count), stop)
  return v.parse(inserted, result)[0].inserted
}

/** Deletes the rows of the stores, some thousands in each step, and returns how many there were. */
export async function deleteRows(
  databases: OpenDatabases,
  shard: Shard,
  stores: readonly string[],
): Promise<number> {
  const sql = `delete from associations where (store_id, cart_id, account_id) in (
    select store_id, cart_id, account_id from associations
    where store_id in (select value from json_each(?)) limit ${PAGE_ROWS}) returning 1`
  const values = [JSON.stringify(stores)]
  let total = 0
  let deleted: number
  do {
    const [rows] = await databases.patiently(shard, (db) => db.query({ sql, values }))
    deleted = rows.length
    total += deleted
  } while (deleted === PAGE_ROWS)
  return total
}
