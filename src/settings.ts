// What an operator sets: the bindings, and the variables and secrets checked once an isolate.
import { SettingsError } from './errors.ts'
import type { ReadConsistency } from './storage/session.ts'
import type { Issuer } from './tokens/issue.ts'
import {
  importKeySet,
  importSigningKey,
  isPair,
  type KeySet,
  requireNames,
  type SigningKey,
} from './tokens/keys.ts'
import { type RemoteKeys, remoteKeys } from './tokens/remote-keys.ts'
import type { TokenTrust, TrustedKeys } from './tokens/verify.ts'

export interface Bindings {
  DB: D1Database
  AUTH_ISSUER?: string
  AUTH_AUDIENCE?: string
  AUTH_JWKS?: string
  AUTH_JWKS_URL?: string
  AUTH_SIGNING_JWK?: string
  ACCOUNT_ISSUER?: string
  ACCOUNT_JWKS?: string
  ACCOUNT_JWKS_URL?: string
  CORS_ORIGINS?: string
  READ_CONSISTENCY?: string
  SHOPPER_RATE_LIMIT?: RateLimit
  FAILURE_RATE_LIMIT?: RateLimit
}

type TextSetting = {
  [Name in keyof Bindings]-?: Bindings[Name] extends string | undefined ? Name : never
}[keyof Bindings]

export interface Settings {
  accessTokens: TokenTrust
  accountTokens: TokenTrust
  /** Absent where access tokens come from another issuer. */
  issuer: Issuer | undefined
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
  const signingKey = await signingKeyOf(bindings)
  const keys = (await trustedKeys(bindings, 'AUTH_JWKS', signingKey)) ?? missing('AUTH_JWKS')
  // A store's identity provider may sign account tokens with an issuer and keys of its own.
  const accountIssuer = optional(bindings, 'ACCOUNT_ISSUER') ?? issuer
  const accountKeys = (await trustedKeys(bindings, 'ACCOUNT_JWKS')) ?? keys

  return {
    accessTokens: { issuer, audience, keys },
    accountTokens: { issuer: accountIssuer, audience, keys: accountKeys },
    issuer: signingKey && { issuer, audience, signingKey },
    readConsistency: readConsistencyOf(bindings),
  }
}

async function signingKeyOf(bindings: Bindings): Promise<SigningKey | undefined> {
  const text = optional(bindings, 'AUTH_SIGNING_JWK')
  return text === undefined ? undefined : await importSigningKey('AUTH_SIGNING_JWK', text)
}

/** The keys of a setting and those at its `_URL`, or none where neither is set. */
async function trustedKeys(
  bindings: Bindings,
  name: 'AUTH_JWKS' | 'ACCOUNT_JWKS',
  signingKey?: SigningKey,
): Promise<TrustedKeys | undefined> {
  const text = optional(bindings, name)
  const remote = remoteKeysOf(bindings, `${name}_URL`)
  const given = text === undefined ? [] : await importKeySet(name, text)
  const local = signingKey === undefined ? given : await withSigningKey(name, given, signingKey)
  if (local.length === 0 && remote === undefined) return undefined
  if (remote !== undefined && local.some(({ kid }) => kid === undefined)) {
    throw new SettingsError(`${name} must name a kid for each key where ${name}_URL is set`)
  }
  return { local, remote }
}

/** What this Worker signs, it verifies: the public half need not be in the set, but may be. */
async function withSigningKey(name: string, keys: KeySet, signingKey: SigningKey): Promise<KeySet> {
  const namesake = keys.find(({ kid }) => kid === signingKey.kid)
  if (namesake === undefined) return requireNames(name, [...keys, signingKey.verification])
  if (await isPair(signingKey, namesake)) return keys
  throw new SettingsError(`${name} has another key than AUTH_SIGNING_JWK under the same kid`)
}

function remoteKeysOf(
  bindings: Bindings,
  name: 'AUTH_JWKS_URL' | 'ACCOUNT_JWKS_URL',
): RemoteKeys | undefined {
  const text = optional(bindings, name)
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url !== null && isTrustworthy(url)) return remoteKeys(name, url)
  throw new SettingsError(`${name} must be an https address; http is for this machine alone`)
}

/** Nobody between here and there can put in keys (W3C Secure Contexts, section 3.1). */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && loopback)
}

function readConsistencyOf(bindings: Bindings): ReadConsistency {
  const value = optional(bindings, 'READ_CONSISTENCY') ?? 'primary'
  if (value === 'primary' || value === 'nearest') return value
  throw new SettingsError(`READ_CONSISTENCY must be primary or nearest, not "${value}"`)
}

function required(bindings: Bindings, name: TextSetting): string {
  return optional(bindings, name) ?? missing(name)
}

function missing(name: TextSetting): never {
  throw new SettingsError(`${name} must be set`)
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
