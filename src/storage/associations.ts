// Storage of "this account has this cart": one round trip a function, atomic, safe to repeat.
import { and, asc, count, desc, eq, inArray, type SQL, sql } from 'drizzle-orm'
import type { DrizzleD1Database } from 'drizzle-orm/d1'
import { queryD1 } from './database.ts'
import { associations } from './schema.ts'

/** A cart inside its store. */
export interface Cart {
  storeId: string
  cartId: string
}

/** An account inside its store. */
export interface Account {
  storeId: string
  accountId: string
}

/** A stretch of a list: at most `limit` rows, after the first `offset` of them. */
export interface Page {
  limit: number
  offset: number
}

export interface Association {
  cartId: string
  accountId: string
  /** Unix time in milliseconds. */
  createdAt: number
}

/** One page of a list, and how many rows the whole of it has, counted up to `MAX_COUNTED`. */
export interface AssociationList {
  associations: Association[]
  total: number
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

/** The last row that paging can reach: a list costs the same for an account of any size. */
const MAX_COUNTED = 10_100

/**
 * Associates all of the accounts, or none where the rule forbids it.
 *
 * @throws UnavailableError
 */
export async function associate(
  db: DrizzleD1Database,
  cart: Cart,
  accountIds: readonly string[],
  claim: ClaimRule,
  provenance: Provenance,
): Promise<Associated> {
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
  db: DrizzleD1Database,
  cart: Cart,
  accountIds: readonly string[],
): Promise<void> {
  await queryD1(() => db.delete(associations).where(ofAccounts(cart, accountIds)).run())
}

/**
 * The carts of an account, newest association first, then by id; the index is in this order.
 *
 * @throws UnavailableError
 */
export async function listCarts(
  db: DrizzleD1Database,
  account: Account,
  page: Page,
): Promise<AssociationList> {
  const order = [desc(associations.createdAt), asc(associations.cartId)]
  return await listPage(db, ofAccount(account), order, page)
}

/**
 * The accounts of a cart, or the one of them that may be told of; oldest association first, then by id.
 *
 * @throws UnavailableError
 */
export async function listAccounts(
  db: DrizzleD1Database,
  cart: Cart,
  visible: string | undefined,
  page: Page,
): Promise<AssociationList> {
  return await listPage(db, ofVisible(cart, visible), OLDEST_FIRST, page)
}

/**
 * Every account of a cart, or the one of them that may be told of, in the same order.
 *
 * @throws UnavailableError
 */
export async function readCart(
  db: DrizzleD1Database,
  cart: Cart,
  visible: string | undefined,
): Promise<Association[]> {
  const everyRow = selectAssociations(db, ofVisible(cart, visible)).orderBy(...OLDEST_FIRST)
  const [rows] = await queryD1(() => db.batch([everyRow]))
  return rows
}

const OLDEST_FIRST = [asc(associations.createdAt), asc(associations.accountId)]

async function listPage(
  db: DrizzleD1Database,
  which: SQL | undefined,
  order: SQL[],
  { limit, offset }: Page,
): Promise<AssociationList> {
  const counted = db
    .select({ one: sql`1`.as('one') })
    .from(associations)
    .where(which)
    .limit(MAX_COUNTED)
    .as('counted')
  const [rows, [{ total } = { total: 0 }]] = await queryD1(() =>
    db.batch([
      selectAssociations(db, which)
        .orderBy(...order)
        .limit(limit)
        .offset(offset),
      db.select({ total: count() }).from(counted),
    ]),
  )
  return { associations: rows, total }
}

function selectAssociations(db: DrizzleD1Database, which: SQL | undefined) {
  const { cartId, accountId, createdAt } = associations
  return db.select({ cartId, accountId, createdAt }).from(associations).where(which)
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

function ofAccount({ storeId, accountId }: Account): SQL | undefined {
  return and(eq(associations.storeId, storeId), eq(associations.accountId, accountId))
}

function ofVisible(cart: Cart, visible: string | undefined): SQL | undefined {
  return visible === undefined
    ? ofCart(cart)
    : and(ofCart(cart), eq(associations.accountId, visible))
}

function ofAccounts(cart: Cart, accountIds: readonly string[]): SQL | undefined {
  const ids = sql`(select value from ${jsonEach(accountIds)})`
  return and(ofCart(cart), inArray(associations.accountId, ids))
}

/** One bound parameter for any number of ids: D1 takes 100 of them a statement. */
function jsonEach(accountIds: readonly string[]): SQL {
  return sql`json_each(${JSON.stringify(accountIds)})`
}
