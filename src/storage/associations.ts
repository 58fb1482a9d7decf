// Writing that an account has a cart: one round trip a function, atomic, safe to repeat.
import { and, type Column, eq, type SQL, sql } from 'drizzle-orm'
import { rootCause } from '../errors.ts'
import type { Database } from './database.ts'
import { prepareSql } from './queries.ts'
import { associations } from './schema.ts'

/** A cart inside its store. */
export type Cart = { storeId: string; cartId: string }

/** Who asks for the write, and in which request. */
export type Provenance = { createdBy: string; requestId: string }

/** `unclaimed`: only a cart that no account has; `shared`: beside the accounts that it has. */
export type ClaimRule = 'unclaimed' | 'shared'

/** `taken`: the cart belongs to other accounts only, and nothing was written. */
export type Associated = 'created' | 'unchanged' | 'taken'

const { storeId, cartId, accountId, createdAt, createdBy, requestId } = associations
const { placeholder } = sql

/** The rows of a cart. */
export const rowsOfCart = and(
  eq(storeId, placeholder('storeId')),
  eq(cartId, placeholder('cartId')),
)

/** One bound parameter for any number of ids: D1 takes 100 parameters a statement. */
const givenIds = sql`json_each(${placeholder('accountIds')})`

/** `accountIds` is a JSON array. */
type Accounts = Cart & { accountIds: string }

const deletePresent = prepareSql<Accounts>(sql`
  delete from ${associations}
  where ${rowsOfCart} and ${accountId} in (select value from ${givenIds})`)

const given = sql.raw('value')
const rowOfGiven = and(rowsOfCart, eq(accountId, given))
const claimable = sql`
  exists (select 1 from ${associations} where ${rowOfGiven}) or
  not exists (select 1 from ${associations} where ${rowsOfCart})`

/** If the cart is taken, the row would have no account, and the table refuses it. */
const insertMissing = {
  shared: insertOf(given),
  unclaimed: insertOf(sql`case when ${claimable} then ${given} end`),
}
const TAKEN = /NOT NULL constraint failed: associations\.account_id/

/**
 * Associates all of the accounts, or none if the rule forbids it.
 *
 * @throws UnavailableError
 */
export async function associate(
  db: Database,
  cart: Cart,
  accountIds: readonly string[],
  claim: ClaimRule,
  provenance: Provenance,
): Promise<Associated> {
  const values = { ...cart, ...provenance, createdAt: Date.now() }
  const insert = insertMissing[claim]({ ...values, accountIds: JSON.stringify(accountIds) })
  try {
    const [inserted] = await db.query(insert)
    return inserted.length > 0 ? 'created' : 'unchanged'
  } catch (error) {
    if (TAKEN.test(String(rootCause(error)))) return 'taken'
    throw error
  }
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

/** Returns the rows that this request has inserted, also if the reply to an earlier try was lost. */
function insertOf(account: SQL) {
  const columns = [storeId, cartId, accountId, createdAt, createdBy, requestId]
  const ownId = sql.identifier(requestId.name)
  // `where` is needed: without it SQLite reads `on conflict` as a join constraint.
  return prepareSql<Accounts & Provenance & { createdAt: number }, { accountId: string }>(sql`
    insert into ${associations} (${names(columns)})
    select ${placeholder('storeId')}, ${placeholder('cartId')}, ${account},
      ${placeholder('createdAt')}, ${placeholder('createdBy')}, ${placeholder('requestId')}
    from ${givenIds} where true
    on conflict (${names([storeId, cartId, accountId])})
      do update set ${ownId} = excluded.${ownId} where ${requestId} = excluded.${ownId}
    returning ${accountId} as "accountId"`)
}

/** Columns by their bare names, where SQL allows no table before them. */
function names(columns: Column[]): SQL {
  return sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
}
