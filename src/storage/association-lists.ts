// Reading which account has which cart: one round trip a function; a list reads no more than its page.
import { and, asc, desc, eq, type SQL, sql } from 'drizzle-orm'
import { MAX_ACCOUNTS, MAX_COUNTED } from '../limits.ts'
import { alive, type Cart, rowsOfCart } from './associations.ts'
import type { Database } from './database.ts'
import type { Moment } from './lifetime.ts'
import { type BoundQuery, builder, named, prepare, prepareSql, type RowOf } from './queries.ts'
import { associations } from './schema.ts'

/** An account inside its store. */
export type Account = { storeId: string; accountId: string }

/** A stretch of a list: at most `limit` rows, after the first `offset` of them. */
export type Page = { limit: number; offset: number }

/** Its times are Unix times in milliseconds. */
export type Association = RowOf<ReturnType<typeof select>>

type Alive = Pick<Moment, 'expiredAt'>

/** One page of a list, and the number of rows of the whole list, counted up to `MAX_COUNTED`. */
export interface AssociationList {
  associations: Association[]
  total: number
}

const { storeId, cartId, accountId, createdAt, usedAt } = associations
const { placeholder } = sql

/** The rows of an account. */
export const rowsOfAccount = and(
  eq(storeId, placeholder('storeId')),
  eq(accountId, placeholder('accountId')),
)
const rowOfBoth = and(rowsOfCart, eq(accountId, placeholder('accountId')))

const lastUsedFirst = [desc(usedAt), asc(cartId)]
const oldestFirst = [asc(createdAt), asc(accountId)]

const cartsOfAccount = pageOf<Account & Alive>(rowsOfAccount, lastUsedFirst)
const accountsOfCart = pageOf<Cart & Alive>(rowsOfCart, oldestFirst)
const accountOfCart = pageOf<Cart & Account & Alive>(rowOfBoth, oldestFirst)

const accessToCart = prepareSql<Cart & Account & Alive, { own: number; any: number }>(sql`
  select exists (select 1 from ${associations} where ${and(rowOfBoth, alive)}) as "own",
    exists (select 1 from ${associations} where ${and(rowsOfCart, alive)}) as "any"`)

const firstOfCart = prepare<Cart & Alive, Association>(
  select(rowsOfCart, [asc(accountId)], MAX_ACCOUNTS),
)
const oneOfCart = prepare<Cart & Account & Alive, Association>(select(rowOfBoth, [], 1))

/**
 * Lists the carts of an account, last used first, then by id: the order of the index.
 *
 * @throws UnavailableError
 */
export async function listCarts(
  db: Database,
  account: Account,
  page: Page,
  { expiredAt }: Moment,
): Promise<AssociationList> {
  return await listPage(db, cartsOfAccount({ ...account, expiredAt }, page))
}

/**
 * Lists the accounts of a cart, oldest association first, then by id; if an account is named as
 * `visible`, only that account.
 *
 * @throws UnavailableError
 */
export async function listAccounts(
  db: Database,
  cart: Cart,
  visible: string | undefined,
  page: Page,
  { expiredAt }: Moment,
): Promise<AssociationList> {
  const values = { ...cart, expiredAt }
  if (visible === undefined) return await listPage(db, accountsOfCart(values, page))
  return await listPage(db, accountOfCart({ ...values, accountId: visible }, page))
}

/**
 * Returns the first 100 associations of a cart by account id; if an account is named as `visible`,
 * only its association.
 *
 * @throws UnavailableError
 */
export async function readCart(
  db: Database,
  cart: Cart,
  visible: string | undefined,
  moment: Moment,
): Promise<Association[]> {
  const [rows] = await db.query(cartRows(cart, visible, moment))
  return rows
}

/** The query of `readCart`, for a batch. */
export function cartRows(
  cart: Cart,
  visible: string | undefined,
  { expiredAt }: Moment,
): BoundQuery<Association> {
  const values = { ...cart, expiredAt }
  if (visible === undefined) return firstOfCart(values)
  return oneOfCart({ ...values, accountId: visible })
}

/** `yours`: the account has the cart; `others`: only other accounts have it. */
export type Access = 'yours' | 'unclaimed' | 'others'

/**
 * Returns who has the cart, as an account sees it, or nobody in particular.
 *
 * @throws UnavailableError
 */
export async function readAccess(
  db: Database,
  cart: Cart,
  accountId: string | undefined,
  { expiredAt }: Moment,
): Promise<Access> {
  // No account has an empty id.
  const values = { ...cart, accountId: accountId ?? '', expiredAt }
  const [[found]] = await db.query(accessToCart(values))
  if (found?.own === 1) return 'yours'
  return found?.any === 1 ? 'others' : 'unclaimed'
}

async function listPage(db: Database, [rows, counting]: PageQueries): Promise<AssociationList> {
  const [page, [counted]] = await db.query(rows, counting)
  return { associations: page, total: counted?.total ?? 0 }
}

type PageQueries = readonly [rows: BoundQuery<Association>, counting: BoundQuery<{ total: number }>]

function pageOf<Values extends Record<string, unknown>>(
  which: SQL | undefined,
  order: SQL[],
): (values: Values, page: Page) => PageQueries {
  const rows = prepare<Values & Page, Association>(
    select(which, order, placeholder('limit')).offset(placeholder('offset')),
  )
  const counted = builder
    .select({ one: sql`1`.as('one') })
    .from(associations)
    .where(and(which, alive))
    .limit(MAX_COUNTED)
  const counting = prepare<Values, { total: number }>(
    builder.select({ total: sql<number>`count(*)`.as('total') }).from(sql`${counted}`),
  )
  return (values, page) => [rows({ ...values, ...page }), counting(values)]
}

function select(which: SQL | undefined, order: SQL[], limit: Limit) {
  return builder
    .select({
      cartId: named(cartId, 'cartId'),
      accountId: named(accountId, 'accountId'),
      createdAt: named(createdAt, 'createdAt'),
      usedAt: named(usedAt, 'usedAt'),
    })
    .from(associations)
    .where(and(which, alive))
    .orderBy(...order)
    .limit(limit)
}

type Limit = number | ReturnType<typeof placeholder>
