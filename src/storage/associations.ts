// Writing that an account has a cart: one round trip a function, atomic, safe to repeat.
import { and, type Column, eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { associations } from './schema.ts'

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
  // A batch is one transaction: nothing comes between what was there and what is inserted.
  const [present, inserted] = await db.query(
    selectPresent(cart, accountIds),
    insertMissing(cart, accountIds, claim, provenance),
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
  await db.query(sql`delete from ${associations} where ${rowsOfAccounts(cart, accountIds)}`)
}

function selectPresent(cart: Cart, accountIds: readonly string[]): SQL<{ requestId: string }> {
  return sql`
    select ${requestId} as "requestId" from ${associations} where ${rowsOfAccounts(cart, accountIds)}`
}

function insertMissing(
  cart: Cart,
  accountIds: readonly string[],
  claim: ClaimRule,
  provenance: Provenance,
): SQL<{ accountId: string }> {
  const unclaimed = sql`not exists (select 1 from ${associations} where ${rowsOfCart(cart)})`
  // `where` is never left out: without it SQLite reads `on conflict` as a join constraint.
  const permitted = claim === 'shared' ? sql`true` : unclaimed
  const columns = [storeId, cartId, accountId, createdAt, createdBy, requestId]
  return sql`
    insert into ${associations} (${names(columns)})
    select ${cart.storeId}, ${cart.cartId}, value,
      ${Date.now()}, ${provenance.createdBy}, ${provenance.requestId}
    from ${jsonEach(accountIds)} where ${permitted}
    on conflict (${names([storeId, cartId, accountId])}) do nothing
    returning ${accountId} as "accountId"`
}

/** Columns where SQL wants their bare names. */
function names(columns: Column[]): SQL {
  return sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
}

/** The rows of a cart. */
export function rowsOfCart(cart: Cart): SQL | undefined {
  return and(eq(storeId, cart.storeId), eq(cartId, cart.cartId))
}

function rowsOfAccounts(cart: Cart, accountIds: readonly string[]): SQL {
  return sql`${rowsOfCart(cart)} and ${accountId} in (select value from ${jsonEach(accountIds)})`
}

/** One bound parameter for any number of ids: D1 takes 100 of them a statement. */
function jsonEach(accountIds: readonly string[]): SQL {
  return sql`json_each(${JSON.stringify(accountIds)})`
}
