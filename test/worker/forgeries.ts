// Tokens that must be refused, each made from a good token by one change.
import { env } from 'cloudflare:workers'
import { base64url } from 'jose'
import type { TokenRefusal } from '../../src/tokens/refusal.ts'
import {
  type Claims,
  encode,
  fromNow,
  newKeyOf,
  newSigningKey,
  type Parts,
  publicHalf,
  sign,
  signingKey,
  signOfSize,
  signText,
  withClaims,
  withHeader,
} from './tokens.ts'

/** Makes the bad token from the parts of a good one. */
type Forge = (good: Parts) => string | Promise<string>

export interface Forgery {
  title: string
  reason: string
  forge: Forge
}

/** Lists forgeries that are written by the reason for their refusal, and by title. */
function listed(byReason: { [Reason in TokenRefusal]?: Record<string, Forge> }): Forgery[] {
  return Object.entries(byReason).flatMap(([reason, forges]) =>
    Object.entries(forges).map(([title, forge]) => ({ title, reason, forge })),
  )
}

const DAY = 24 * 60 * 60
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function header(changes: Claims): Forge {
  return (good) => sign(withHeader(good, changes))
}

function claims(changes: Claims): Forge {
  return (good) => sign(withClaims(good, changes))
}

/** Sets times in seconds from the moment of the test, not from the moment this file was loaded. */
function times(changes: Record<string, number>): Forge {
  return (good) => sign(withClaims(good, fromNow(changes)))
}

/** Sets a claim to a value that JSON.stringify cannot write. */
function rawClaim(name: string, json: string): Forge {
  return (good) => {
    const payload = JSON.stringify({ ...Object(good.payload), [name]: '@' })
    return sign({ ...good, payload: payload.replace('"@"', json) })
  }
}

/** Changes the text of the signed token. */
function text(change: (token: string) => string): Forge {
  return async (good) => change(await sign(good))
}

/** Changes the parts of the signed token, and leaves its signature. */
function unsigned(change: (good: Parts) => Parts): Forge {
  return async (good) => {
    const [, , signature] = (await sign(good)).split('.')
    const { header, payload } = change(good)
    return `${encode(header)}.${encode(payload)}.${signature}`
  }
}

/** Sets unused bits of the last character: the bytes stay, the spelling changes. */
function respell(encoded: string): string {
  const last = BASE64URL.indexOf(encoded.slice(-1))
  return encoded.slice(0, -1) + BASE64URL.charAt(last + 1)
}

/** Encodes the part with unused bits set in its last character, which white space makes room for. */
function respellPart(part: Parts['header'] | Parts['payload']): string {
  const json = JSON.stringify(part)
  return respell(encode(json.length % 3 === 0 ? `${json} ` : json))
}

const badStores = {
  'no store_id': claims({ store_id: undefined }),
  'an empty store_id': claims({ store_id: '' }),
  'an unsafe store_id': claims({ store_id: 'demo/../other' }),
  'a store_id that is not a string': claims({ store_id: ['demo'] }),
}

/** Forgeries that either header refuses, with the reason. */
export const forgeries = listed({
  too_long: { 'a byte over 8 KiB': (good) => signOfSize(good, 8_193) },
  malformed: {
    'a word': () => 'secret',
    'an opaque token': () => 'b3f2b6de8fd44cdfa9d9c5f7cecccdfe',
    'two parts': text((token) => token.replace(/\.[^.]*$/, '')),
    'four parts': text((token) => `${token}.AAAA`),
    'five parts, as a JWE has': text((token) => `${token}.AAAA.AAAA`),
    'an empty header': text((token) => token.replace(/^[^.]*/, '')),
    padding: text((token) => `${token}==`),
    'a signature with its unused bits set': text(respell),
    'a header with its unused bits set, and signed so': (good) =>
      signText(`${respellPart(good.header)}.${encode(good.payload)}`, good.key),
    'a payload with its unused bits set, and signed so': (good) =>
      signText(`${encode(good.header)}.${respellPart(good.payload)}`, good.key),
    'the alphabet of plain base64': (good) => {
      const payload = btoa(JSON.stringify({ ...Object(good.payload), note: '???>>>' }))
      return signText(`${encode(good.header)}.${payload.replace(/=+$/, '')}`, good.key)
    },
    'white space inside': text((token) => token.replace('.', '. ')),
    'itself twice, joined by a comma': async (good) => `${await sign(good)}, ${await sign(good)}`,
    'a header that is not JSON': (good) => sign({ ...good, header: '{alg:ES256}' }),
    'a header that is an array': (good) => sign({ ...good, header: '["ES256"]' }),
    'no algorithm': header({ alg: undefined }),
    'an empty list of critical extensions': header({ crit: [] }),
    'a payload that is not JSON': (good) => sign({ ...good, payload: 'sub=a' }),
    'a payload that is an array': (good) => sign({ ...good, payload: [good.payload] }),
    'a payload that is null': (good) => sign({ ...good, payload: 'null' }),
    'a payload that is not UTF-8': (good) => {
      const payload = base64url.encode(new Uint8Array([0x7b, 0xff, 0x7d]))
      return signText(`${encode(good.header)}.${payload}`, good.key)
    },
  },
  critical_header: {
    'a critical extension': header({ crit: ['exp'], exp: 1 }),
    'the critical extension b64': header({ crit: ['b64'], b64: true }),
  },
  unnamed_key: { 'no kid, and the set has several keys': header({ kid: undefined }) },
  unknown_key: {
    'an unknown kid': header({ kid: 'unknown' }),
    'an empty kid': header({ kid: '' }),
    'a kid that is not a string': header({ kid: 1 }),
  },
  wrong_algorithm: {
    'the algorithm none and no signature': async (good) =>
      (await sign(withHeader(good, { alg: 'none' }))).replace(/[^.]*$/, ''),
    'the algorithm none and a signature': header({ alg: 'none' }),
    'the algorithm in lower case': header({ alg: 'es256' }),
    'an algorithm that is not accepted': header({ alg: 'ES384' }),
    'the algorithm of another key of the set': header({ alg: 'RS256' }),
    'HS256 with the public key as its secret': (good) => {
      const { kid } = signingKey('ES256')
      const k = base64url.encode(env.AUTH_JWKS ?? '')
      return sign({
        ...withHeader(good, { alg: 'HS256' }),
        key: { kty: 'oct', k, kid, alg: 'HS256' },
      })
    },
    'the kid of another key': header({ kid: 'test-RS256' }),
  },
  wrong_signature: {
    'an empty payload': text((token) => token.replace(/\.[^.]*\./, '..')),
    'an empty signature': text((token) => token.replace(/[^.]*$/, '')),
    'a signature of zeros': text((token) => token.replace(/[^.]*$/, 'A'.repeat(86))),
    'a signature cut short': text((token) => token.replace(/[^.]{46}$/, '')),
    'the kid and algorithm of another key': header({ kid: 'test-HS256', alg: 'HS256' }),
    'the signature of a stranger under a known kid': async (good) =>
      sign({ ...good, key: await newSigningKey('test-ES256') }),
    'the signature of a stranger whose key is in the header': async (good) => {
      const key = await newSigningKey('test-ES256')
      return sign({ ...withHeader(good, { jwk: publicHalf(key) }), key })
    },
    'the secret of a stranger under a known kid': async (good) => {
      const key = await newKeyOf('HS256')
      return sign({ ...withHeader(good, { alg: 'HS256', kid: 'test-HS256' }), key })
    },
    'another payload under the signature': unsigned((good) => withClaims(good, { admin: true })),
    'another header over the signature': unsigned((good) => withHeader(good, { x: 1 })),
    'an exp in the past under the signature': unsigned((good) => withClaims(good, { exp: 1 })),
  },
  wrong_type: {
    'no typ': header({ typ: undefined }),
    'the typ JWT': header({ typ: 'JWT' }),
    'a typ that is not a string': header({ typ: ['at+jwt', 'account+jwt'] }),
  },
  wrong_issuer: {
    'no iss': claims({ iss: undefined }),
    'a wrong iss': claims({ iss: 'https://evil.example' }),
    'an iss with a slash more': claims({ iss: `${env.AUTH_ISSUER}/` }),
    'an array of iss': claims({ iss: [env.AUTH_ISSUER] }),
  },
  wrong_audience: {
    'no aud': claims({ aud: undefined }),
    'a wrong aud': claims({ aud: 'https://other.example' }),
    'an array of wrong aud': claims({ aud: ['https://other.example'] }),
    'an empty array of aud': claims({ aud: [] }),
  },
  not_yet_valid: { 'an nbf in the future': times({ nbf: 10 }) },
  issued_in_future: { 'an iat in the future': times({ iat: 10 }) },
  lives_too_long: { 'a life of over 30 days': times({ exp: 30 * DAY + 1 }) },
  invalid_claim: {
    'no exp': claims({ exp: undefined }),
    'an exp that is a string': claims({ exp: '4102444800' }),
    'an exp of half a second': times({ exp: 3600.5 }),
    'an exp that is null': claims({ exp: null }),
    'an infinite exp': rawClaim('exp', '1e999'),
    'no iat': claims({ iat: undefined }),
    'an iat that is a string': claims({ iat: '1700000000' }),
    'an iat of half a second': times({ iat: -0.5 }),
    'an infinitely old iat': rawClaim('iat', '-1e999'),
    'an nbf that is a string': claims({ nbf: '1700000000' }),
    'an nbf of half a second': times({ nbf: -0.5 }),
    'no sub': claims({ sub: undefined }),
    'an empty sub': claims({ sub: '' }),
    'a sub that is not a string': claims({ sub: 7 }),
    'a sub over 255 characters': claims({ sub: 'a'.repeat(256) }),
  },
})

export const expired: Forgery = {
  title: 'an exp in the past',
  reason: 'expired',
  forge: times({ iat: -7200, exp: -6 }),
}

export const accessForgeries = [
  expired,
  ...listed({
    wrong_type: { 'the typ of an account token': header({ typ: 'account+jwt' }) },
    invalid_claim: {
      'an unsafe sub': claims({ sub: 'store front' }),
      'a sub as only a member has it': claims({ sub: 'auth0|7' }),
      'no grant_type': claims({ grant_type: undefined }),
      'a wrong grant_type': claims({ grant_type: 'password' }),
      'an array of grant_type': claims({ grant_type: ['client_credentials'] }),
      ...badStores,
    },
  }),
]

export const accountForgeries = [
  expired,
  ...listed({
    wrong_type: { 'the typ of an access token': header({ typ: 'at+jwt' }) },
    wrong_store: { 'a wrong store_id': claims({ store_id: 'other-store' }), ...badStores },
    invalid_claim: {
      'a sub with a control character': claims({ sub: 'a\nb' }),
      'a sub with a space': claims({ sub: 'a b' }),
      'a sub with a delete character': claims({ sub: 'a\u007fb' }),
      'no account_id': claims({ account_id: undefined }),
      'an empty account_id': claims({ account_id: '' }),
      'an unsafe account_id': claims({ account_id: 'account/1' }),
      'a list of account_id': claims({ account_id: ['account-1'] }),
    },
  }),
]
