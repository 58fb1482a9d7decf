// Reading which account has which cart: one round trip a function; a list reads no more than its page.
import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { MAX_COUNTED } from '../limits.ts'
import { type Cart, rowsOfCart } from './associations.ts'
import type { Database } from './database.ts'
import { associations } from './schema.ts'

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

const { storeId, cartId, accountId, createdAt } = associations

const select = sql`
  select ${cartId} as "cartId", ${accountId} as "accountId", ${createdAt} as "createdAt"
  from ${associations}`

const newestFirst = sql`${desc(createdAt)}, ${asc(cartId)}`
const oldestFirst = sql`${asc(createdAt)}, ${asc(accountId)}`

/**
 * The carts of an account, newest association first, then by id: the order of the index.
 *
 * @throws UnavailableError
 */
export async function listCarts(
  db: Database,
  account: Account,
  page: Page,
): Promise<AssociationList> {
  return await listPage(db, rowsOfAccount(account), newestFirst, page)
}

/**
 * The accounts of a cart, oldest association first, then by id; only the one that is `visible`,
 * where one is named.
 *
 * @throws UnavailableError
 */
export async function listAccounts(
  db: Database,
  cart: Cart,
  visible: string | undefined,
  page: Page,
): Promise<AssociationList> {
  return await listPage(db, visibleRows(cart, visible), oldestFirst, page)
}

/**
 * What `listAccounts` would list, all of it.
 *
 * @throws UnavailableError
 */
export async function readCart(
  db: Database,
  cart: Cart,
  visible: string | undefined,
): Promise<Association[]> {
  const which = visibleRows(cart, visible)
  const [rows] = await db.query(sql<Association>`${select} where ${which} order by ${oldestFirst}`)
  return rows
}

async function listPage(
  db: Database,
  which: SQL | undefined,
  order: SQL,
  { limit, offset }: Page,
): Promise<AssociationList> {
  const [page, [counted]] = await db.query(
    sql<Association>`
      ${select} where ${which} order by ${order} limit ${limit} offset ${offset}`,
    sql<{ total: number }>`
      select count(*) as "total"
      from (select 1 from ${associations} where ${which} limit ${MAX_COUNTED})`,
  )
  return { associations: page, total: counted?.total ?? 0 }
}

/** The rows of an account. */
export function rowsOfAccount(account: Account): SQL | undefined {
  return and(eq(storeId, account.storeId), eq(accountId, account.accountId))
}

function visibleRows(cart: Cart, visible: string | undefined): SQL | undefined {
  return visible === undefined ? rowsOfCart(cart) : and(rowsOfCart(cart), eq(accountId, visible))
}
