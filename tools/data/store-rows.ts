// The rows of stores in several databases, through wrangler: where they are, copying and deleting them.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { CommandError } from '../lib/command-line.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'
import { executeFile, executeSql, quote } from '../lib/wrangler.ts'

/** Of one round trip: some 2 s, and at most a few MB. */
const PAGE_ROWS = 5_000
/** Of one statement, which D1 takes up to 100 kB of: a row has at most some 1.5 kB. */
const STATEMENT_ROWS = 50
const STATEMENT_STORES = 100

const counted = v.array(v.object({ store_id: v.string(), rows: v.number() }))
const value = v.union([v.string(), v.number(), v.null()])
const key = { store_id: v.string(), cart_id: v.string(), account_id: v.string() }
const page = v.array(v.objectWithRest(key, value))

type Row = v.InferOutput<typeof page>[number]

/** A store that has rows in a database. */
export interface StoreRows {
  storeId: string
  rows: number
  database: string
}

/** Rows that are to be where they are not. */
export interface Move {
  from: string
  to: string
  storeIds: string[]
}

/** The stores in each of the databases, by their ids. */
export async function countRows(databases: string[], target: string[]): Promise<StoreRows[]> {
  const found: StoreRows[] = []
  for (const database of databases) {
    const rows = await executeSql(
      'select store_id, count(*) as "rows" from associations group by store_id',
      target,
      database,
    )
    found.push(
      ...v.parse(counted, rows).map((row) => ({ storeId: row.store_id, rows: row.rows, database })),
    )
  }
  return found.toSorted((one, other) => (one.storeId < other.storeId ? -1 : 1))
}

/**
 * Copies the rows of the stores, in their order, and leaves alone what is there already: so it may
 * be called again.
 *
 * @throws CommandError where a database cannot go on
 */
export async function copyRows(
  { from, to, storeIds }: Move,
  target: string[],
  onPage: (rows: number, storeId: string) => void,
): Promise<void> {
  const file = path.join(temporaryDirectory('copy'), 'page.sql')
  for (const stores of chunksOf(storeIds, STATEMENT_STORES)) {
    let after = [stores[0] ?? '', '', '']
    let rows: Row[]
    do {
      rows = v.parse(page, await executeSql(selectAfter(after, stores), target, from))
      const end = rows.at(-1)
      if (end === undefined) break
      writeFileSync(file, chunksOf(rows, STATEMENT_ROWS).map(insert).join('\n'))
      await executeFile(file, target, to)
      onPage(rows.length, end.store_id)
      after = [end.store_id, end.cart_id, end.account_id]
    } while (rows.length === PAGE_ROWS)
  }
}

/** Deletes what the stores have in the database that they are to leave, in steps. */
export async function deleteRows({ from, storeIds }: Move, target: string[]): Promise<number> {
  let total = 0
  for (const stores of chunksOf(storeIds, STATEMENT_STORES)) {
    let deleted: number
    do {
      deleted = (await executeSql(deleteStep(stores), target, from)).length
      total += deleted
    } while (deleted === PAGE_ROWS)
  }
  return total
}

/** @throws CommandError where what was copied to is not what was copied from */
export function requireCopied({ from, to, storeIds }: Move, found: readonly StoreRows[]): number {
  const rowsIn = (name: string, storeId: string) =>
    found.find((each) => each.database === name && each.storeId === storeId)?.rows ?? 0
  for (const storeId of storeIds) {
    const [source, copy] = [rowsIn(from, storeId), rowsIn(to, storeId)]
    if (source !== copy) {
      throw new CommandError(
        `${to} has ${copy} rows of the store ${storeId}, and ${from} has ${source}: is it still written, or were rows left behind there once?`,
      )
    }
  }
  return storeIds.reduce((sum, storeId) => sum + rowsIn(to, storeId), 0)
}

/** In the order of the primary key, so that no row is read twice. */
function selectAfter(after: string[], stores: string[]): string {
  // The plus keeps SQLite from beginning at the first row of each store.
  return `select * from associations
    where (store_id, cart_id, account_id) > (${after.map(quote).join(', ')})
    and store_id <= ${quote(stores.at(-1) ?? '')} and +store_id in (${stores.map(quote).join(', ')})
    order by store_id, cart_id, account_id limit ${PAGE_ROWS}`
}

function deleteStep(stores: string[]): string {
  return `delete from associations where (store_id, cart_id, account_id) in (
    select store_id, cart_id, account_id from associations
    where store_id in (${stores.map(quote).join(', ')}) limit ${PAGE_ROWS}) returning 1`
}

/** Whatever columns there are. */
function insert(rows: Row[]): string {
  const columns = Object.keys(rows[0] ?? {})
  const values = rows.map((row) => `(${columns.map((column) => literal(row[column] ?? null))})`)
  return `insert into associations (${columns}) values\n${values.join(',\n')}
on conflict (store_id, cart_id, account_id) do nothing;`
}

function literal(of: v.InferOutput<typeof value>): string {
  return typeof of === 'string' ? quote(of) : String(of)
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
