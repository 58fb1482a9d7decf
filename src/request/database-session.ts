// The database as one request uses it: the primary, or a copy as fresh as the bookmark it brings.
import type { Context, MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { loadSettings } from '../settings.ts'
import type { Database } from '../storage/database.ts'
import { whereToRead, whereToWrite } from '../storage/databases.ts'
import { primaryDatabase, readDatabase } from '../storage/session.ts'
import type { CallerVariables } from './caller.ts'

export interface DatabaseVariables {
  db: Database
  /** Where it was left, for the next request to bring along. */
  bookmark: () => string | undefined
}

interface KeysEnv {
  Bindings: Bindings
  Variables: DatabaseVariables
}

interface StoreEnv {
  Bindings: Bindings
  Variables: DatabaseVariables & CallerVariables
}

const BOOKMARK_HEADER = 'X-D1-Bookmark'

/** Puts `DB` on the context; its primary: a key that was revoked is refused from then on. */
export function openApplicationKeys(): MiddlewareHandler<KeysEnv> {
  return async function openApplicationKeys(c, next) {
    await loadSettings(c.env)
    await handBackBookmark(c, primaryDatabase(c.env.DB), '', next)
  }
}

/**
 * Puts the primary of the caller's store on the context.
 *
 * @throws UnavailableError while the store moves
 */
export function openForWriting(): MiddlewareHandler<StoreEnv> {
  return async function openForWriting(c, next) {
    const { databases } = await loadSettings(c.env)
    const { name, d1 } = whereToWrite(databases, c.get('caller').storeId)
    await handBackBookmark(c, primaryDatabase(d1), prefixOf(name), next)
  }
}

/** Puts a database of the caller's store on the context that is as fresh as the request asks for. */
export function openForReading(): MiddlewareHandler<StoreEnv> {
  return async function openForReading(c, next) {
    const { databases, readConsistency } = await loadSettings(c.env)
    const { name, d1 } = whereToRead(databases, c.get('caller').storeId)
    const [prefix, brought = ''] = [prefixOf(name), c.req.header(BOOKMARK_HEADER)]
    // Of the database that the store has left: this one might never get that far.
    const bookmark = brought.startsWith(prefix) ? brought.slice(prefix.length) : undefined
    await handBackBookmark(c, readDatabase(d1, readConsistency, bookmark), prefix, next)
  }
}

async function handBackBookmark(
  c: Context,
  db: Database,
  prefix: string,
  next: () => Promise<void>,
): Promise<void> {
  c.set('db', db)
  c.set('bookmark', () => (db.bookmark === null ? undefined : prefix + db.bookmark))
  await next()
}

/** What tells the bookmarks of a database from those of `DB`. */
function prefixOf(name: string): string {
  return name === 'DB' ? '' : `${name}-`
}
