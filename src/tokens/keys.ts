// The keys that verify tokens: a JSON Web Key Set (RFC 7517), checked and imported once.
import * as v from 'valibot'
import { SettingsError } from '../errors.ts'

/** A key and the one algorithm that it verifies (RFC 8725, section 3.1). */
interface VerificationKey {
  kid: string | undefined
  alg: 'ES256' | 'EdDSA' | 'RS256' | 'HS256'
  key: CryptoKey
}

/** At least one key; where there are more, each has a `kid` of its own. */
export type KeySet = readonly VerificationKey[]

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

const common = {
  kid: v.optional(v.pipe(v.string(), v.nonEmpty('must not be empty'))),
  use: v.optional(v.literal('sig')),
  // RFC 7518, section 6: every asymmetric private key has this member.
  d: v.optional(v.never('must be left out: it is the private half of the key')),
}
const ec = { kty: v.literal('EC'), crv: v.literal('P-256'), x: base64url, y: base64url }
const okp = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url }
const rsa = { kty: v.literal('RSA'), n: base64url, e: base64url }
const oct = { kty: v.literal('oct'), k: hmacSecret }
const jwkSchema = v.variant('alg', [
  v.object({ ...common, alg: v.literal('ES256'), ...ec }),
  v.object({ ...common, alg: v.literal('EdDSA'), ...okp }),
  v.object({ ...common, alg: v.literal('RS256'), ...rsa }),
  v.object({ ...common, alg: v.literal('HS256'), ...oct }),
])
const keySetSchema = v.object({
  keys: v.pipe(v.array(jwkSchema), v.minLength(1, 'must hold at least one key')),
})

type Jwk = v.InferOutput<typeof jwkSchema>

/**
 * Checks and imports the key set that a setting holds.
 *
 * @throws SettingsError naming the setting and the member at fault, never a value
 */
export async function importKeySet(setting: string, text: string): Promise<KeySet> {
  const { keys } = parseKeySet(setting, text)
  const kids = keys.map(({ kid }) => kid)
  if (keys.length > 1 && kids.includes(undefined)) {
    throw new SettingsError(`${setting} must name a kid for each key where there are several`)
  }
  if (new Set(kids).size < kids.length) {
    throw new SettingsError(`${setting} must not name one kid twice`)
  }
  return await Promise.all(keys.map((jwk, index) => importKey(`${setting} keys[${index}]`, jwk)))
}

function parseKeySet(setting: string, text: string): v.InferOutput<typeof keySetSchema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new SettingsError(`${setting} must be JSON`)
  }
  const result = v.safeParse(keySetSchema, json, { message: describe })
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
  // `use` and `d` were checked for what they say; the key is in the rest.
  const { kid, alg, use: _use, d: _d, ...material } = jwk
  const key = await crypto.subtle
    .importKey('jwk', material, IMPORT_PARAMETERS[alg], false, ['verify'])
    .catch(() => {
      throw new SettingsError(`${name} must be a valid ${alg} key`)
    })
  if ('modulusLength' in key.algorithm && key.algorithm.modulusLength < MIN_RSA_BITS) {
    throw new SettingsError(`${name}.n must have at least ${MIN_RSA_BITS} bits`)
  }
  return { kid, alg, key }
}
