// The shape of JSON Web Keys (RFC 7517, RFC 7518 and RFC 8037), and messages that say what is wrong with one.
import * as v from 'valibot'
import { SettingsError } from '../errors.ts'

const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/, 'must be unpadded base64url'))
// RFC 7518, section 3.2: the key is no shorter than the hash, and 32 bytes are 43 characters.
const hmacSecret = v.pipe(base64url, v.minLength(43, 'must hold at least 32 bytes'))

const kid = v.pipe(v.string(), v.nonEmpty('must not be empty'))
const use = v.optional(v.literal('sig'))
const ec = { kty: v.literal('EC'), crv: v.literal('P-256'), x: base64url, y: base64url }
const okp = { kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64url }
const rsa = { kty: v.literal('RSA'), n: base64url, e: base64url }
const oct = { kty: v.literal('oct'), k: hmacSecret }

/** The four kinds of key, each with these members besides its own. */
const jwkWith = <Members extends v.ObjectEntries>(members: Members) =>
  v.variant('alg', [
    v.object({ ...members, alg: v.literal('ES256'), ...ec }),
    v.object({ ...members, alg: v.literal('EdDSA'), ...okp }),
    v.object({ ...members, alg: v.literal('RS256'), ...rsa }),
    v.object({ ...members, alg: v.literal('HS256'), ...oct }),
  ])

export const verificationJwk = jwkWith({
  kid: v.optional(kid),
  use,
  // RFC 7518, section 6: every asymmetric private key has this member.
  d: v.optional(v.never('must be left out: it is the private half of the key')),
})
export const signingJwk = jwkWith({ kid, use })
/** The members that make a key private (RFC 7518, sections 6.2.2, 6.3.2 and RFC 8037, section 2). */
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

/** Returns the schema of the members that make a key of this algorithm private. */
export function privateMembersOf(alg: Jwk['alg']) {
  if (alg === 'HS256') return v.object({})
  return alg === 'RS256' ? privateHalfOfRsa : privateHalf
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
  if (expected === 'Object') return 'must be a JSON object'
  if (expected === 'Array') return 'must be an array'
  return `must be ${expected?.replace(/[()]/g, '').replaceAll(' | ', ' or ')}`
}
