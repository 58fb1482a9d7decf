// Erasing an account: removes every association of it, in steps that each stay done.
import { asc, desc, sql } from 'drizzle-orm'
import { UnavailableError } from '../errors.ts'
import { type Account, rowsOfAccount } from './association-lists.ts'
import type { Database } from './database.ts'
import { builder, prepare, prepareSql } from './queries.ts'
import { associations } from './schema.ts'

/** Rows of one transaction; other writes wait for it. */
const STEP_ROWS = 1_000
/** Two queries each; a Worker of the free plan may send 50 in one request, including retries. */
const MAX_STEPS = 15

const { cartId, createdAt } = associations

const deleteStep = prepareSql<Account>(sql`
  delete from ${associations} where ${rowsOfAccount} and ${cartId} in (
    select ${cartId} from ${associations} where ${rowsOfAccount}
    order by ${desc(createdAt)}, ${asc(cartId)} limit ${STEP_ROWS})`)

const selectAny = prepare<Account, object>(
  builder
    .select({ one: sql`1`.as('one') })
    .from(associations)
    .where(rowsOfAccount)
    .limit(1),
)

/**
 * Removes every association that the account has. A call that fails may have removed some or all of
 * them; the next call goes on from there.
 *
 * @throws UnavailableError also if the account has more than one call removes
 */
export async function eraseAccount(db: Database, account: Account): Promise<void> {
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const [, remaining] = await db.query(deleteStep(account), selectAny(account))
    if (remaining.length === 0) return
  }
  throw new UnavailableError('The account has more associations than one request removes')
}
