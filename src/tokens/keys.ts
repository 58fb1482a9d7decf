// The keys of tokens, imported once: the keys that verify, and the key that signs.
import * as v from 'valibot'
import { SettingsError } from '../errors.ts'
import {
  type Algorithm,
  check,
  type Jwk,
  keySetJwks,
  parseJson,
  privateMembersOf,
  signingJwk,
  verificationJwk,
} from './jwk.ts'

/** A key and the one algorithm that it verifies (RFC 8725, section 3.1). */
export interface VerificationKey {
  kid: string | undefined
  alg: Algorithm
  key: CryptoKey
  /** The JSON Web Key to publish; `undefined` if the key is a shared secret. */
  published: object | undefined
}

/** If there are several keys, each has a `kid`, and no two share both `kid` and algorithm. */
export type KeySet = readonly VerificationKey[]

/** A private or secret key, and its half that verifies. */
export interface SigningKey {
  kid: string
  alg: Algorithm
  key: CryptoKey
  verification: VerificationKey
}

const IMPORT_PARAMETERS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  EdDSA: { name: 'Ed25519' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  HS256: { name: 'HMAC', hash: 'SHA-256' },
} as const
const MIN_RSA_BITS = 2048

/**
 * Checks and imports the key set that a setting holds.
 *
 * @throws SettingsError naming the setting and the member at fault, never a value
 */
export async function importKeySet(setting: string, text: string): Promise<KeySet> {
  const { keys } = check(setting, keySetJwks, parseJson(setting, text))
  const imported = keys.map((jwk, index) => importKey(`${setting} keys[${index}]`, jwk))
  return requireDistinctKids(setting, await Promise.all(imported))
}

/**
 * Returns the keys if no two share both `kid` and algorithm (RFC 7517, section 4.5).
 *
 * @throws SettingsError if two do
 */
export function requireDistinctKids(setting: string, keys: KeySet): KeySet {
  if (keys.length > 1 && keys.some(({ kid }) => kid === undefined)) {
    throw new SettingsError(`${setting} must name a kid for each key where there are several`)
  }
  if (new Set(keys.map(nameOf)).size < keys.length) {
    throw new SettingsError(`${setting} must not name one kid twice`)
  }
  return keys
}

function nameOf({ kid, alg }: VerificationKey): string {
  return `${alg} ${kid}`
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
  const secret = check(setting, privateMembersOf(alg), json)
  const verification = await importKey(setting, jwk)
  const key = await importMaterial(setting, alg, { ...materialOf(jwk), ...secret }, 'sign')
  return { kid, alg, key, verification }
}

/** Returns the keys that a token can mean by its `kid`; a token without one can mean any. */
export function keysNamed(keys: KeySet, kid: string | undefined): KeySet {
  return kid === undefined ? keys : keys.filter((key) => key.kid === kid)
}

/** Returns the public keys of a set for publication, never a shared secret. */
export function publishedKeys(keys: KeySet): object[] {
  return keys.flatMap(({ published }) => published ?? [])
}

/** Whether the second key verifies what the first signs. */
export async function isPair(signing: SigningKey, { alg, key }: VerificationKey): Promise<boolean> {
  if (alg !== signing.alg) return false
  // The digest and the salt of ECDSA and RSA-PSS; other algorithms ignore them.
  const parameters = { name: IMPORT_PARAMETERS[alg].name, hash: 'SHA-256', saltLength: 32 }
  const bytes = new Uint8Array(32)
  const signature = await crypto.subtle.sign(parameters, signing.key, bytes)
  return await crypto.subtle.verify(parameters, key, signature, bytes)
}

/** The keys of another issuer's set, and the number of keys in it that cannot verify here. */
export interface PublishedKeys {
  keys: KeySet
  unusable: number
}

/**
 * Imports the keys of another issuer's set that can verify here: asymmetric and sound.
 *
 * @throws ValiError if it is not a key set
 */
export async function importPublishedKeys(json: unknown): Promise<PublishedKeys> {
  const { keys: given } = v.parse(v.object({ keys: v.array(v.unknown()) }), json)
  const sound = (await Promise.all(given.map(importPublishedKey))).filter(
    (key) => key !== undefined,
  )
  // If several keys have no name, or one name, keep the first: a token could not say which it means.
  const keys = [...new Map(sound.toReversed().map((key) => [nameOf(key), key])).values()]
  return { keys: keys.toReversed(), unusable: given.length - keys.length }
}

async function importPublishedKey(jwk: unknown): Promise<VerificationKey | undefined> {
  const { success, output } = v.safeParse(verificationJwk, jwk)
  // A secret that was published is none.
  if (!success || output.alg === 'HS256') return undefined
  return await importKey('', output).catch(() => undefined)
}

async function importKey(name: string, jwk: Jwk): Promise<VerificationKey> {
  const { kid, alg } = jwk
  const material = materialOf(jwk)
  const key = await importMaterial(name, alg, material, 'verify')
  if ('modulusLength' in key.algorithm && Number(key.algorithm.modulusLength) < MIN_RSA_BITS) {
    throw new SettingsError(`${name}.n must have at least ${MIN_RSA_BITS} bits`)
  }
  const published = alg === 'HS256' ? undefined : { kid, alg, use: 'sig', ...material }
  return { kid, alg, key, published }
}

/** Returns the members that hold the key itself. */
function materialOf({
  kid: _kid,
  alg: _alg,
  use: _use,
  key_ops: _ops,
  d: _d,
  ...material
}: Jwk): JsonWebKey {
  return material
}

async function importMaterial(
  name: string,
  alg: Algorithm,
  material: JsonWebKey,
  usage: 'sign' | 'verify',
): Promise<CryptoKey> {
  return await crypto.subtle
    .importKey('jwk', material, IMPORT_PARAMETERS[alg], false, [usage])
    .catch(() => {
      throw new SettingsError(`${name} must be a valid ${alg} key`)
    })
}
