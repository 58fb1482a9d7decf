// The settings of this Worker, checked once per isolate.
import { type Bindings, exact, optional } from './bindings.ts'
import { SettingsError } from './errors.ts'
import { checkOrigins } from './origins.ts'
import { ApplicationKeys } from './storage/application-keys.ts'
import type { ReadConsistency } from './storage/database.ts'
import { findShards, type Shards } from './storage/shards.ts'
import { loadTrust, type Trust } from './tokens/trust.ts'

export interface DatabaseSettings {
  shards: Shards
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

/** @throws SettingsError naming the setting of the databases that is missing or malformed */
export function databaseSettings(bindings: Bindings): DatabaseSettings {
  const shards = findShards(bindings)
  const readConsistency = exact(bindings, 'READ_CONSISTENCY') ?? 'primary'
  if (readConsistency === 'primary' || readConsistency === 'nearest') {
    return { shards, readConsistency }
  }
  throw new SettingsError('READ_CONSISTENCY must be primary or nearest')
}

async function checkSettings(bindings: Bindings): Promise<Settings> {
  const database = databaseSettings(bindings)
  checkOrigins(optional(bindings, 'CORS_ORIGINS') ?? '*')
  return { ...database, ...(await loadTrust(bindings)), applicationKeys: new ApplicationKeys() }
}
