// Erasing all associations of an account or of a cart, in steps that each stay done; and what is kept of an account.
import { and, asc, desc, gt, inArray, type SQL, sql } from 'drizzle-orm'
import { UnavailableError } from '../errors.ts'
import { type Account, rowsOfAccount } from './association-lists.ts'
import { type Cart, rowsOfCart } from './associations.ts'
import type { Database } from './database.ts'
import { type BoundQuery, builder, named, prepare, prepareSql, type RowOf } from './queries.ts'
import { associations } from './schema.ts'

/** Rows of one transaction; other writes wait for it. */
const STEP_ROWS = 1_000
/** Two queries each; a Worker of the free plan may send 50 in one request, including retries. */
const MAX_STEPS = 15

const { cartId, accountId, createdAt, usedAt, createdBy, requestId } = associations
const { placeholder } = sql

const ofAccount = stepsOf<Account>(
  rowsOfAccount,
  sql`${rowsOfAccount} and ${cartId} in (
    select ${cartId} from ${associations} where ${rowsOfAccount}
    order by ${desc(usedAt)}, ${asc(cartId)} limit ${STEP_ROWS})`,
)
const ofCart = stepsOf<Cart>(
  rowsOfCart,
  sql`${rowsOfCart} and ${accountId} in (
    select ${accountId} from ${associations} where ${rowsOfCart}
    order by ${asc(accountId)} limit ${STEP_ROWS})`,
)

/**
 * Removes every association that the account has. A call that fails may have removed some or all of
 * them; the next call goes on from there.
 *
 * @throws UnavailableError also if the account has more than one call removes
 */
export async function eraseAccount(db: Database, account: Account): Promise<void> {
  await removeInSteps(db, ofAccount(account), 'The account')
}

/**
 * Removes every association of the cart, as `eraseAccount` does.
 *
 * @throws UnavailableError also if the cart has more than one call removes
 */
export async function removeCart(db: Database, cart: Cart): Promise<void> {
  await removeInSteps(db, ofCart(cart), 'The cart')
}

/** From the index: by the primary key, SQLite would read every account of the store. */
const nextCarts = builder
  .select({ cartId })
  .from(associations)
  .where(and(rowsOfAccount, gt(sql`+${cartId}`, placeholder('after'))))
  .orderBy(asc(sql`+${cartId}`))
  .limit(placeholder('limit'))

const keptOfAccount = builder
  .select({
    cartId: named(cartId, 'cartId'),
    createdAt: named(createdAt, 'createdAt'),
    usedAt: named(usedAt, 'usedAt'),
    createdBy: named(createdBy, 'createdBy'),
    requestId: named(requestId, 'requestId'),
  })
  .from(associations)
  .where(and(rowsOfAccount, inArray(cartId, nextCarts)))
  .orderBy(asc(cartId))

/** All that is kept of one association of an account. */
export type KeptAssociation = RowOf<typeof keptOfAccount>

const selectKept = prepare<Account & { after: string; limit: number }, KeptAssociation>(
  keptOfAccount,
)

/**
 * Returns all that is kept of an account, expired associations too, by cart id: at most `limit` of
 * them, after the cart `after`.
 *
 * @throws UnavailableError
 */
export async function readKept(
  db: Database,
  account: Account,
  after: string,
  limit: number,
): Promise<KeptAssociation[]> {
  const [rows] = await db.query(selectKept({ ...account, after, limit }))
  return rows
}

type Step = readonly [remove: BoundQuery<never>, remaining: BoundQuery<object>]

function stepsOf<Values extends Record<string, unknown>>(
  all: SQL | undefined,
  next: SQL,
): (values: Values) => Step {
  const remove = prepareSql<Values>(sql`delete from ${associations} where ${next}`)
  const remaining = prepare<Values, object>(
    builder
      .select({ one: sql`1`.as('one') })
      .from(associations)
      .where(all)
      .limit(1),
  )
  return (values) => [remove(values), remaining(values)]
}

async function removeInSteps(db: Database, [remove, any]: Step, whose: string): Promise<void> {
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const [, remaining] = await db.query(remove, any)
    if (remaining.length === 0) return
  }
  throw new UnavailableError(`${whose} has more associations than one request removes`)
}
