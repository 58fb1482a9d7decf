// The settings of this Worker, checked once an isolate.
import { type Bindings, optional } from './bindings.ts'
import { SettingsError } from './errors.ts'
import { type Databases, findDatabases } from './storage/databases.ts'
import type { ReadConsistency } from './storage/session.ts'
import { loadTrust, type Trust } from './tokens/trust.ts'

export interface DatabaseSettings {
  databases: Databases
  readConsistency: ReadConsistency
}

export interface Settings extends Trust, DatabaseSettings {}

const checked = new WeakMap<Bindings, Promise<Settings>>()

/**
 * The settings of this Worker, checked and their keys imported at the first call.
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

/** @throws SettingsError naming the one of them that is missing or malformed */
export function databaseSettings(bindings: Bindings): DatabaseSettings {
  const databases = findDatabases(bindings)
  const readConsistency = optional(bindings, 'READ_CONSISTENCY') ?? 'primary'
  if (readConsistency === 'primary' || readConsistency === 'nearest') {
    return { databases, readConsistency }
  }
  throw new SettingsError(`READ_CONSISTENCY must be primary or nearest, not "${readConsistency}"`)
}

/** The value of `Access-Control-Allow-Origin` for a request from this origin. */
export function allowedOrigin({ CORS_ORIGINS = '*' }: Bindings, origin: string): string | null {
  if (CORS_ORIGINS === '*') return '*'
  const origins = splitOrigins(CORS_ORIGINS)
  if (origins.includes('*')) return '*'
  return origins.includes(origin) ? origin : null
}

async function checkSettings(bindings: Bindings): Promise<Settings> {
  const database = databaseSettings(bindings)
  checkOrigins(optional(bindings, 'CORS_ORIGINS') ?? '*')
  return { ...database, ...(await loadTrust(bindings)) }
}

/** Of whatever is set: what is malformed in it is told of by `loadSettings`, loudly. */
function splitOrigins(setting: unknown): string[] {
  return String(setting)
    .split(',')
    .map((origin) => origin.trim())
}

function checkOrigins(setting: string): void {
  const malformed = splitOrigins(setting).find((origin) => origin !== '*' && !isOrigin(origin))
  if (malformed === undefined) return
  throw new SettingsError(
    `CORS_ORIGINS must be * or origins like https://shop.example, separated by commas, not "${malformed}"`,
  )
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
