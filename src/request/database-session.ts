// The database as one request uses it: the primary, or a copy as fresh as the bookmark it brings.
import type { Context, MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { loadSettings } from '../settings.ts'
import type { Database } from '../storage/database.ts'
import { primaryDatabase, readDatabase } from '../storage/session.ts'

export interface DatabaseVariables {
  db: Database
}

interface DatabaseEnv {
  Bindings: Bindings
  Variables: DatabaseVariables
}

const BOOKMARK_HEADER = 'X-D1-Bookmark'

/** Puts the primary on the context, for a request that writes or lets somebody in. */
export function openPrimary(): MiddlewareHandler<DatabaseEnv> {
  return async function openPrimary(c, next) {
    const { d1 } = await loadSettings(c.env)
    await handBackBookmark(c, primaryDatabase(d1), next)
  }
}

/** Puts a database on the context that is as fresh as the request asks for. */
export function openForReading(): MiddlewareHandler<DatabaseEnv> {
  return async function openForReading(c, next) {
    const { d1, readConsistency } = await loadSettings(c.env)
    await handBackBookmark(
      c,
      readDatabase(d1, readConsistency, c.req.header(BOOKMARK_HEADER)),
      next,
    )
  }
}

/** Hands back where the database was left, for the next request to bring along. */
async function handBackBookmark(
  c: Context<DatabaseEnv>,
  db: Database,
  next: () => Promise<void>,
): Promise<void> {
  c.set('db', db)
  await next()
  const reached = db.bookmark
  if (reached !== null) c.header(BOOKMARK_HEADER, reached)
}
