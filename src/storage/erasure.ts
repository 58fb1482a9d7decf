// Forgetting an account: every association of it, in steps that each stay done.
import { asc, desc, sql } from 'drizzle-orm'
import { UnavailableError } from '../errors.ts'
import { type Account, rowsOfAccount } from './association-lists.ts'
import type { Database } from './database.ts'
import { associations } from './schema.ts'
import { statement } from './statement.ts'

/** Rows of one transaction, which others wait for. */
const STEP_ROWS = 1_000
/** Two statements each, of the 50 that a Worker of the free plan may send in one request, retries included. */
const MAX_STEPS = 15

const { cartId, createdAt } = associations

const deleteStep = statement<Account, never>(sql`
  delete from ${associations} where ${rowsOfAccount} and ${cartId} in (
    select ${cartId} from ${associations} where ${rowsOfAccount}
    order by ${desc(createdAt)}, ${asc(cartId)} limit ${STEP_ROWS})`)

const selectAny = statement<Account, object>(sql`
  select 1 from ${associations} where ${rowsOfAccount} limit 1`)

/**
 * Removes every association that the account has. A call that fails has removed some of them, or
 * all, and the next one goes on from there.
 *
 * @throws UnavailableError where there are more than one call can remove, too
 */
export async function eraseAccount(db: Database, account: Account): Promise<void> {
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const [, remaining] = await db.query(deleteStep(account), selectAny(account))
    if (remaining.length === 0) return
  }
  throw new UnavailableError('The account has more associations than one request removes')
}
