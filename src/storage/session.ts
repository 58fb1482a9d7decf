// Which copy of the database answers, and the bookmark that the next request may bring back.
// https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api
import { BOOKMARK } from '../bookmark.ts'

/** Where a read without a bookmark goes: `nearest` may be behind the primary. */
export type ReadConsistency = 'primary' | 'nearest'

/** For writes, and for reads that nothing may be behind of. */
export function primarySession(d1: D1Database): D1DatabaseSession {
  return d1.withSession('first-primary')
}

/** At least as fresh as the bookmark; a malformed one is ignored and never reaches D1. */
export function readSession(
  d1: D1Database,
  consistency: ReadConsistency,
  bookmark?: string,
): D1DatabaseSession {
  if (bookmark !== undefined && BOOKMARK.test(bookmark)) return d1.withSession(bookmark)
  return d1.withSession(consistency === 'nearest' ? 'first-unconstrained' : 'first-primary')
}
