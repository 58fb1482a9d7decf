// What an operator sets: the bindings, and the variables and secrets checked once an isolate.
import { SettingsError } from './errors.ts'
import type { ReadConsistency } from './storage/session.ts'
import { importKeySet, type KeySet } from './tokens/keys.ts'

export interface Bindings {
  DB: D1Database
  AUTH_ISSUER?: string
  AUTH_AUDIENCE?: string
  AUTH_JWKS?: string
  ACCOUNT_ISSUER?: string
  ACCOUNT_JWKS?: string
  CORS_ORIGINS?: string
  READ_CONSISTENCY?: string
  SHOPPER_RATE_LIMIT?: RateLimit
  FAILURE_RATE_LIMIT?: RateLimit
}

type TextSetting =
  | 'AUTH_ISSUER'
  | 'AUTH_AUDIENCE'
  | 'AUTH_JWKS'
  | 'ACCOUNT_ISSUER'
  | 'ACCOUNT_JWKS'
  | 'CORS_ORIGINS'
  | 'READ_CONSISTENCY'

/** Whose tokens of one kind are believed. */
export interface TokenTrust {
  issuer: string
  audience: string
  keys: KeySet
}

export interface Settings {
  accessTokens: TokenTrust
  accountTokens: TokenTrust
  readConsistency: ReadConsistency
}

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

/** The value of `Access-Control-Allow-Origin` for a request from this origin. */
export function allowedOrigin({ CORS_ORIGINS = '*' }: Bindings, origin: string): string | null {
  const origins = splitOrigins(CORS_ORIGINS)
  if (origins.includes('*')) return '*'
  return origins.includes(origin) ? origin : null
}

async function checkSettings(bindings: Bindings): Promise<Settings> {
  // The type is what wrangler.toml promises; a deployment may differ.
  if (bindings.DB === undefined) throw new SettingsError('DB must be bound to a D1 database')
  checkOrigins(optional(bindings, 'CORS_ORIGINS') ?? '*')

  const issuer = required(bindings, 'AUTH_ISSUER')
  const audience = required(bindings, 'AUTH_AUDIENCE')
  const keys = await importKeySet('AUTH_JWKS', required(bindings, 'AUTH_JWKS'))
  // A store's identity provider may sign account tokens with an issuer and keys of its own.
  const accountIssuer = optional(bindings, 'ACCOUNT_ISSUER') ?? issuer
  const accountJwks = optional(bindings, 'ACCOUNT_JWKS')
  const accountKeys =
    accountJwks === undefined ? keys : await importKeySet('ACCOUNT_JWKS', accountJwks)

  return {
    accessTokens: { issuer, audience, keys },
    accountTokens: { issuer: accountIssuer, audience, keys: accountKeys },
    readConsistency: readConsistencyOf(bindings),
  }
}

function readConsistencyOf(bindings: Bindings): ReadConsistency {
  const value = optional(bindings, 'READ_CONSISTENCY') ?? 'primary'
  if (value === 'primary' || value === 'nearest') return value
  throw new SettingsError(`READ_CONSISTENCY must be primary or nearest, not "${value}"`)
}

function required(bindings: Bindings, name: TextSetting): string {
  const value = optional(bindings, name)
  if (value === undefined) throw new SettingsError(`${name} must be set`)
  return value
}

function optional(bindings: Bindings, name: TextSetting): string | undefined {
  const value: unknown = bindings[name]
  if (value === undefined) return undefined
  // wrangler.toml may bind a number, a list or a table as well.
  if (typeof value !== 'string') throw new SettingsError(`${name} must be a string`)
  if (value.trim() === '') throw new SettingsError(`${name} must not be empty`)
  return value
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
