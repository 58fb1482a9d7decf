// The databases of this Worker, and which of them has the rows of a store.
import { type Bindings, optional } from '../bindings.ts'
import { SettingsError, UnavailableError } from '../errors.ts'
import { homeOf } from './rendezvous.ts'

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

function isFurther(name: string): name is `DB_${number}` {
  return /^DB_[1-9]\d*$/.test(name)
}
