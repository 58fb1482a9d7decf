// Rows on their way into the database: each to that of its store, many with one statement.

import { UnavailableError } from '../../src/errors.ts'
import type { BoundQuery } from '../../src/storage/queries.ts'
import { type Shard, shardToWrite } from '../../src/storage/shards.ts'
import { type OpenDatabases, patiently } from '../lib/bound-databases.ts'
import { CommandError } from '../lib/command-line.ts'
import { COLUMNS, type Row } from './association-row.ts'

/** Of one transaction, which others wait for: more of them are hardly faster. */
export const BATCH_ROWS = 1_000

/** One bound parameter for all rows, each an array: at most some 1.2 MB, of the 2 MB that D1 takes. */
const INSERT = `insert into associations (${COLUMNS.join(', ')})
  select ${COLUMNS.map((_, index) => `value ->> ${index}`).join(', ')} from json_each(?) where true
  on conflict (store_id, cart_id, account_id) do nothing`

const inserted: BoundQuery<{ inserted: number }> = {
  sql: 'select changes() as "inserted"',
  values: [],
}

/**
 * Inserts those of the rows whose key is not there, and returns how many. So it may be repeated; what a
 * try has inserted whose answer was lost counts as having been there.
 *
 * @throws CommandError where a database cannot go on
 */
export async function insertRows(
  databases: OpenDatabases,
  rows: readonly Row[],
  stop: AbortSignal,
): Promise<number> {
  let total = 0
  for (const [home, ofHome] of byHome(databases, rows)) {
    const insert: BoundQuery<never> = { sql: INSERT, values: [JSON.stringify(ofHome)] }
    const [, [counted]] = await patiently(
      home,
      databases.target,
      (db) => db.query(insert, inserted),
      stop,
    )
    total += counted?.inserted ?? 0
  }
  return total
}

function byHome(databases: OpenDatabases, rows: readonly Row[]): Map<Shard, Row[]> {
  // Of each store once: a file seldom has many.
  const homes = new Map<string, Shard>()
  return Map.groupBy(rows, ([storeId]) => {
    const home = homes.get(storeId) ?? homeOfStore(databases, storeId)
    homes.set(storeId, home)
    return home
  })
}

/** @throws CommandError while the store moves, as the Worker refuses to write it */
function homeOfStore(databases: OpenDatabases, storeId: string): Shard {
  try {
    return shardToWrite(databases, storeId)
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    throw new CommandError(
      `The store ${storeId} is moving to another database: import again once MOVING_TO and MOVING_FROM are unset`,
    )
  }
}
