// What an operator sets, as the Worker receives it: bindings, variables and secrets.
import { SettingsError } from './errors.ts'

export interface Bindings {
  DB: D1Database
  [further: `DB_${number}`]: D1Database
  AUTH_ISSUER?: string
  AUTH_AUDIENCE?: string
  AUTH_JWKS?: string
  AUTH_JWKS_URL?: string
  AUTH_SIGNING_JWK?: string
  ACCOUNT_ISSUER?: string
  ACCOUNT_JWKS?: string
  ACCOUNT_JWKS_URL?: string
  /** A table, or its JSON text. */
  ACCOUNT_TOKENS?: unknown
  CORS_ORIGINS?: string
  /** A number, or its text. */
  ASSOCIATION_TTL_DAYS?: unknown
  CARTS_PER_ACCOUNT?: unknown
  CLAIMS?: string
  READ_CONSISTENCY?: string
  MOVING_TO?: string
  MOVING_FROM?: string
  /** A table, or its JSON text. */
  STORE_PLACEMENT?: unknown
  STORE_PLACEMENT_NEXT?: unknown
  SHOPPER_RATE_LIMIT?: RateLimit
  TOKEN_RATE_LIMIT?: RateLimit
  FAILURE_RATE_LIMIT?: RateLimit
}

/** The name of a variable or a secret. */
export type TextSetting = {
  [Name in keyof Bindings]-?: Bindings[Name] extends string | undefined ? Name : never
}[keyof Bindings]

/** Variables as they are given, before they are checked. */
type Texts = { [name in TextSetting]?: unknown }

/** @throws SettingsError if it is set, but not to a text */
export function optional(bindings: Texts, name: TextSetting): string | undefined {
  const value = bindings[name]
  if (value === undefined) return undefined
  // wrangler.toml can bind a number, a list or a table as well.
  if (typeof value !== 'string') throw new SettingsError(`${name} must be a string`)
  if (value.trim() === '') throw new SettingsError(`${name} must not be empty`)
  return value
}

/** White space, zero-width too, or quotes, typographic too, at an end; a line end anywhere. */
const UNTIDY = /^[\s\u200b"'`\u2018-\u201f]|[\s\u200b"'`\u2018-\u201f]$|[\r\n]/

/**
 * Returns a text that is compared as a whole: an issuer, an audience, an address, a word.
 *
 * @throws SettingsError also if the text could never match, as shells and dashboards leave it
 */
export function exact(bindings: Texts, name: TextSetting): string | undefined {
  const text = optional(bindings, name)
  if (text === undefined || !UNTIDY.test(text)) return text
  throw new SettingsError(`${name} must have no white space, line ends or quotes around it`)
}

/** @throws SettingsError */
export function missing(name: TextSetting): never {
  throw new SettingsError(`${name} must be set`)
}
