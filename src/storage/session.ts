// Which copy of the database answers, and the bookmark that the next request may bring back.
// https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1'

/** Where a read without a bookmark goes: `nearest` may be behind the primary. */
export type ReadConsistency = 'primary' | 'nearest'

/** A database of which all that one request sees is at least as fresh as what it saw before. */
export interface Session {
  db: DrizzleD1Database
  /** Where the last statement left the database; `undefined` before the first. */
  bookmark: () => string | undefined
}

// As D1 makes them: three numbers and a hash.
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/

/** Writes are the primary's, and what they have to know first is there. */
export function writeSession(d1: D1Database): Session {
  return open(d1, 'first-primary')
}

/** At least as fresh as the bookmark; what is none is ignored, and never reaches D1. */
export function readSession(
  d1: D1Database,
  consistency: ReadConsistency,
  bookmark?: string,
): Session {
  if (bookmark !== undefined && BOOKMARK.test(bookmark)) return open(d1, bookmark)
  return open(d1, consistency === 'nearest' ? 'first-unconstrained' : 'first-primary')
}

function open(d1: D1Database, constraint: D1SessionConstraint | D1SessionBookmark): Session {
  const session = d1.withSession(constraint)
  return {
    db: drizzle(asDatabase(d1, session)),
    bookmark: () => session.getBookmark() ?? undefined,
  }
}

/** Drizzle asks for a whole database; of it, it calls the first two. */
function asDatabase(d1: D1Database, session: D1DatabaseSession): D1Database {
  return {
    prepare: (query) => session.prepare(query),
    batch: (statements) => session.batch(statements),
    exec: (query) => d1.exec(query),
    withSession: (constraint) => d1.withSession(constraint),
    dump: () => d1.dump(),
  }
}
