// The rows of all stores, or of one: page by page in the order of the primary key.

import type { BoundQuery } from '../../src/storage/queries.ts'
import { homeOf, type Shard, shardToRead } from '../../src/storage/shards.ts'
import { type OpenDatabases, patiently } from '../lib/bound-databases.ts'
import { COLUMNS, type Column, type Row } from './association-row.ts'

/** Of one round trip: at most some MB. */
const PAGE_ROWS = 5_000

type Selected = Record<Exclude<Column, 'created_at'>, string> & { created_at: number }
type Key = readonly [string, string, string]

/**
 * Database after database; none of what a move has left where it does not belong.
 *
 * @throws CommandError where a database cannot go on
 */
export async function* readRows(
  databases: OpenDatabases,
  store: string | undefined,
): AsyncGenerator<Row[], void> {
  const { all, present, target } = databases
  const sources = store === undefined ? all : [shardToRead(databases, store)]
  for (const source of sources) {
    let after: Key | undefined = [store ?? '', '', '']
    while (after !== undefined) {
      const page: Row[] = await readPage(source, target, after, store)
      yield page.filter(([storeId]) => homeOf(present, storeId).name === source.name)
      const end = page.at(-1)
      after = page.length < PAGE_ROWS || end === undefined ? undefined : [end[0], end[1], end[2]]
    }
  }
}

/** From the key on, by the key: no page costs more than the one before it. */
async function readPage(
  source: Shard,
  target: string[],
  after: Key,
  store: string | undefined,
): Promise<Row[]> {
  const [, ...inStore] = after
  const [where, values] =
    store === undefined
      ? ['(store_id, cart_id, account_id) > (?, ?, ?)', after]
      : ['store_id = ? and (cart_id, account_id) > (?, ?)', [store, ...inStore]]
  const select: BoundQuery<Selected> = {
    sql: `select ${COLUMNS.join(', ')} from associations where ${where}
      order by store_id, cart_id, account_id limit ${PAGE_ROWS}`,
    values: [...values],
  }
  const [rows] = await patiently(source, target, (db) => db.query(select))
  return rows.map((row) => [
    row.store_id,
    row.cart_id,
    row.account_id,
    row.created_at,
    row.created_by,
    row.request_id,
  ])
}
