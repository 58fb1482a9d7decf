// Writing that an account has a cart: one round trip a function, atomic, safe to repeat.
import { and, type Column, eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { associations } from './schema.ts'
import { statement } from './statement.ts'

/** A cart inside its store. */
export interface Cart {
  storeId: string
  cartId: string
}

/** Who asks for the write, and in which request. */
export interface Provenance {
  createdBy: string
  requestId: string
}

/** `unclaimed`: only a cart that no account has; `shared`: beside the accounts that it has. */
export type ClaimRule = 'unclaimed' | 'shared'

/** `taken`: the cart belongs to other accounts only, and nothing was written. */
export type Associated = 'created' | 'unchanged' | 'taken'

const { storeId, cartId, accountId, createdAt, createdBy, requestId } = associations

/** The rows of a cart. */
export const rowsOfCart = and(
  eq(storeId, sql.placeholder('storeId')),
  eq(cartId, sql.placeholder('cartId')),
)

/** One bound parameter for any number of ids: D1 takes 100 of them a statement. */
const givenIds = sql`json_each(${sql.placeholder('accountIds')})`

const rowsOfAccounts = sql`${rowsOfCart} and ${accountId} in (select value from ${givenIds})`

interface Accounts extends Cart {
  /** The ids, as a JSON array. */
  accountIds: string
}

const selectPresent = statement<Accounts, { requestId: string }>(sql`
  select ${requestId} as "requestId" from ${associations} where ${rowsOfAccounts}`)

const deletePresent = statement<Accounts, never>(sql`
  delete from ${associations} where ${rowsOfAccounts}`)

const insertMissing = {
  shared: insertWhere(sql`true`),
  unclaimed: insertWhere(sql`not exists (select 1 from ${associations} where ${rowsOfCart})`),
}

/**
 * Associates all of the accounts, or none where the rule forbids it.
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
  const accounts = { ...cart, accountIds: JSON.stringify(accountIds) }
  const inserting = { ...accounts, ...provenance, createdAt: Date.now() }
  // A batch is one transaction: nothing comes between what was there and what is inserted.
  const [present, inserted] = await db.query(
    selectPresent(accounts),
    insertMissing[claim](inserting),
  )
  if (inserted.length > 0) return 'created'
  // This very request inserted them at a try whose acknowledgement was lost.
  if (present.some(({ requestId }) => requestId === provenance.requestId)) return 'created'
  if (present.length < accountIds.length) return 'taken'
  return 'unchanged'
}

/**
 * Removes those of the associations that are there.
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

function insertWhere(permitted: SQL) {
  const columns = [storeId, cartId, accountId, createdAt, createdBy, requestId]
  const { placeholder } = sql
  // `where` is never left out: without it SQLite reads `on conflict` as a join constraint.
  return statement<Accounts & Provenance & { createdAt: number }, { accountId: string }>(sql`
    insert into ${associations} (${names(columns)})
    select ${placeholder('storeId')}, ${placeholder('cartId')}, value,
      ${placeholder('createdAt')}, ${placeholder('createdBy')}, ${placeholder('requestId')}
    from ${givenIds} where ${permitted}
    on conflict (${names([storeId, cartId, accountId])}) do nothing
    returning ${accountId} as "accountId"`)
}

/** Columns where SQL wants their bare names. */
function names(columns: Column[]): SQL {
  return sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
}
