// Which copy of the database answers, and the bookmark that the next request may bring back.
// https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api
import { BOOKMARK } from '../bookmark.ts'
import { Database } from './database.ts'

/** Where a read without a bookmark goes: `nearest` may be behind the primary. */
export type ReadConsistency = 'primary' | 'nearest'

/** For writes, and for reads that nothing may be behind of. */
export function primaryDatabase(d1: D1Database): Database {
  return new Database(d1.withSession('first-primary'))
}

/** At least as fresh as the bookmark; a malformed one is ignored and never reaches D1. */
export function readDatabase(
  d1: D1Database,
  consistency: ReadConsistency,
  bookmark?: string,
): Database {
  if (bookmark !== undefined && BOOKMARK.test(bookmark)) {
    return new Database(d1.withSession(bookmark))
  }
  if (consistency === 'primary') return primaryDatabase(d1)
  return new Database(d1.withSession('first-unconstrained'))
}
