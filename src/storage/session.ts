// Which copy of the database answers, and the bookmark that the next request may bring back.
// https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api

/** Where a read without a bookmark goes: `nearest` may be behind the primary. */
export type ReadConsistency = 'primary' | 'nearest'

// As D1 makes them: three numbers and a hash.
const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/

/** Writes are the primary's. */
export function writeSession(d1: D1Database): D1DatabaseSession {
  return d1.withSession('first-primary')
}

/** At least as fresh as the bookmark; what is none is ignored, and never reaches D1. */
export function readSession(
  d1: D1Database,
  consistency: ReadConsistency,
  bookmark?: string,
): D1DatabaseSession {
  if (bookmark !== undefined && BOOKMARK.test(bookmark)) return d1.withSession(bookmark)
  return d1.withSession(consistency === 'nearest' ? 'first-unconstrained' : 'first-primary')
}
