// The one place that calls D1: which copy answers, a deadline, and the retries that D1 asks its callers to make.
import { within } from '../bounded.ts'
import { UnavailableError } from '../errors.ts'
import { kindOf } from './d1-errors.ts'
import type { BoundQuery } from './queries.ts'

const DEADLINE_MS = 5_000
const MAX_ATTEMPTS = 3
const BACKOFF_MS = 100
/** How long a read waits for the copy that its bookmark asks for. */
const BOOKMARK_WAIT_MS = 1_000

/**
 * A bookmark of D1: three numbers and a hash, in hex. Nothing else is passed to D1 as one.
 * https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api
 */
export const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/

/** Where a read without a bookmark goes: `nearest` may be behind the primary. */
export type ReadConsistency = 'primary' | 'nearest'

/** Opens the primary: for writes, and for reads that must see every write. */
export function primaryDatabase(d1: D1Database): Database {
  return new Database(d1.withSession('first-primary'))
}

/**
 * Opens a copy that is at least as fresh as the bookmark, or the primary if that takes a second.
 * Ignores a malformed bookmark.
 */
export function readDatabase(
  d1: D1Database,
  consistency: ReadConsistency,
  bookmark?: string,
): Database {
  if (bookmark !== undefined && BOOKMARK.test(bookmark)) {
    return new Database(d1.withSession(bookmark), () => d1.withSession('first-primary'))
  }
  if (consistency === 'primary') return primaryDatabase(d1)
  return new Database(d1.withSession('first-unconstrained'))
}

/** The database as one request uses it: all of its calls together may take 5 s, from the first one on. */
export class Database {
  /** Calls to D1, including retries. */
  attempts = 0
  /** Milliseconds spent waiting for D1, including pauses. */
  ms = 0
  /** Rows that D1 has read, by its own count. */
  rowsRead = 0
  /** What D1 says about the last query that it answered. */
  meta: D1Result['meta'] | undefined

  #session: D1DatabaseSession
  /** Opens the primary, for a session that waits for a bookmark. */
  #openPrimary: (() => D1DatabaseSession) | undefined
  #giveUpAt: number | undefined

  constructor(session: D1DatabaseSession, openPrimary?: () => D1DatabaseSession) {
    this.#session = session
    this.#openPrimary = openPrimary
  }

  /** Where the session has got to; a later session can begin there. */
  get bookmark(): string | null {
    return this.#session.getBookmark()
  }

  /**
   * Runs the queries in one round trip and one transaction, at most three times, and returns the rows
   * of each. They must be safe to repeat: a try whose reply was lost may have been committed.
   *
   * @throws UnavailableError if D1 cannot answer now; any other error is a fault of ours
   */
  async query<A>(a: BoundQuery<A>): Promise<[A[]]>
  async query<A, B>(a: BoundQuery<A>, b: BoundQuery<B>): Promise<[A[], B[]]>
  async query(...queries: BoundQuery<unknown>[]): Promise<unknown[][]> {
    const startedAt = Date.now()
    this.#giveUpAt ??= startedAt + DEADLINE_MS
    const remainingMs = this.#giveUpAt - startedAt
    try {
      const work = this.#attempt(() => this.#ask(queries), 1, this.#giveUpAt)
      const replies = await within(remainingMs, work, late)
      for (const { meta } of replies) {
        this.rowsRead += meta.rows_read
        this.meta = meta
      }
      return replies.map(({ results }) => results)
    } finally {
      this.ms += Date.now() - startedAt
    }
  }

  /** Asks the session. A session that waits too long for its bookmark gives way to the primary. */
  async #ask(queries: readonly BoundQuery<unknown>[]): Promise<D1Result[]> {
    const openPrimary = this.#openPrimary
    if (openPrimary === undefined) return await run(this.#session, queries)
    try {
      return await within(BOOKMARK_WAIT_MS, run(this.#session, queries), () => new LateCopy())
    } catch (error) {
      this.#openPrimary = undefined
      this.#session = openPrimary()
      if (!(error instanceof LateCopy) && kindOf(error) !== 'unknown') throw error
      this.attempts += 1
      return await run(this.#session, queries)
    }
  }

  async #attempt<T>(call: () => Promise<T>, tryNumber: number, giveUpAt: number): Promise<T> {
    this.attempts += 1
    try {
      return await call()
    } catch (error) {
      const kind = kindOf(error)
      if (kind === 'fault') throw toError(error)
      if (kind !== 'transient') throw unavailable(kind, error)
      const pauseMs = fullJitter(tryNumber)
      // No try may start after the deadline: the request has been answered by then.
      if (tryNumber === MAX_ATTEMPTS || Date.now() + pauseMs >= giveUpAt) {
        throw new UnavailableError('D1 failed at every try', { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      return this.#attempt(call, tryNumber + 1, giveUpAt)
    }
  }
}

/** The copy that a bookmark asks for did not reply in time. */
class LateCopy extends Error {}

function run(
  session: D1DatabaseSession,
  queries: readonly BoundQuery<unknown>[],
): Promise<D1Result[]> {
  return session.batch(queries.map(({ sql, values }) => session.prepare(sql).bind(...values)))
}

function unavailable(kind: 'lasting' | 'exhausted' | 'unknown', cause: unknown): UnavailableError {
  if (kind === 'lasting') return new UnavailableError('D1 is closed', { cause, retry: 'later' })
  return new UnavailableError(kind === 'exhausted' ? 'D1 is exhausted' : 'D1 failed', { cause })
}

/** Wraps a thrown value that is not an Error: Hono's error handler only takes Errors. */
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
