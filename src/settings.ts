// The settings of this Worker, checked once per isolate.
import { type Bindings, exact, optional } from './bindings.ts'
import { SettingsError } from './errors.ts'
import { CARTS_PER_ACCOUNT, isWithin, type Range, rangeRule, TTL_DAYS } from './limits.ts'
import { checkOrigins } from './origins.ts'
import { ApplicationKeys } from './storage/application-keys.ts'
import type { ReadConsistency } from './storage/database.ts'
import { DAY_MS, type Limits } from './storage/lifetime.ts'
import { findShards, type Shards } from './storage/shards.ts'
import { loadTrust, type Trust } from './tokens/trust.ts'

export interface DatabaseSettings {
  shards: Shards
  limits: Limits
  readConsistency: ReadConsistency
}

export interface Settings extends Trust, DatabaseSettings {
  applicationKeys: ApplicationKeys
}

const checked = new WeakMap<Bindings, Promise<Settings>>()

/**
 * Returns the settings, checked and with their keys imported; the first call does the work.
 *
 * @throws SettingsError naming the setting that is missing or malformed
 */
export function loadSettings(bindings: Bindings): Promise<Settings> {
  const known = checked.get(bindings)
  if (known !== undefined) return known
  const settings = checkSettings(bindings)
  checked.set(bindings, settings)
  return settings
}

const databases = new WeakMap<Bindings, DatabaseSettings>()

/**
 * Returns the settings of the databases; the first call checks them.
 *
 * @throws SettingsError naming the setting that is missing or malformed
 */
export function databaseSettings(bindings: Bindings): DatabaseSettings {
  const settings = databases.get(bindings) ?? {
    shards: findShards(bindings),
    readConsistency: oneOf(bindings, 'READ_CONSISTENCY', 'primary', 'nearest'),
    limits: limitsOf(bindings),
  }
  databases.set(bindings, settings)
  return settings
}

/** Returns one of two words, the first by default. */
function oneOf<Word extends string>(
  bindings: Bindings,
  name: 'READ_CONSISTENCY' | 'CLAIMS',
  ...words: [Word, Word]
): Word {
  const given = exact(bindings, name) ?? words[0]
  const word = words.find((each) => each === given)
  if (word !== undefined) return word
  throw new SettingsError(`${name} must be ${words.join(' or ')}`)
}

function limitsOf(bindings: Bindings): Limits {
  const ttlDays = numberOf(bindings, 'ASSOCIATION_TTL_DAYS', TTL_DAYS)
  const cartsPerAccount = numberOf(bindings, 'CARTS_PER_ACCOUNT', CARTS_PER_ACCOUNT)
  return {
    ttlMs: ttlDays === undefined ? undefined : ttlDays * DAY_MS,
    cartsPerAccount: cartsPerAccount ?? CARTS_PER_ACCOUNT.default,
    claims: oneOf(bindings, 'CLAIMS', 'open', 'invited'),
  }
}

function numberOf(
  bindings: Bindings,
  name: 'ASSOCIATION_TTL_DAYS' | 'CARTS_PER_ACCOUNT',
  range: Range,
): number | undefined {
  const given = bindings[name]
  if (given === undefined) return undefined
  const number = typeof given === 'string' && /^\d{1,4}$/.test(given) ? Number(given) : given
  if (typeof number === 'number' && isWithin(number, range)) return number
  throw new SettingsError(`${name} ${rangeRule(range)}`)
}

async function checkSettings(bindings: Bindings): Promise<Settings> {
  const database = databaseSettings(bindings)
  checkOrigins(optional(bindings, 'CORS_ORIGINS') ?? '*')
  const trust = await loadTrust(bindings)
  if (database.limits.claims === 'invited' && trust.issuer === undefined) {
    throw new SettingsError('CLAIMS must not be invited without AUTH_SIGNING_JWK')
  }
  return { ...database, ...trust, applicationKeys: new ApplicationKeys() }
}
