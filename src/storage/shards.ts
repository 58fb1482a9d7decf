// The shards: the D1 databases of this Worker, and which of them holds the rows of a store.
import { type Bindings, exact } from '../bindings.ts'
import { SettingsError, UnavailableError } from '../errors.ts'

export interface Shard {
  /** The name of its binding: `DB`, which also holds the application keys, `DB_1`, … */
  name: string
  d1: D1Database
}

/** Stores whose id and an end mark begin like this are hashed over these shards only. */
type Rule<Home> = readonly [beginning: string, homes: readonly Home[]]

/** Which shards may hold a store: those of the first rule that it matches, or the rest. */
export interface Placement<Home> {
  /** The longest match comes first. */
  rules: readonly Rule<Home>[]
  rest: readonly Home[]
}

/** Where stores are now and where they will be: equal unless stores move. */
export interface Placements<Home> {
  present: Placement<Home>
  future: Placement<Home>
  /** Tells two settings apart; undefined without one that places stores. */
  digest: string | undefined
}

/** All shards, and which of them hold which stores. */
export interface Shards extends Placements<Shard> {
  all: readonly Shard[]
}

type Variables = Parameters<typeof exact>[0] & { [name in PlacementSetting]?: unknown }
type PlacementSetting = 'STORE_PLACEMENT' | 'STORE_PLACEMENT_NEXT'

/** A safe id, or the beginning of some. */
const PATTERN = /^[A-Za-z0-9_-]{1,255}\*?$/

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
  return { all, ...findPlacements(bindings, all) }
}

/** @throws SettingsError naming the variable that is malformed; its cause names the rule too */
export function findPlacements<Home extends { name: string }>(
  variables: Variables,
  all: readonly Home[],
): Placements<Home> {
  const without = (variable: 'MOVING_TO' | 'MOVING_FROM'): readonly Home[] => {
    const moving = exact(variables, variable)
    const others = all.filter(({ name }) => name === 'DB' || name !== moving)
    if (moving === undefined || others.length < all.length) return others
    throw new SettingsError(`${variable} must name a database that is bound beside DB`)
  }
  const [old, staying] = [without('MOVING_TO'), without('MOVING_FROM')]
  const { STORE_PLACEMENT: given, STORE_PLACEMENT_NEXT: next = given } = variables
  const last = next === given ? 'STORE_PLACEMENT' : 'STORE_PLACEMENT_NEXT'
  const still = old.filter((home) => staying.includes(home))
  const rules = parseRules('STORE_PLACEMENT', given, all, still)
  const nextRules = parseRules(last, next, all, still)
  // What only the next rules name is new, and holds no store yet.
  const rest = restOf(last, restOf('STORE_PLACEMENT', old, rules), nextRules)
  const present = { rules, rest }
  const future = { rules: nextRules, rest: restOf(last, staying, nextRules) }
  const digest = next === undefined ? undefined : digestOf(present, future)
  return { present, future, digest }
}

function parseRules<Home extends { name: string }>(
  setting: PlacementSetting,
  given: unknown,
  all: readonly Home[],
  still: readonly Home[],
): Rule<Home>[] {
  const rules = tableOf(setting, given).map(([pattern, listed]) => {
    const check = (isGood: boolean, rule: string): void => {
      if (isGood) return
      // A response names no store.
      const cause = new SettingsError(`${setting} must ${rule}: ${JSON.stringify(pattern)}`)
      throw new SettingsError(`${setting} must ${rule}`, { cause })
    }
    const names: unknown[] = Array.isArray(listed) ? listed : []
    const homes = all.filter(({ name }) => names.includes(name))
    const areBound = homes.length > 0 && homes.length === new Set(names).size
    check(PATTERN.test(pattern), 'name stores by an id, or by its beginning and a *')
    check(areBound, 'list databases for each rule, and only bound ones')
    check(
      homes.every((home) => still.includes(home)),
      'list no database of MOVING_TO or MOVING_FROM',
    )
    // No id holds a ~: the end mark makes an exact id the longest match.
    return [pattern.endsWith('*') ? pattern.slice(0, -1) : `${pattern}~`, homes] as const
  })
  return rules.sort(([one], [other]) => (one < other ? 1 : -1))
}

/** Takes a table, or its JSON text. */
function tableOf(setting: PlacementSetting, given: unknown = {}): [string, unknown][] {
  try {
    const table: unknown = typeof given === 'string' ? JSON.parse(given) : given
    if (typeof table === 'object' && table !== null && !Array.isArray(table)) {
      return Object.entries(table)
    }
  } catch {}
  throw new SettingsError(`${setting} must be a table of lists, or its JSON text`)
}

function restOf<Home>(
  setting: PlacementSetting,
  homes: readonly Home[],
  rules: readonly Rule<Home>[],
): readonly Home[] {
  const rest = homes.filter((home) => !rules.some(([, homes]) => homes.includes(home)))
  if (rest.length > 0) return rest
  throw new SettingsError(`${setting} must leave a database for all other stores`)
}

/** Digests the rules and the names of their databases. */
export function digestOf(...placements: Placement<{ name: string }>[]): string {
  const text = JSON.stringify(placements, ['rules', 'rest', 'name'])
  return weightOf('placement', text).toString(16)
}

/** Returns the shard that holds the rows of the store. */
export function shardToRead({ present }: Shards, storeId: string): Shard {
  return homeIn(present, storeId)
}

/** Whether the shard of this name holds the rows of the store, which does not move. */
export function isAtRest({ present, future }: Shards, storeId: string, name: string): boolean {
  return homeIn(present, storeId).name === name && homeIn(future, storeId).name === name
}

/** @throws UnavailableError while the store moves: a write to its old shard would be lost */
export function shardToWrite(shards: Shards, storeId: string): Shard {
  const home = shardToRead(shards, storeId)
  if (homeIn(shards.future, storeId) === home) return home
  throw new UnavailableError('The store is moving to another database')
}

/** Returns the home of the store by its rule, or among the rest. */
export function homeIn<Home extends { name: string }>(
  { rules, rest }: Placement<Home>,
  storeId: string,
): Home {
  const rule = rules.find(([beginning]) => `${storeId}~`.startsWith(beginning))
  return homeOf(rule?.[1] ?? rest, storeId)
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
