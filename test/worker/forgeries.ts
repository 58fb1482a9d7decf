// Tokens that must be refused, each made from a good token by one change.
import { env } from 'cloudflare:workers'
import { base64url } from 'jose'
import type { TokenRefusal } from '../../src/tokens/refusal.ts'
import {
  type Claims,
  encode,
  now,
  type Parts,
  type SigningKey,
  sign,
  signingKey,
  signOfSize,
  signText,
} from './tokens.ts'

interface Unlabelled {
  title: string
  /** Makes the bad token from the parts of a good one. */
  forge: (good: Parts) => string | Promise<string>
}

export interface Forgery extends Unlabelled {
  reason: TokenRefusal
}

const DAY = 24 * 60 * 60
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

const withHeader = (changes: Claims) => (good: Parts) =>
  sign({ ...good, header: { ...members(good.header), ...changes } })

const withClaims = (changes: Claims) => (good: Parts) =>
  sign({ ...good, payload: { ...members(good.payload), ...changes } })

/** Sets times in seconds from the moment of the test, not from the moment this file was loaded. */
const withTimes = (changes: Record<string, number>) => (good: Parts) => {
  const times = Object.entries(changes).map(([name, seconds]) => [name, now() + seconds])
  return withClaims(Object.fromEntries(times))(good)
}

/** Stands in for a value that JSON.stringify cannot write. */
const withRawClaim = (name: string, json: string) => (good: Parts) => {
  const payload = JSON.stringify({ ...members(good.payload), [name]: '@' })
  return sign({ ...good, payload: payload.replace('"@"', json) })
}

function members(part: Parts['header'] | Parts['payload']): Claims {
  return typeof part === 'object' && !Array.isArray(part) ? part : {}
}

/** Sets unused bits of the last character: the bytes stay, the spelling changes. */
function respell(text: string): string {
  const last = BASE64URL.indexOf(text.slice(-1))
  return text.slice(0, -1) + BASE64URL.charAt(last + 1)
}

/** Encodes the part, padded with white space so that its last character has unused bits. */
function encodeWithUnusedBits(part: Claims): string {
  const json = JSON.stringify(part)
  return encode(json.length % 3 === 0 ? `${json} ` : json)
}

async function otherKey(alg: 'ES256' | 'HS256', kid: string): Promise<SigningKey> {
  const pair =
    alg === 'ES256'
      ? await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
          'sign',
          'verify',
        ])
      : await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify'])
  const key = 'privateKey' in pair ? pair.privateKey : pair
  const jwk = await crypto.subtle.exportKey('jwk', key)
  if (jwk instanceof ArrayBuffer) throw new Error('Not a JSON Web Key')
  const { kty, crv, x, y, d, k } = jwk
  return JSON.parse(JSON.stringify({ kty, crv, x, y, d, k, kid, alg }))
}

const refusedAs = (reason: TokenRefusal, forgeries: Unlabelled[]): Forgery[] =>
  forgeries.map((forgery) => ({ ...forgery, reason }))

const expiredToken: Unlabelled = {
  title: 'an exp in the past',
  forge: withTimes({ iat: -7200, exp: -6 }),
}

const badStores: Unlabelled[] = [
  { title: 'no store_id', forge: withClaims({ store_id: undefined }) },
  { title: 'an empty store_id', forge: withClaims({ store_id: '' }) },
  { title: 'an unsafe store_id', forge: withClaims({ store_id: 'demo/../other' }) },
  { title: 'a store_id that is not a string', forge: withClaims({ store_id: ['demo'] }) },
]

/** Forgeries that either header refuses, with the reason. */
export const forgeries: Forgery[] = [
  ...refusedAs('too_long', [
    { title: 'just over 8 KiB', forge: (good) => signOfSize(good, 8_197) },
  ]),
  ...refusedAs('malformed', [
    { title: 'a word', forge: () => 'secret' },
    { title: 'an opaque token', forge: () => 'b3f2b6de8fd44cdfa9d9c5f7cecccdfe' },
    { title: 'two parts', forge: async (good) => (await sign(good)).replace(/\.[^.]*$/, '') },
    { title: 'four parts', forge: async (good) => `${await sign(good)}.AAAA` },
    { title: 'five parts, as a JWE has', forge: async (good) => `${await sign(good)}.AAAA.AAAA` },
    { title: 'an empty header', forge: async (good) => (await sign(good)).replace(/^[^.]*/, '') },
    { title: 'padding', forge: async (good) => `${await sign(good)}==` },
    {
      title: 'a signature with its unused bits set',
      forge: async (good) => respell(await sign(good)),
    },
    {
      title: 'a header with its unused bits set, and signed so',
      forge: ({ header, payload, key }) =>
        signText(`${respell(encodeWithUnusedBits(members(header)))}.${encode(payload)}`, key),
    },
    {
      title: 'a payload with its unused bits set, and signed so',
      forge: ({ header, payload, key }) =>
        signText(`${encode(header)}.${respell(encodeWithUnusedBits(members(payload)))}`, key),
    },
    {
      title: 'the alphabet of plain base64',
      forge: ({ header, payload, key }) =>
        signText(
          `${encode(header)}.${btoa(JSON.stringify({ ...members(payload), note: '???>>>' })).replace(/=+$/, '')}`,
          key,
        ),
    },
    { title: 'white space inside', forge: async (good) => (await sign(good)).replace('.', '. ') },
    {
      title: 'itself twice, joined by a comma',
      forge: async (good) => `${await sign(good)}, ${await sign(good)}`,
    },
    {
      title: 'a header that is not JSON',
      forge: (good) => sign({ ...good, header: '{alg:ES256}' }),
    },
    { title: 'a header that is an array', forge: (good) => sign({ ...good, header: '["ES256"]' }) },
    { title: 'no algorithm', forge: withHeader({ alg: undefined }) },
    { title: 'an empty list of critical extensions', forge: withHeader({ crit: [] }) },
    { title: 'a payload that is not JSON', forge: (good) => sign({ ...good, payload: 'sub=a' }) },
    {
      title: 'a payload that is an array',
      forge: (good) => sign({ ...good, payload: [good.payload] }),
    },
    { title: 'a payload that is null', forge: (good) => sign({ ...good, payload: 'null' }) },
    {
      title: 'a payload that is not UTF-8',
      forge: ({ header, key }) =>
        signText(`${encode(header)}.${base64url.encode(new Uint8Array([0x7b, 0xff, 0x7d]))}`, key),
    },
  ]),
  ...refusedAs('critical_header', [
    { title: 'a critical extension', forge: withHeader({ crit: ['exp'], exp: 1 }) },
    { title: 'the critical extension b64', forge: withHeader({ crit: ['b64'], b64: true }) },
  ]),
  ...refusedAs('unnamed_key', [
    { title: 'no kid, and the set has several keys', forge: withHeader({ kid: undefined }) },
  ]),
  ...refusedAs('unknown_key', [
    { title: 'an unknown kid', forge: withHeader({ kid: 'unknown' }) },
    { title: 'an empty kid', forge: withHeader({ kid: '' }) },
    { title: 'a kid that is not a string', forge: withHeader({ kid: 1 }) },
  ]),
  ...refusedAs('wrong_algorithm', [
    {
      title: 'the algorithm none and no signature',
      forge: ({ header, payload }) =>
        `${encode({ ...members(header), alg: 'none' })}.${encode(payload)}.`,
    },
    { title: 'the algorithm none and a signature', forge: withHeader({ alg: 'none' }) },
    { title: 'the algorithm in lower case', forge: withHeader({ alg: 'es256' }) },
    { title: 'an algorithm that is not accepted', forge: withHeader({ alg: 'ES384' }) },
    { title: 'the algorithm of another key of the set', forge: withHeader({ alg: 'RS256' }) },
    {
      title: 'HS256 with the public key as its secret',
      forge: ({ header, payload }) => {
        const { kid } = signingKey('ES256')
        const secret = base64url.encode(env.AUTH_JWKS ?? '')
        const key = { kty: 'oct', k: secret, kid, alg: 'HS256' }
        return sign({ header: { ...members(header), alg: 'HS256' }, payload, key })
      },
    },
    { title: 'the kid of another key', forge: withHeader({ kid: 'test-RS256' }) },
  ]),
  ...refusedAs('wrong_signature', [
    {
      title: 'an empty payload',
      forge: async (good) => (await sign(good)).replace(/\.[^.]*\./, '..'),
    },
    {
      title: 'an empty signature',
      forge: async (good) => (await sign(good)).replace(/[^.]*$/, ''),
    },
    {
      title: 'a signature of zeros',
      forge: ({ header, payload }) => `${encode(header)}.${encode(payload)}.${'A'.repeat(86)}`,
    },
    {
      title: 'a signature cut short',
      forge: async (good) => (await sign(good)).replace(/[^.]{46}$/, ''),
    },
    {
      title: 'the kid and algorithm of another key',
      forge: withHeader({ kid: 'test-HS256', alg: 'HS256' }),
    },
    {
      title: 'the signature of a stranger under a known kid',
      forge: async (good) => sign({ ...good, key: await otherKey('ES256', 'test-ES256') }),
    },
    {
      title: 'the signature of a stranger whose key is in the header',
      forge: async (good) => {
        const key = await otherKey('ES256', 'test-ES256')
        const { d: _d, ...jwk } = key
        return sign({ ...good, header: { ...members(good.header), jwk }, key })
      },
    },
    {
      title: 'the secret of a stranger under a known kid',
      forge: async ({ header, payload }) =>
        sign({
          header: { ...members(header), alg: 'HS256', kid: 'test-HS256' },
          payload,
          key: await otherKey('HS256', 'test-HS256'),
        }),
    },
    {
      title: 'another payload under the signature',
      forge: async (good) => {
        const [header, , signature] = (await sign(good)).split('.')
        return `${header}.${encode({ ...members(good.payload), admin: true })}.${signature}`
      },
    },
    {
      title: 'another header over the signature',
      forge: async (good) => {
        const [, payload, signature] = (await sign(good)).split('.')
        return `${encode({ ...members(good.header), x: 1 })}.${payload}.${signature}`
      },
    },
  ]),
  ...refusedAs('wrong_type', [
    { title: 'no typ', forge: withHeader({ typ: undefined }) },
    { title: 'the typ JWT', forge: withHeader({ typ: 'JWT' }) },
    { title: 'a typ that is not a string', forge: withHeader({ typ: ['at+jwt', 'account+jwt'] }) },
  ]),
  ...refusedAs('wrong_issuer', [
    { title: 'no iss', forge: withClaims({ iss: undefined }) },
    { title: 'a wrong iss', forge: withClaims({ iss: 'https://evil.example' }) },
    { title: 'an iss with a slash more', forge: withClaims({ iss: `${env.AUTH_ISSUER}/` }) },
    { title: 'an array of iss', forge: withClaims({ iss: [env.AUTH_ISSUER] }) },
  ]),
  ...refusedAs('wrong_audience', [
    { title: 'no aud', forge: withClaims({ aud: undefined }) },
    { title: 'a wrong aud', forge: withClaims({ aud: 'https://other.example' }) },
    { title: 'an array of wrong aud', forge: withClaims({ aud: ['https://other.example'] }) },
    { title: 'an empty array of aud', forge: withClaims({ aud: [] }) },
  ]),
  ...refusedAs('not_yet_valid', [{ title: 'an nbf in the future', forge: withTimes({ nbf: 10 }) }]),
  ...refusedAs('issued_in_future', [
    { title: 'an iat in the future', forge: withTimes({ iat: 10 }) },
  ]),
  ...refusedAs('lives_too_long', [
    { title: 'a life of over 30 days', forge: withTimes({ exp: 30 * DAY + 1 }) },
  ]),
  ...refusedAs('invalid_claim', [
    { title: 'no exp', forge: withClaims({ exp: undefined }) },
    { title: 'an exp that is a string', forge: withClaims({ exp: '4102444800' }) },
    { title: 'an exp of half a second', forge: withTimes({ exp: 3600.5 }) },
    { title: 'an exp that is null', forge: withClaims({ exp: null }) },
    { title: 'an infinite exp', forge: withRawClaim('exp', '1e999') },
    { title: 'no iat', forge: withClaims({ iat: undefined }) },
    { title: 'an iat that is a string', forge: withClaims({ iat: '1700000000' }) },
    { title: 'an iat of half a second', forge: withTimes({ iat: -0.5 }) },
    { title: 'an infinitely old iat', forge: withRawClaim('iat', '-1e999') },
    { title: 'an nbf that is a string', forge: withClaims({ nbf: '1700000000' }) },
    { title: 'an nbf of half a second', forge: withTimes({ nbf: -0.5 }) },
    { title: 'no sub', forge: withClaims({ sub: undefined }) },
    { title: 'an empty sub', forge: withClaims({ sub: '' }) },
    { title: 'a sub that is not a string', forge: withClaims({ sub: 7 }) },
    { title: 'a sub over 255 characters', forge: withClaims({ sub: 'a'.repeat(256) }) },
  ]),
]

export const expired: Forgery = { ...expiredToken, reason: 'expired' }

export const accessForgeries: Forgery[] = [
  ...refusedAs('wrong_type', [
    { title: 'the typ of an account token', forge: withHeader({ typ: 'account+jwt' }) },
  ]),
  ...refusedAs('invalid_claim', [
    { title: 'an unsafe sub', forge: withClaims({ sub: 'store front' }) },
    { title: 'a sub as only a member has it', forge: withClaims({ sub: 'auth0|7' }) },
    { title: 'no grant_type', forge: withClaims({ grant_type: undefined }) },
    { title: 'a wrong grant_type', forge: withClaims({ grant_type: 'password' }) },
    { title: 'an array of grant_type', forge: withClaims({ grant_type: ['client_credentials'] }) },
    ...badStores,
  ]),
]

export const accountForgeries: Forgery[] = [
  expired,
  ...refusedAs('wrong_type', [
    { title: 'the typ of an access token', forge: withHeader({ typ: 'at+jwt' }) },
  ]),
  ...refusedAs('wrong_store', [
    { title: 'a wrong store_id', forge: withClaims({ store_id: 'other-store' }) },
    ...badStores,
  ]),
  ...refusedAs('invalid_claim', [
    { title: 'a sub with a control character', forge: withClaims({ sub: 'a\nb' }) },
    { title: 'a sub with a space', forge: withClaims({ sub: 'a b' }) },
    { title: 'a sub with a delete character', forge: withClaims({ sub: 'a\u007fb' }) },
    { title: 'no account_id', forge: withClaims({ account_id: undefined }) },
    { title: 'an empty account_id', forge: withClaims({ account_id: '' }) },
    { title: 'an unsafe account_id', forge: withClaims({ account_id: 'account/1' }) },
    { title: 'a list of account_id', forge: withClaims({ account_id: ['account-1'] }) },
  ]),
]
