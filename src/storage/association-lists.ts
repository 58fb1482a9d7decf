// Reading which account has which cart: one round trip a function; a list reads no more than its page.
import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { MAX_COUNTED } from '../limits.ts'
import { type Cart, rowsOfCart } from './associations.ts'
import type { Database } from './database.ts'
import { associations } from './schema.ts'
import { type BoundStatement, statement } from './statement.ts'

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

/** The rows of an account. */
export const rowsOfAccount = and(
  eq(storeId, sql.placeholder('storeId')),
  eq(accountId, sql.placeholder('accountId')),
)
const rowOfBoth = and(rowsOfCart, eq(accountId, sql.placeholder('accountId')))

const newestFirst = sql`${desc(createdAt)}, ${asc(cartId)}`
const oldestFirst = sql`${asc(createdAt)}, ${asc(accountId)}`

const cartsOfAccount = pageOf<Account>(rowsOfAccount, newestFirst)
const accountsOfCart = pageOf<Cart>(rowsOfCart, oldestFirst)
const accountOfCart = pageOf<Cart & Account>(rowOfBoth, oldestFirst)

const allOfCart = statement<Cart, Association>(select(rowsOfCart, oldestFirst))
const oneOfCart = statement<Cart & Account, Association>(select(rowOfBoth, oldestFirst))

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
  return await listPage(db, cartsOfAccount(account, page))
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
  if (visible === undefined) return await listPage(db, accountsOfCart(cart, page))
  return await listPage(db, accountOfCart({ ...cart, accountId: visible }, page))
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
  const which = visible === undefined ? allOfCart(cart) : oneOfCart({ ...cart, accountId: visible })
  const [rows] = await db.query(which)
  return rows
}

async function listPage(
  db: Database,
  { rows, counting }: PageStatements,
): Promise<AssociationList> {
  const [page, [counted]] = await db.query(rows, counting)
  return { associations: page, total: counted?.total ?? 0 }
}

interface PageStatements {
  rows: BoundStatement<Association>
  counting: BoundStatement<{ total: number }>
}

function pageOf<Values extends object>(
  which: SQL | undefined,
  order: SQL,
): (values: Values, page: Page) => PageStatements {
  const { placeholder } = sql
  const rows = statement<Values & Page, Association>(sql`
    ${select(which, order)} limit ${placeholder('limit')} offset ${placeholder('offset')}`)
  const counting = statement<Values, { total: number }>(sql`
    select count(*) as "total"
    from (select 1 from ${associations} where ${which} limit ${MAX_COUNTED})`)
  return (values, page) => ({ rows: rows({ ...values, ...page }), counting: counting(values) })
}

function select(which: SQL | undefined, order: SQL): SQL<Association> {
  return sql`
    select ${cartId} as "cartId", ${accountId} as "accountId", ${createdAt} as "createdAt"
    from ${associations} where ${which} order by ${order}`
}
