// The database that a request asks, as fresh as the bookmark that it brings (contract, section 12).
import type { Context, MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { loadSettings } from '../settings.ts'
import { type Database, primaryDatabase, readDatabase } from '../storage/database.ts'
import { type Limits, type Moment, momentOf } from '../storage/lifetime.ts'
import { type Shard, shardToRead, shardToWrite } from '../storage/shards.ts'
import type { Caller, CallerVariables, Guest } from './caller.ts'

export interface DatabaseVariables {
  cacheControl: string
  db: Database
  limits: Limits
  /** The moment of the request, for all of its queries. */
  moment: Moment
  /** Where the session has got to; the next request can bring it back. */
  bookmark: () => string | undefined
}

interface VisitorEnv {
  Bindings: Bindings
  Variables: DatabaseVariables & { visitor: Caller | Guest }
}

interface StoreEnv {
  Bindings: Bindings
  Variables: DatabaseVariables & CallerVariables
}

const BOOKMARK_HEADER = 'X-D1-Bookmark'

/**
 * Puts the primary of the caller's store on the context.
 *
 * @throws UnavailableError while the store moves
 */
export function openForWriting(): MiddlewareHandler<StoreEnv> {
  return async function openForWriting(c, next) {
    await openPrimary(c, c.env, c.get('caller').storeId)
    await next()
  }
}

/**
 * Puts the primary on the context, wherever the caller's store is now, for a decision that nothing stale
 * may make.
 */
export function openForDeciding(): MiddlewareHandler<StoreEnv> {
  return async function openForDeciding(c, next) {
    const { shards, limits } = await loadSettings(c.env)
    openShard(c, shardToRead(shards, c.get('caller').storeId), limits)
    await next()
  }
}

/** Puts the primary of the store on the context if a shopper makes a cart: no other cart is stored. */
export function openForShoppers(): MiddlewareHandler<VisitorEnv> {
  return async function openForShoppers(c, next) {
    const visitor = c.get('visitor')
    if (visitor.kind === 'shopper') await openPrimary(c, c.env, visitor.storeId)
    await next()
  }
}

/**
 * Puts a database of the caller's store on the context that is as fresh as the request asks for. What
 * is read is for this caller alone.
 */
export function openForReading(): MiddlewareHandler<StoreEnv> {
  return async function openForReading(c, next) {
    const { shards, readConsistency, limits } = await loadSettings(c.env)
    const { name, d1 } = shardToRead(shards, c.get('caller').storeId)
    const [prefix, brought = ''] = [prefixOf(name), c.req.header(BOOKMARK_HEADER)]
    // A bookmark of the shard that the store has left is dropped: this shard might never get that far.
    const bookmark = brought.startsWith(prefix) ? brought.slice(prefix.length) : undefined
    open(c, readDatabase(d1, readConsistency, bookmark), prefix)
    setMoment(c, limits)
    c.set('cacheControl', 'private, no-store')
    await next()
  }
}

async function openPrimary(c: Context, bindings: Bindings, storeId: string): Promise<void> {
  const { shards, limits } = await loadSettings(bindings)
  openShard(c, shardToWrite(shards, storeId), limits)
}

function openShard(c: Context, { name, d1 }: Shard, limits: Limits): void {
  open(c, primaryDatabase(d1), prefixOf(name))
  setMoment(c, limits)
}

/** Puts the database on the context; `prefix` distinguishes its bookmarks. */
export function open(c: Context, db: Database, prefix = ''): Database {
  c.set('db', db)
  c.set('bookmark', () => (db.bookmark === null ? undefined : prefix + db.bookmark))
  return db
}

function setMoment(c: Context, limits: Limits): void {
  c.set('limits', limits)
  c.set('moment', momentOf(limits, Date.now()))
}

/** Distinguishes the bookmarks of a shard from bookmarks of `DB`. */
function prefixOf(name: string): string {
  return name === 'DB' ? '' : `${name}-`
}
