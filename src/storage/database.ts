// The one place where D1 is called: a deadline, and the retries that D1 asks its callers to make.
import { within } from '../deadline.ts'
import { rootCause, UnavailableError } from '../errors.ts'
import type { BoundStatement } from './statement.ts'

const DEADLINE_MS = 5_000
const MAX_ATTEMPTS = 3
const BACKOFF_MS = 100

// https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
const TRANSIENT =
  /Network connection lost|storage caused object to be reset|reset because its code was updated|Cannot resolve D1 DB due to transient issue/i
// Overload, time, memory, CPU and daily limits: a retry would add to what is wrong.
const EXHAUSTED = /overloaded|exceeded/i

/** The database as one request uses it: 5 s from its first call on, for all of them. */
export class Database {
  /** Calls to D1, those that were tried again included. */
  attempts = 0
  /** Time in which D1 was waited for, pauses included. */
  ms = 0

  readonly #session: D1DatabaseSession
  #giveUpAt: number | undefined

  constructor(session: D1DatabaseSession) {
    this.#session = session
  }

  /** Where the database was left, for a later session to begin at. */
  get bookmark(): string | null {
    return this.#session.getBookmark()
  }

  /**
   * Runs the statements in one round trip and one transaction, at most three times, and returns
   * the rows of each.
   * They must be safe to repeat: a try whose answer was lost may have been committed.
   *
   * @throws UnavailableError when D1 is exhausted, stalled, or failing at every try
   */
  async query<A>(a: BoundStatement<A>): Promise<[A[]]>
  async query<A, B>(a: BoundStatement<A>, b: BoundStatement<B>): Promise<[A[], B[]]>
  async query(...statements: BoundStatement<unknown>[]): Promise<unknown[][]> {
    const prepared = statements.map(({ sql, values }) => this.#session.prepare(sql).bind(...values))
    const startedAt = Date.now()
    this.#giveUpAt ??= startedAt + DEADLINE_MS
    const remainingMs = this.#giveUpAt - startedAt
    try {
      const work = this.#attempt(() => this.#session.batch(prepared), 1, this.#giveUpAt)
      const answers = await within(remainingMs, work, late)
      return answers.map(({ results }) => results)
    } finally {
      this.ms += Date.now() - startedAt
    }
  }

  async #attempt<T>(call: () => Promise<T>, tryNumber: number, giveUpAt: number): Promise<T> {
    this.attempts += 1
    try {
      return await call()
    } catch (error) {
      const reason = String(rootCause(error))
      if (EXHAUSTED.test(reason)) throw new UnavailableError('D1 is exhausted', { cause: error })
      if (!TRANSIENT.test(reason)) throw toError(error)
      const pauseMs = fullJitter(tryNumber)
      // No try may start once the deadline has been answered.
      if (tryNumber === MAX_ATTEMPTS || Date.now() + pauseMs >= giveUpAt) {
        throw new UnavailableError('D1 failed at every try', { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      return this.#attempt(call, tryNumber + 1, giveUpAt)
    }
  }
}

/** What is no Error would pass by those who answer for errors. */
function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('D1 failed', { cause: error })
}

function late(): UnavailableError {
  return new UnavailableError('D1 did not answer within 5 s')
}

/** Full jitter: up to 100 ms, then up to 200 ms, so that callers do not come back in step. */
function fullJitter(failedTries: number): number {
  return Math.random() * BACKOFF_MS * 2 ** (failedTries - 1)
}
