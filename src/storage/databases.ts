// The databases of this Worker, and which of them has the rows of a store.
import { type Bindings, optional } from '../bindings.ts'
import { SettingsError, UnavailableError } from '../errors.ts'

export interface BoundDatabase {
  /** Of its binding: `DB`, which alone has the application keys, `DB_1`, … */
  name: string
  d1: D1Database
}

/** All, those that stores are in, and those that they will be in: the same unless some move. */
export interface Databases {
  all: readonly BoundDatabase[]
  present: readonly BoundDatabase[]
  future: readonly BoundDatabase[]
}

/** @throws SettingsError naming the binding, or the variable, that is not good */
export function findDatabases(bindings: Bindings): Databases {
  const all = ['DB' as const, ...Object.keys(bindings).filter(isFurther)].map((name) => {
    const d1 = bindings[name]
    // The type is what wrangler.toml promises; a deployment may differ.
    if (d1?.withSession === undefined) {
      throw new SettingsError(`${name} must be bound to a D1 database`)
    }
    return { name, d1 }
  })
  const without = (variable: 'MOVING_TO' | 'MOVING_FROM'): readonly BoundDatabase[] => {
    const moving = optional(bindings, variable)
    const others = all.filter(({ name }) => name === 'DB' || name !== moving)
    if (moving === undefined || others.length < all.length) return others
    throw new SettingsError(
      `${variable} must name a database that is bound beside DB, not "${moving}"`,
    )
  }
  return { all, present: without('MOVING_TO'), future: without('MOVING_FROM') }
}

/** The database that has the rows of the store. */
export function whereToRead({ present }: Databases, storeId: string): BoundDatabase {
  return homeOf(present, storeId)
}

/** @throws UnavailableError while the store moves: what is written where it was would be lost */
export function whereToWrite(databases: Databases, storeId: string): BoundDatabase {
  const home = whereToRead(databases, storeId)
  if (homeOf(databases.future, storeId) === home) return home
  throw new UnavailableError('The store is moving to another database')
}

/**
 * Rendezvous hashing (highest random weight, Thaler and Ravishankar 1998): where a database is added,
 * those stores move that it wins, and no other. **Whoever changes the weights loses every store**:
 * its rows are where the old ones put them.
 */
export function homeOf<Home extends { name: string }>(
  databases: readonly Home[],
  storeId: string,
): Home {
  return databases.reduce((home, each) =>
    weightOf(each.name, storeId) > weightOf(home.name, storeId) ? each : home,
  )
}

/**
 * FNV-1a (RFC 9923), whose bits are then mixed by MurmurHash3's fmix32. Each step is a bijection,
 * so two names that differ in their hash have no store of equal weight.
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
