// The one place where tests mint tokens: good ones, and forgeries that differ in one thing.
import { env } from 'cloudflare:workers'
import { base64url } from 'jose'
import app from '../../src/app.ts'

export const ACCOUNT_TOKEN = 'EP-Account-Management-Authentication-Token'

export type Claims = Record<string, unknown>

/** A private or secret JSON Web Key. */
export type SigningKey = JsonWebKey & { kid: string; alg: string }

/** The parts of a token. A string is signed as it stands, other values as JSON. */
export interface Parts {
  header: string | Claims
  payload: string | Claims | unknown[]
  key: SigningKey
}

const SIGNING = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  HS256: { name: 'HMAC', hash: 'SHA-256' },
}

export const now = (): number => Math.floor(Date.now() / 1000)

/** Turns seconds from now into times as claims have them. */
export const fromNow = (seconds: Record<string, number>): Claims =>
  Object.fromEntries(Object.entries(seconds).map(([name, each]) => [name, now() + each]))

export function signingKey(alg: string): SigningKey {
  const key = env.TEST_SIGNING_KEYS.find((each) => each.alg === alg)
  if (key === undefined) throw new Error(`No signing key for ${alg}`)
  return key
}

/** Makes a key for ES256 that the Worker does not know. */
export async function newSigningKey(kid: string): Promise<SigningKey> {
  return { ...(await newKeyOf('ES256')), kid }
}

/** Makes a new key for any algorithm. */
export async function newKeyOf(alg: string): Promise<SigningKey> {
  const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }
  const algorithm = { ...Object(algorithmOf(alg)), ...rsa }
  const made = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const key = 'privateKey' in made ? made.privateKey : made
  return { ...Object(await crypto.subtle.exportKey('jwk', key)), kid: 'new', alg }
}

function algorithmOf(alg: string): (typeof SIGNING)[keyof typeof SIGNING] {
  const algorithm = Object.entries(SIGNING).find(([name]) => name === alg)?.[1]
  if (algorithm === undefined) throw new Error(`Cannot sign with ${alg}`)
  return algorithm
}

/** Removes the private members and `key_ops`; a shared secret stays whole. */
export function publicHalf({
  d: _d,
  p: _p,
  q: _q,
  dp: _dp,
  dq: _dq,
  qi: _qi,
  key_ops: _ops,
  ...jwk
}: SigningKey): SigningKey {
  return jwk
}

export function accessParts(claims: Claims = {}, alg = 'ES256'): Parts {
  const own = { sub: 'storefront', store_id: 'demo', grant_type: 'client_credentials' }
  return parts(alg, 'at+jwt', { ...own, ...claims })
}

export function accountParts(claims: Claims = {}, alg = 'ES256'): Parts {
  const own = { sub: 'member-1', store_id: 'demo', account_id: 'account-1' }
  return parts(alg, 'account+jwt', { ...own, ...claims })
}

/** The parts of an invitation as this Worker signs it; its key is that of `issuing`. */
export function invitationParts(claims: Claims = {}, alg = 'ES256'): Parts {
  const aud = 'urn:cart-accounts:invitation'
  const own = { store_id: 'demo', cart_id: 'cart-1', claim: 'shared', jti: 'an-invitation' }
  return parts(alg, 'cart-invitation+jwt', { aud, ...own, ...claims })
}

function parts(alg: string, typ: string, claims: Claims): Parts {
  const key = signingKey(alg)
  const common = { iss: env.AUTH_ISSUER, aud: env.AUTH_AUDIENCE, ...fromNow({ iat: 0, exp: 3600 }) }
  return { header: { alg, typ, kid: key.kid }, payload: { ...common, ...claims }, key }
}

export const withHeader = (parts: Parts, changes: Claims): Parts => ({
  ...parts,
  header: { ...Object(parts.header), ...changes },
})

export const withClaims = (parts: Parts, changes: Claims): Parts => ({
  ...parts,
  payload: { ...Object(parts.payload), ...changes },
})

/** Signs a token with this key instead, and names the key in it. */
export const signedWith = (key: SigningKey, parts = accessParts()): Parts => ({
  ...withHeader(parts, { alg: key.alg, kid: key.kid }),
  key,
})

/** Signs the parts with the algorithm of the key, whatever the header claims. */
export async function sign({ header, payload, key }: Parts): Promise<string> {
  return await signText(`${encode(header)}.${encode(payload)}`, key)
}

/** Makes a token of exactly this many bytes, with members that mean nothing. */
export async function signOfSize(parts: Parts, bytes: number): Promise<string> {
  // No base64 text has a length of one more than a multiple of four, so the header grows too.
  for (const x of ['', 'x', 'xx', 'xxx']) {
    const padded = withHeader(parts, { x })
    const { length } = await sign(withClaims(padded, { note: '' }))
    const note = 'x'.repeat(Math.floor(((bytes - length) * 3) / 4))
    const token = await sign(withClaims(padded, { note }))
    if (token.length === bytes) return token
  }
  throw new Error(`No token has ${bytes} bytes`)
}

export async function signText(text: string, key: SigningKey): Promise<string> {
  const { alg, use: _use, key_ops: _ops, ...material } = key
  const algorithm = algorithmOf(alg)
  const signer = await crypto.subtle.importKey('jwk', material, algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign(algorithm, signer, new TextEncoder().encode(text))
  return `${text}.${base64url.encode(new Uint8Array(signature))}`
}

export function encode(part: string | Claims | unknown[]): string {
  return base64url.encode(typeof part === 'string' ? part : JSON.stringify(part))
}

/** The headers of a server: a `client_credentials` token alone. */
export async function server(
  store_id = 'demo',
  claims: Claims = {},
): Promise<Record<string, string>> {
  return { Authorization: `Bearer ${await sign(accessParts({ store_id, ...claims }))}` }
}

/** The headers of a shopper: an `implicit` token and the account token of one account. */
export async function shopper(
  account_id: string,
  store_id = 'demo',
): Promise<Record<string, string>> {
  const implicit = await server(store_id, { grant_type: 'implicit' })
  return { ...implicit, [ACCOUNT_TOKEN]: await sign(accountParts({ store_id, account_id })) }
}

/** The response to a caller with these tokens: 200 if they are good. Bindings stand for an isolate. */
export async function present(
  access: string | Parts,
  account: string | Parts = '',
  bindings: object = env,
): Promise<Response> {
  const text = async (token: string | Parts): Promise<string> =>
    typeof token === 'string' ? token : await sign(token)
  const headers = {
    'CF-Connecting-IP': crypto.randomUUID(),
    Authorization: `Bearer ${await text(access)}`,
    [ACCOUNT_TOKEN]: await text(account),
  }
  return await app.request('/v2/carts/cart/relationships/accounts', { headers }, bindings)
}
