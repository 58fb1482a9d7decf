// Writing that an account has a cart: one round trip a function, atomic, safe to repeat.
import { and, asc, type Column, desc, eq, gt, ne, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/sqlite-core'
import { rootCause } from '../errors.ts'
import type { Database } from './database.ts'
import type { Moment } from './lifetime.ts'
import { type BoundQuery, builder, prepare, prepareSql } from './queries.ts'
import { associations } from './schema.ts'

/** A cart inside its store. */
export type Cart = { storeId: string; cartId: string }

/** Who asks for the write, and in which request. */
export type Provenance = { createdBy: string; requestId: string }

/**
 * Which carts an account may be added to, besides those that it has. `shared`: any; `unclaimed`: only a
 * cart that no account has; for a shopper, see there.
 */
export type ClaimRule = 'shared' | 'unclaimed' | ShopperRule

export type ShopperRule = {
  /** Whether it may claim a cart that no account has. */
  mayClaim: boolean
  /** Whether it may join the accounts that a cart has. */
  mayJoin: boolean
  /** An account with this many carts may have no other. */
  cartsPerAccount: number
}

/** `taken`: the cart belongs to other accounts only; `full`: the account has too many carts. */
export type Associated = 'created' | 'unchanged' | 'taken' | 'full'

const { storeId, cartId, accountId, createdAt, usedAt, createdBy, requestId } = associations
const { placeholder } = sql
const listed = alias(associations, 'listed')

/** The rows of a cart. */
export const rowsOfCart = and(
  eq(storeId, placeholder('storeId')),
  eq(cartId, placeholder('cartId')),
)

/** The rows that have not expired. */
export const alive = gt(usedAt, placeholder('expiredAt'))

/** One bound parameter for any number of ids: D1 takes 100 parameters a statement. */
const givenIds = sql`json_each(${placeholder('accountIds')})`

/** `accountIds` is a JSON array. */
type Accounts = Cart & { accountIds: string }

const deletePresent = prepareSql<Accounts>(sql`
  delete from ${associations}
  where ${rowsOfCart} and ${accountId} in (select value from ${givenIds})`)

const others = and(rowsOfCart, ne(accountId, placeholder('accountId')), alive)
const anyOther = builder
  .select({ one: sql`1`.as('one') })
  .from(associations)
  .where(others)
  .limit(1)
type OwnRow = Cart & { accountId: string; expiredAt: number }
const selectOther = prepare<OwnRow, object>(anyOther)
const deleteOwn = prepareSql<OwnRow>(sql`
  delete from ${associations}
  where ${and(rowsOfCart, eq(accountId, placeholder('accountId')))} and not exists ${anyOther}`)

const given = sql.raw('value')
const rowsOfGiven = and(eq(storeId, placeholder('storeId')), eq(accountId, given))
const has = sql`exists (select 1 from ${associations}
  where ${and(rowsOfCart, eq(accountId, given), alive)})`
const isUnclaimed = sql`not exists (select 1 from ${associations} where ${and(rowsOfCart, alive)})`
// Not a count: SQLite would build a table of what is counted, which takes most of the time.
const hasRoom = sql`not exists (select 1 from ${associations} where ${and(rowsOfGiven, alive)}
  limit 1 offset ${placeholder('cartsPerAccount')} - 1)`

const latestUse = sql`
  (select case when ${usedAt} > ${placeholder('latest')} then ${placeholder('now')} else ${usedAt} end
    from ${associations} where ${rowsOfGiven} order by ${desc(usedAt)} limit 1)`
/** Later than every other use of the account, whatever two clocks say. */
const nextUse = sql`max(${placeholder('now')}, 1 + coalesce(${latestUse}, 0))`

const author = sql`${placeholder('createdBy')}`
const claimant = sql`case when ${has} or
  case when ${isUnclaimed} then ${placeholder('mayClaim')} else ${placeholder('mayJoin')} end
  then ${given} end`
/** The table refuses a row without an account, or without an author. */
const upsert = {
  shared: upsertOf<Write>(given, author),
  unclaimed: upsertOf<Write & Omit<ShopperRule, 'cartsPerAccount'>>(claimant, author),
  limited: upsertOf<Write & ShopperRule>(
    claimant,
    sql`case when ${has} or ${hasRoom} then ${author} end`,
  ),
}
const TAKEN = /NOT NULL constraint failed: associations\.account_id/
const FULL = /NOT NULL constraint failed: associations\.created_by/

type Write = Accounts & Provenance & Moment

/**
 * Associates all of the accounts, or none if the rule forbids it. Uses those that are associated
 * already; an association that has expired is made anew.
 *
 * @throws UnavailableError
 */
export async function associate(
  db: Database,
  cart: Cart,
  accountIds: readonly string[],
  rule: ClaimRule,
  write: Provenance & Moment,
): Promise<Associated> {
  const { outcome } = await associateAndRead(db, cart, accountIds, rule, write)
  return outcome
}

/**
 * Associates the accounts, and runs another query after it in the same round trip.
 *
 * @throws UnavailableError
 */
export async function associateAndRead<Row>(
  db: Database,
  cart: Cart,
  accountIds: readonly string[],
  rule: ClaimRule,
  write: Provenance & Moment,
  read?: BoundQuery<Row>,
): Promise<{ outcome: Associated; rows: Row[] }> {
  const values = { ...cart, ...write, accountIds: JSON.stringify(accountIds) }
  const query = bindRule(rule, values)
  try {
    const [written, rows = []] =
      read === undefined ? await db.query(query) : await db.query(query, read)
    const isCreated = written.some((row) => row.requestId === write.requestId)
    return { outcome: isCreated ? 'created' : 'unchanged', rows }
  } catch (error) {
    const outcome = refusalOf(rule, String(rootCause(error)))
    if (outcome === undefined) throw error
    return { outcome, rows: [] }
  }
}

function bindRule(rule: ClaimRule, values: Write): BoundQuery<{ requestId: string }> {
  if (rule === 'shared') return upsert.shared(values)
  if (rule !== 'unclaimed') return upsert.limited({ ...values, ...rule })
  return upsert.unclaimed({ ...values, mayClaim: true, mayJoin: false })
}

/** Returns why the rule refuses the write, if that is what failed. */
function refusalOf(rule: ClaimRule, reason: string): 'taken' | 'full' | undefined {
  if (rule !== 'shared' && TAKEN.test(reason)) return 'taken'
  return typeof rule === 'object' && FULL.test(reason) ? 'full' : undefined
}

/**
 * Removes the associations of these accounts with the cart; some may be absent.
 *
 * @throws UnavailableError
 */
export async function dissociate(
  db: Database,
  cart: Cart,
  accountIds: readonly string[],
): Promise<void> {
  await db.query(deletePresent({ ...cart, accountIds: JSON.stringify(accountIds) }))
}

/**
 * Removes the association of the only account that has the cart; `taken`: another has it too, and
 * nothing was removed.
 *
 * @throws UnavailableError
 */
export async function removeOwn(
  db: Database,
  cart: Cart,
  accountId: string,
  { expiredAt }: Moment,
): Promise<'removed' | 'taken'> {
  const values = { ...cart, accountId, expiredAt }
  const [, others] = await db.query(deleteOwn(values), selectOther(values))
  return others.length > 0 ? 'taken' : 'removed'
}

/**
 * Writes a row for each account that has none, or an expired one; gives a repeated one its next use if
 * it is stale, or not the first of its account's list. Returns the rows that it has written, or that an
 * earlier try of the request has, whose reply was lost.
 */
function upsertOf<Values extends Write>(account: SQL, author: SQL) {
  const columns = [storeId, cartId, accountId, createdAt, usedAt, createdBy, requestId]
  const own = sql`${requestId} = excluded.${bare(requestId)}`
  const expired = sql`${usedAt} <= ${placeholder('expiredAt')}`
  const stale = sql`${usedAt} <= ${placeholder('staleAt')}`
  const first = sql`
    (select ${listed.cartId} from ${associations} as ${listed}
      where ${listed.storeId} = excluded.${bare(storeId)}
        and ${listed.accountId} = excluded.${bare(accountId)}
      order by ${desc(listed.usedAt)}, ${asc(listed.cartId)} limit 1)`
  const anew = (column: Column) => sql`${bare(column)} =
    case when ${expired} then excluded.${bare(column)} else ${column} end`
  // `where` is needed: without it SQLite reads `on conflict` as a join constraint.
  return prepareSql<Values, { requestId: string }>(sql`
    insert into ${associations} (${names(columns)})
    select ${placeholder('storeId')}, ${placeholder('cartId')}, ${account},
      ${placeholder('now')}, ${nextUse}, ${author}, ${placeholder('requestId')}
    from ${givenIds} where true
    on conflict (${names([storeId, cartId, accountId])}) do update set
      ${sql.join([createdAt, createdBy, requestId].map(anew), sql`, `)},
      ${bare(usedAt)} = case when ${own} then ${usedAt} else excluded.${bare(usedAt)} end
      where ${own} or ${expired} or ${stale} or ${first} <> ${cartId}
    returning ${requestId} as "requestId"`)
}

function bare({ name }: Column): SQL {
  return sql`${sql.identifier(name)}`
}

/** Columns by their bare names, where SQL allows no table before them. */
function names(columns: Column[]): SQL {
  return sql.join(columns.map(bare), sql`, `)
}
