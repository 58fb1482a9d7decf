// Storage of "this account has this cart": one round trip a function, atomic, safe to repeat.
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'
import { queryD1 } from './database.ts'
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

/**
 * Associates all of the accounts, or none where the rule forbids it.
 *
 * @throws UnavailableError
 */
export async function associate(
  d1: D1Database,
  cart: Cart,
  accountIds: readonly string[],
  claim: ClaimRule,
  provenance: Provenance,
): Promise<Associated> {
  const db = drizzle(d1)
  // A batch is one transaction: nothing comes between what was there and what is inserted.
  const [present, inserted] = await queryD1(() =>
    db.batch([
      selectPresent(db, cart, accountIds),
      insertMissing(db, cart, accountIds, claim, provenance),
    ]),
  )
  if (inserted.length > 0) return 'created'
  // This very request inserted them at a try whose acknowledgement was lost.
  if (present.some((row) => row.requestId === provenance.requestId)) return 'created'
  if (present.length < accountIds.length) return 'taken'
  return 'unchanged'
}

/**
 * Removes those of the associations that are there.
 *
 * @throws UnavailableError
 */
export async function dissociate(
  d1: D1Database,
  cart: Cart,
  accountIds: readonly string[],
): Promise<void> {
  const db = drizzle(d1)
  await queryD1(() => db.delete(associations).where(ofAccounts(cart, accountIds)).run())
}

function selectPresent(db: DrizzleD1Database, cart: Cart, accountIds: readonly string[]) {
  return db
    .select({ requestId: associations.requestId })
    .from(associations)
    .where(ofAccounts(cart, accountIds))
}

function insertMissing(
  db: DrizzleD1Database,
  { storeId, cartId }: Cart,
  accountIds: readonly string[],
  claim: ClaimRule,
  { createdBy, requestId }: Provenance,
) {
  const ofThisCart = ofCart({ storeId, cartId })
  const unclaimed = sql`not exists (select 1 from ${associations} where ${ofThisCart})`
  // `where` is never left out: without it SQLite reads `on conflict` as a join constraint.
  const permitted = claim === 'shared' ? sql`true` : unclaimed
  // The columns in the order of schema.ts, which Drizzle writes before this select.
  const rows = sql`
    select ${storeId}, ${cartId}, value, ${Date.now()}, ${createdBy}, ${requestId}
    from ${jsonEach(accountIds)} where ${permitted}`
  return db
    .insert(associations)
    .select(rows)
    .onConflictDoNothing({
      target: [associations.storeId, associations.cartId, associations.accountId],
    })
    .returning({ accountId: associations.accountId })
}

function ofCart({ storeId, cartId }: Cart): SQL | undefined {
  return and(eq(associations.storeId, storeId), eq(associations.cartId, cartId))
}

function ofAccounts(cart: Cart, accountIds: readonly string[]): SQL | undefined {
  const ids = sql`(select value from ${jsonEach(accountIds)})`
  return and(ofCart(cart), inArray(associations.accountId, ids))
}

/** One bound parameter for any number of ids: D1 takes 100 of them a statement. */
function jsonEach(accountIds: readonly string[]): SQL {
  return sql`json_each(${JSON.stringify(accountIds)})`
}
