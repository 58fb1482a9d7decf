// The keys of tokens: JSON Web Keys (RFC 7517), checked and imported once.
import * as v from 'valibot'
import { SettingsError } from '../errors.ts'

/** A key and the one algorithm that it verifies (RFC 8725, section 3.1). */
export interface VerificationKey {
  kid: string | undefined
  alg: 'ES256' | 'EdDSA' | 'RS256' | 'HS256'
  key: CryptoKey
  /** As it may be published; `undefined` where the key is a shared secret. */
  published: object | undefined
}

/** Where there are several keys, each has a `kid` of its own. */
export type KeySet = readonly VerificationKey[]

/** A private or secret key, and the half of it that verifies. */
export interface SigningKey {
  kid: string
  alg: VerificationKey['alg']
  key: CryptoKey
  verification: VerificationKey
}

const IMPORT_PARAMETERS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  EdDSA: { name: 'Ed25519' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  HS256: { name: 'HMAC', hash: 'SHA-256' },
} as const
const MIN_RSA_BITS = 2048

const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/, 'must be unpadded base64url'))
// RFC 7518, section 3.2: the key is no shorter than the hash, and 32 bytes are 43 characters.
const hmacSecret = v.pipe(base64url, v.minLength(43, 'must hold at least 32 bytes'))

const kid = v.pipe(v.string(), v.nonEmpty('must not be empty'))
const use = v.optional(v.literal('sig'))
const ec = { kty: v.literal('EC'), crv: v.literal('P-256'), x: base64url, y: base64url }
const okp = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url }
const rsa = { kty: v.literal('RSA'), n: base64url, e: base64url }
const oct = { kty: v.literal('oct'), k: hmacSecret }

/** The four kinds of key, each with these members too. */
const jwkWith = <Members extends v.ObjectEntries>(members: Members) =>
  v.variant('alg', [
    v.object({ ...members, alg: v.literal('ES256'), ...ec }),
    v.object({ ...members, alg: v.literal('EdDSA'), ...okp }),
    v.object({ ...members, alg: v.literal('RS256'), ...rsa }),
    v.object({ ...members, alg: v.literal('HS256'), ...oct }),
  ])

const verificationJwk = jwkWith({
  kid: v.optional(kid),
  use,
  // RFC 7518, section 6: every asymmetric private key has this member.
  d: v.optional(v.never('must be left out: it is the private half of the key')),
})
const signingJwk = jwkWith({ kid, use })
/** What makes a key private (RFC 7518, sections 6.2.2, 6.3.2 and RFC 8037, section 2). */
const privateHalf = v.object({ d: base64url })
const privateHalfOfRsa = v.object({
  d: base64url,
  p: base64url,
  q: base64url,
  dp: base64url,
  dq: base64url,
  qi: base64url,
})

const keySetSchema = v.object({
  keys: v.pipe(v.array(verificationJwk), v.minLength(1, 'must hold at least one key')),
})

type Jwk = v.InferOutput<typeof verificationJwk>

/**
 * Checks and imports the key set that a setting holds.
 *
 * @throws SettingsError naming the setting and the member at fault, never a value
 */
export async function importKeySet(setting: string, text: string): Promise<KeySet> {
  const { keys } = check(setting, keySetSchema, parseJson(setting, text))
  const imported = keys.map((jwk, index) => importKey(`${setting} keys[${index}]`, jwk))
  return requireNames(setting, await Promise.all(imported))
}

/**
 * The same keys, told apart by their `kid`.
 *
 * @throws SettingsError where they cannot be
 */
export function requireNames(setting: string, keys: KeySet): KeySet {
  const kids = keys.map((key) => key.kid)
  if (keys.length > 1 && kids.includes(undefined)) {
    throw new SettingsError(`${setting} must name a kid for each key where there are several`)
  }
  if (new Set(kids).size < kids.length) {
    throw new SettingsError(`${setting} must not name one kid twice`)
  }
  return keys
}

/**
 * Checks and imports the private or secret key that a setting holds.
 *
 * @throws SettingsError naming the setting and the member at fault, never a value
 */
export async function importSigningKey(setting: string, text: string): Promise<SigningKey> {
  const json = parseJson(setting, text)
  const jwk = check(setting, signingJwk, json)
  const { kid, alg } = jwk
  const secret = check(setting, secretOf(alg), json)
  const verification = await importKey(setting, jwk)
  const key = await importMaterial(setting, alg, { ...materialOf(jwk), ...secret }, 'sign')
  return { kid, alg, key, verification }
}

/** The public keys of a set, for others who verify: never a shared secret. */
export function publishedKeys(keys: KeySet): object[] {
  return keys.flatMap(({ published }) => published ?? [])
}

/** Whether the key verifies what the other signs. */
export async function isPair(signing: SigningKey, { alg, key }: VerificationKey): Promise<boolean> {
  if (alg !== signing.alg) return false
  const parameters = { name: IMPORT_PARAMETERS[alg].name, hash: 'SHA-256' }
  const bytes = new Uint8Array(32)
  const signature = await crypto.subtle.sign(parameters, signing.key, bytes)
  return await crypto.subtle.verify(parameters, key, signature, bytes)
}

/** Of the keys that somebody else publishes, those that verify here: named, asymmetric and sound. */
export async function usableKeys(json: unknown): Promise<object[]> {
  const { keys } = v.parse(v.object({ keys: v.array(v.unknown()) }), json)
  const usable = await Promise.all(keys.map(usableKey))
  return usable.filter((jwk) => jwk !== undefined)
}

async function usableKey(json: unknown): Promise<object | undefined> {
  const { success, output } = v.safeParse(verificationJwk, json)
  if (!success || output.kid === undefined) return undefined
  const key = await importKey('', output).catch(() => undefined)
  return key?.published
}

function secretOf(alg: VerificationKey['alg']) {
  if (alg === 'HS256') return v.object({})
  return alg === 'RS256' ? privateHalfOfRsa : privateHalf
}

function parseJson(setting: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SettingsError(`${setting} must be JSON`)
  }
}

function check<const Schema extends v.GenericSchema>(
  setting: string,
  schema: Schema,
  json: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, json, { message: describe })
  if (result.success) return result.output
  const [issue] = result.issues
  const at = v.getDotPath(issue)?.replace(/\.(\d+)/, '[$1]')
  throw new SettingsError(`${setting} ${at === undefined ? '' : `${at} `}${issue.message}`)
}

/** Tells what is wanted: valibot's own messages would tell what was received, a secret perhaps. */
function describe({ expected, received }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'is missing'
  if (expected === 'Object') return 'must be a JSON object'
  if (expected === 'Array') return 'must be an array'
  return `must be ${expected?.replace(/[()]/g, '').replaceAll(' | ', ' or ')}`
}

async function importKey(name: string, jwk: Jwk): Promise<VerificationKey> {
  const { kid, alg } = jwk
  const material = materialOf(jwk)
  const key = await importMaterial(name, alg, material, 'verify')
  if ('modulusLength' in key.algorithm && key.algorithm.modulusLength < MIN_RSA_BITS) {
    throw new SettingsError(`${name}.n must have at least ${MIN_RSA_BITS} bits`)
  }
  const published = alg === 'HS256' ? undefined : { kid, alg, use: 'sig', ...material }
  return { kid, alg, key, published }
}

/** `use` and the rest were checked for what they say; this is the key itself. */
function materialOf({ kid: _kid, alg: _alg, use: _use, d: _d, ...material }: Jwk): JsonWebKey {
  return material
}

async function importMaterial(
  name: string,
  alg: VerificationKey['alg'],
  material: JsonWebKey,
  usage: 'sign' | 'verify',
): Promise<CryptoKey> {
  return await crypto.subtle
    .importKey('jwk', material, IMPORT_PARAMETERS[alg], false, [usage])
    .catch(() => {
      throw new SettingsError(`${name} must be a valid ${alg} key`)
    })
}
