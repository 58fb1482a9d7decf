// Removing expired associations, step by step in the order of the primary key.
import { and, eq, lte, type SQL, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { prepareSql } from './queries.ts'
import { associations, sweep } from './schema.ts'

/** Rows of one step; other writes wait for its transaction. */
export const STEP_ROWS = 4_000
/** Queries of one step: one finds where it ends, and a batch of two removes. */
export const STEP_QUERIES = 3
/** Stores that a run looks at; one that has nothing to remove takes a query. */
const MAX_STORES = 40
/** A removed row is read in the table and in the index, and found there. */
const READS_OF_REMOVAL = 4

/** The row after which a step begins. No id is empty, so `accountId: ''` is before all of a cart. */
export type Position = { storeId: string; cartId: string; accountId: string }

/** The rows of a step: some of one store. */
export type Stretch = {
  after: Position
  /** Its last row. */
  last: Position
  rows: number
  expired: number
}

const { storeId, cartId, accountId, usedAt } = associations
const { placeholder } = sql

const selectCursor = prepareSql<Record<never, never>, { storeId: string; cartId: string }>(sql`
  select ${sweep.storeId} as "storeId", ${sweep.cartId} as "cartId" from ${sweep}`)

/** Skips from store to store: each takes one row. */
const selectStores = prepareSql<{ limit: number }, { storeId: string | null }>(sql`
  with recursive ahead(store) as (
    select min(${storeId}) from ${associations}
      where ${storeId} >= coalesce((select ${sweep.storeId} from ${sweep}), '')
    union all
    select (select min(${storeId}) from ${associations} where ${storeId} > ahead.store)
      from ahead where ahead.store is not null
    limit ${placeholder('limit')})
  select store as "storeId" from ahead`)

/** The bounds of SQLite's row values: the primary key is in this order. */
const key = sql`(${cartId}, ${accountId})`
const rowsAfter = and(
  eq(storeId, placeholder('storeId')),
  sql`${key} > (${placeholder('cartId')}, ${placeholder('accountId')})`,
)

type Bounds = Position & { expiredAt: number }
type Counted = { rows: number; expired: number; last: string | null }
// A space sorts before every character of an id, so that the greatest text is the last row.
const countStep = prepareSql<Bounds, Counted>(sql`
  select count(*) as "rows", count(case when used <= ${placeholder('expiredAt')} then 1 end) as "expired",
    max(cart || ' ' || account) as "last"
  from (select ${cartId} as cart, ${accountId} as account, ${usedAt} as used from ${associations}
    where ${rowsAfter} order by ${cartId}, ${accountId} limit ${sql.raw(String(STEP_ROWS))})`)

type Removal = Bounds & { lastCartId: string; lastAccountId: string }
// Compares the time of use itself: a row that was used meanwhile stays.
const deleteStep = prepareSql<Removal, object>(sql`
  delete from ${associations}
  where ${and(
    rowsAfter,
    sql`${key} <= (${placeholder('lastCartId')}, ${placeholder('lastAccountId')})`,
    lte(usedAt, placeholder('expiredAt')),
  )}
  returning 1 as "one"`)

const moveCursor = prepareSql<{ storeId: string; cartId: string }>(sql`
  insert into ${sweep} (${bareNames('only_row', 'store_id', 'cart_id')})
  values (1, ${placeholder('storeId')}, ${placeholder('cartId')})
  on conflict (${bareNames('only_row')}) do update set
    ${bareNames('store_id')} = excluded.store_id, ${bareNames('cart_id')} = excluded.cart_id`)

/**
 * Returns where the last run stopped, and the stores from there on; `isEnd`: there are no others.
 *
 * @throws UnavailableError
 */
export async function readAhead(
  db: Database,
): Promise<{ start: Position; stores: string[]; isEnd: boolean }> {
  const [[cursor], found] = await db.query(selectCursor({}), selectStores({ limit: MAX_STORES }))
  const stores = found.flatMap((row) => row.storeId ?? [])
  const start = { storeId: '', cartId: '', ...cursor, accountId: '' }
  return { start, stores, isEnd: stores.length < MAX_STORES }
}

/**
 * Finds where a step ends that begins after this row; undefined if the store has no more rows.
 *
 * @throws UnavailableError
 */
export async function findStep(
  db: Database,
  after: Position,
  expiredAt: number,
): Promise<Stretch | undefined> {
  const [[counted]] = await db.query(countStep({ ...after, expiredAt }))
  const [cart, account] = counted?.last?.split(' ') ?? []
  if (counted === undefined || cart === undefined || account === undefined) return undefined
  const last = { storeId: after.storeId, cartId: cart, accountId: account }
  return { after, last, rows: counted.rows, expired: counted.expired }
}

/** Returns how many rows the removal may read. */
export function readsOf({ rows, expired }: Stretch): number {
  return rows + READS_OF_REMOVAL * expired
}

/**
 * Removes what has expired of the stretch, and moves the cursor to its last cart. Returns how many rows
 * were removed.
 *
 * @throws UnavailableError
 */
export async function removeExpired(
  db: Database,
  { after, last }: Stretch,
  expiredAt: number,
): Promise<number> {
  const bounds = { lastCartId: last.cartId, lastAccountId: last.accountId }
  const [removed] = await db.query(
    deleteStep({ ...after, ...bounds, expiredAt }),
    moveCursor({ storeId: last.storeId, cartId: last.cartId }),
  )
  return removed.length
}

/**
 * Lets the next run begin with this cart, or the first cart after it.
 *
 * @throws UnavailableError
 */
export async function moveTo(db: Database, storeId: string, cartId: string): Promise<void> {
  await db.query(moveCursor({ storeId, cartId }))
}

function bareNames(...names: string[]): SQL {
  return sql.join(
    names.map((name) => sql.identifier(name)),
    sql`, `,
  )
}
