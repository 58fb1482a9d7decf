// The shards: the D1 databases of this Worker, and which of them holds the rows of a store.
import { type Bindings, exact } from '../bindings.ts'
import { SettingsError, UnavailableError } from '../errors.ts'

export interface Shard {
  /** The name of its binding: `DB`, which also holds the application keys, `DB_1`, … */
  name: string
  d1: D1Database
}

/** All shards, the shards that hold stores now, and the shards that will: equal unless stores move. */
export interface Shards {
  all: readonly Shard[]
  present: readonly Shard[]
  future: readonly Shard[]
}

/** @throws SettingsError naming the binding or the variable that is malformed */
export function findShards(bindings: Bindings): Shards {
  const all = ['DB' as const, ...Object.keys(bindings).filter(isFurther)].map((name) => {
    const d1 = bindings[name]
    // The type says what wrangler.toml promises; a deployment may differ.
    if (d1?.withSession === undefined) {
      throw new SettingsError(`${name} must be bound to a D1 database`)
    }
    return { name, d1 }
  })
  const without = (variable: 'MOVING_TO' | 'MOVING_FROM'): readonly Shard[] => {
    const moving = exact(bindings, variable)
    const others = all.filter(({ name }) => name === 'DB' || name !== moving)
    if (moving === undefined || others.length < all.length) return others
    throw new SettingsError(`${variable} must name a database that is bound beside DB`)
  }
  return { all, present: without('MOVING_TO'), future: without('MOVING_FROM') }
}

/** Returns the shard that holds the rows of the store. */
export function shardToRead({ present }: Shards, storeId: string): Shard {
  return homeOf(present, storeId)
}

/** Whether the shard of this name holds the rows of the store, which does not move. */
export function isAtRest({ present, future }: Shards, storeId: string, name: string): boolean {
  return homeOf(present, storeId).name === name && homeOf(future, storeId).name === name
}

/** @throws UnavailableError while the store moves: a write to its old shard would be lost */
export function shardToWrite(shards: Shards, storeId: string): Shard {
  const home = shardToRead(shards, storeId)
  if (homeOf(shards.future, storeId) === home) return home
  throw new UnavailableError('The store is moving to another database')
}

/**
 * Chooses a shard by rendezvous hashing (highest random weight, Thaler and Ravishankar 1998): a new
 * shard takes over the stores that it wins, and no other store moves. **A change of the weights loses
 * every store**: its rows stay where the old weights put them.
 */
export function homeOf<Home extends { name: string }>(
  shards: readonly Home[],
  storeId: string,
): Home {
  return shards.reduce((home, each) =>
    weightOf(each.name, storeId) > weightOf(home.name, storeId) ? each : home,
  )
}

/**
 * FNV-1a (RFC 9923), mixed by MurmurHash3's fmix32. Each step is a bijection, so two names with
 * different hashes never have equal weights for a store.
 */
function weightOf(name: string, storeId: string): number {
  let hash = 0x811c9dc5
  // Both are ASCII, and neither holds a slash.
  for (const char of `${name}/${storeId}`) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function isFurther(name: string): name is `DB_${number}` {
  return /^DB_[1-9]\d*$/.test(name)
}
