// The shape of JSON Web Keys (RFC 7517, RFC 7518 and RFC 8037), and messages that say what is wrong with one.
import * as v from 'valibot'
import { SettingsError } from '../errors.ts'

const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/, 'must be unpadded base64url'))
// RFC 7518, section 3.2: the key is no shorter than the hash, and 32 bytes are 43 characters.
const hmacSecret = v.pipe(base64url, v.minLength(43, 'must hold at least 32 bytes'))

const kid = v.pipe(v.string(), v.nonEmpty('must not be empty'))
const use = v.optional(v.literal('sig'))
const keyOps = (operation: 'sign' | 'verify') =>
  v.optional(v.pipe(v.array(v.string()), v.includes(operation, `must have "${operation}"`)))

const ec = <const Curve extends string>(crv: Curve) => ({
  kty: v.literal('EC'),
  crv: v.literal(crv),
  x: base64url,
  y: base64url,
})
const publicPoint = v.pipe(base64url, v.check(isOfLargeOrder, 'must not be of small order'))
const okp = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: publicPoint }
const rsa = { kty: v.literal('RSA'), n: base64url, e: base64url }
const oct = { kty: v.literal('oct'), k: hmacSecret }

/** A key of each algorithm, with these members besides its own. */
const jwkWith = <Members extends v.ObjectEntries>(members: Members) =>
  v.pipe(
    v.unknown(),
    v.transform(nameAlgorithm),
    v.variant('alg', [
      v.object({ ...members, alg: v.literal('ES256'), ...ec('P-256') }),
      v.object({ ...members, alg: v.literal('ES384'), ...ec('P-384') }),
      v.object({ ...members, alg: v.literal('ES512'), ...ec('P-521') }),
      v.object({ ...members, alg: v.literal('EdDSA'), ...okp }),
      v.object({ ...members, alg: v.literal('RS256'), ...rsa }),
      v.object({ ...members, alg: v.literal('PS256'), ...rsa }),
      v.object({ ...members, alg: v.literal('HS256'), ...oct }),
    ]),
  )

export const verificationJwk = jwkWith({
  kid: v.optional(kid),
  use,
  key_ops: keyOps('verify'),
  // RFC 7518, section 6: every asymmetric private key has this member.
  d: v.optional(v.never('must be left out: it is the private half of the key')),
})
export const signingJwk = jwkWith({ kid, use, key_ops: keyOps('sign') })

const privateHalf = v.object({ d: base64url })
const privateHalfOfRsa = v.object({
  d: base64url,
  p: base64url,
  q: base64url,
  dp: base64url,
  dq: base64url,
  qi: base64url,
})

export const keySetJwks = v.object({
  keys: v.pipe(v.array(verificationJwk), v.minLength(1, 'must hold at least one key')),
})

export type Jwk = v.InferOutput<typeof verificationJwk>

export type Algorithm = Jwk['alg']

/**
 * Returns the schema of the members that make a key of this algorithm private (RFC 7518, sections
 * 6.2.2 and 6.3.2, and RFC 8037, section 2).
 */
export function privateMembersOf(alg: Algorithm) {
  if (alg === 'HS256') return v.object({})
  return alg === 'RS256' || alg === 'PS256' ? privateHalfOfRsa : privateHalf
}

/** The one name that both names of an algorithm have here: Ed25519 is EdDSA (RFC 9864). */
export function canonicalAlgorithm(alg: unknown): unknown {
  return alg === 'Ed25519' ? 'EdDSA' : alg
}

const implied = v.variant('kty', [
  v.object({ kty: v.literal('RSA') }),
  v.object({ kty: v.literal('EC'), crv: v.picklist(['P-256', 'P-384', 'P-521']) }),
  v.object({ kty: v.literal('OKP'), crv: v.literal('Ed25519') }),
])
const ALGORITHM_OF_CURVE = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
  Ed25519: 'EdDSA',
}

/** Adds the algorithm that the kind of the key implies: `alg` is optional (RFC 7517, section 4.4). */
function nameAlgorithm(jwk: unknown): unknown {
  if (typeof jwk !== 'object' || jwk === null) return jwk
  if ('alg' in jwk && jwk.alg !== undefined) return { ...jwk, alg: canonicalAlgorithm(jwk.alg) }
  const kind = v.safeParse(implied, jwk)
  if (!kind.success) return jwk
  return { ...jwk, alg: 'crv' in kind.output ? ALGORITHM_OF_CURVE[kind.output.crv] : 'RS256' }
}

/**
 * The points of small order on Ed25519, as hex without the sign bit. Anybody can make signatures that
 * such a key verifies; the list is that of libsodium (`ge25519_has_small_order`).
 */
const SMALL_ORDER = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ...['ec', 'ed', 'ee'].map((first) => `${first}${'ff'.repeat(30)}7f`),
])

function isOfLargeOrder(x: string): boolean {
  const bytes = Uint8Array.from(atob(x.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
    char.charCodeAt(0),
  )
  const hex = bytes.map((byte, index) => (index === 31 ? byte & 0x7f : byte))
  return !SMALL_ORDER.has(Array.from(hex, (byte) => byte.toString(16).padStart(2, '0')).join(''))
}

export function parseJson(setting: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SettingsError(`${setting} must be JSON`)
  }
}

/** @throws SettingsError naming the setting and the member at fault, never a value */
export function check<const Schema extends v.GenericSchema>(
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

/** Says what is wanted. valibot's own messages would repeat what was received, perhaps a secret. */
function describe({ expected, received }: v.BaseIssue<unknown>): string {
  if (received === 'undefined') return 'is missing'
  if (expected === 'never') return 'is not known'
  if (expected === 'Object') return 'must be a JSON object'
  if (expected === 'Array') return 'must be an array'
  return `must be ${expected?.replace(/[()]/g, '').replaceAll(' | ', ' or ')}`
}
