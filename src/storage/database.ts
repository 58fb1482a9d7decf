// One round trip to D1: a deadline, and the retries that D1 asks its callers to make.
import type { SQL } from 'drizzle-orm'
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { within } from '../deadline.ts'
import { rootCause, UnavailableError } from '../errors.ts'

const DEADLINE_MS = 5_000
const MAX_ATTEMPTS = 3
const BACKOFF_MS = 100

// https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
const TRANSIENT =
  /Network connection lost|storage caused object to be reset|reset because its code was updated|Cannot resolve D1 DB due to transient issue/i
// Overload, time, memory, CPU and daily limits: a retry would add to what is wrong.
const EXHAUSTED = /overloaded|exceeded/i

const dialect = new SQLiteAsyncDialect()

/**
 * Runs the statements in one round trip and one transaction, at most three times within 5 s, and
 * returns the rows of each; their type is what the statement says that it selects.
 * They must be safe to repeat: a try whose answer was lost may have been committed.
 *
 * @throws UnavailableError when D1 is exhausted, stalled, or failing at every try
 */
export async function query<A>(db: D1DatabaseSession, a: SQL<A>): Promise<[A[]]>
export async function query<A, B>(db: D1DatabaseSession, a: SQL<A>, b: SQL<B>): Promise<[A[], B[]]>
export async function query(db: D1DatabaseSession, ...statements: SQL[]): Promise<unknown[][]> {
  const prepared = statements.map((statement) => {
    const { sql, params } = dialect.sqlToQuery(statement)
    return db.prepare(sql).bind(...params)
  })
  const giveUpAt = Date.now() + DEADLINE_MS
  const answers = await within(
    DEADLINE_MS,
    attempt(() => db.batch(prepared), 1, giveUpAt),
    () => new UnavailableError('D1 did not answer within 5 s'),
  )
  return answers.map(({ results }) => results)
}

async function attempt<T>(call: () => Promise<T>, tryNumber: number, giveUpAt: number): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const reason = String(rootCause(error))
    if (EXHAUSTED.test(reason)) throw new UnavailableError('D1 is exhausted', { cause: error })
    if (!TRANSIENT.test(reason)) throw error
    const pauseMs = fullJitter(tryNumber)
    // No try may start once the deadline has been answered.
    if (tryNumber === MAX_ATTEMPTS || Date.now() + pauseMs >= giveUpAt) {
      throw new UnavailableError('D1 failed at every try', { cause: error })
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    return attempt(call, tryNumber + 1, giveUpAt)
  }
}

/** Full jitter: up to 100 ms, then up to 200 ms, so that callers do not come back in step. */
function fullJitter(failedTries: number): number {
  return Math.random() * BACKOFF_MS * 2 ** (failedTries - 1)
}
