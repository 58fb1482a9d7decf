// Random forgeries: what someone without the signing keys can make of good tokens.
import { base64url } from 'jose'
import type { Random } from '../lib/random.ts'
import { type Claims, encode, publicHalf, type SigningKey, signText } from './tokens.ts'

/** What a forger has. */
export interface Loot {
  /** Good tokens of all kinds, with several accounts, stores and algorithms. */
  tokens: string[]
  /** The public keys of the set, which anyone may read. */
  publicKeys: SigningKey[]
  /** Keys that the forger has made. */
  ownKeys: SigningKey[]
}

/** Changes a good token, or happens to leave it as it was. */
export type Mutation = (good: string, loot: Loot, random: Random) => string | Promise<string>

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const ALGORITHMS = ['none', 'NONE', 'ES256', 'EdDSA', 'RS256', 'HS256', 'HS512', 'PS256', 'ES384']

const joined = (parts: readonly string[]): string => parts.join('.')

/** Splits a good token into its three parts. */
function partsOf(token: string): [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

const jsonOf = (part: string): Claims =>
  JSON.parse(new TextDecoder().decode(base64url.decode(part)))

/** Changes one part of the token. */
function changePart(
  token: string,
  random: Random,
  change: (part: string, index: number) => string,
): string {
  const chosen = random.below(3)
  return joined(
    partsOf(token).map((part, index) => (index === chosen ? change(part, index) : part)),
  )
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = new Uint8Array(bytes)
  const position = random.below(flipped.length)
  flipped[position] = (flipped[position] ?? 0) ^ (1 << random.below(8))
  return flipped
}

function rotate(bytes: Uint8Array, by: number): Uint8Array {
  return new Uint8Array([...bytes.slice(by), ...bytes.slice(0, by)])
}

const letters = (random: Random): string =>
  Array.from({ length: 1 + random.below(8) }, () => random.pick([...CHARACTERS])).join('')

/** Adds white space, which JSON allows, or reorders the members. */
function respellJson(part: string, random: Random): string {
  const json = jsonOf(part)
  return random.pick([
    () => encode(JSON.stringify(json, null, 1 + random.below(4))),
    () => encode(` ${JSON.stringify(json)}`),
    () => encode(Object.fromEntries(random.shuffle(Object.entries(json)))),
    () => encode(JSON.stringify(json).replace(/[a-z]/, (letter) => `\\u00${hex(letter)}`)),
  ])()
}

const hex = (letter: string): string => letter.charCodeAt(0).toString(16)

function claim(random: Random): Claims {
  return random.pick([
    { store_id: random.pick(['other', 'demo', '*', '']) },
    { account_id: random.pick(['account-2', 'account-1 ', '%', 'account_1']) },
    { grant_type: random.pick(['client_credentials', 'implicit']), scope: 'admin' },
    { exp: 4_102_444_800 - random.below(1_000) },
    { sub: random.pick(['admin', 'root']), aud: '*' },
  ])
}

/** The secrets that a verifier might take a public key for. */
function spellingsOf(key: SigningKey): string[] {
  const { kty, crv, x, y, n, e } = key
  const bare = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }))
  return [
    base64url.encode(JSON.stringify(key)),
    base64url.encode(JSON.stringify({ keys: [key] })),
    base64url.encode(JSON.stringify(bare)),
    ...[x, y, n, e, `${x}${y}`].flatMap((each = '') => [each, base64url.encode(each)]),
    base64url.encode(key.kid),
  ].filter((secret) => secret.length > 3)
}

async function signByPublicKey(good: string, { publicKeys }: Loot, random: Random) {
  const [header, payload] = partsOf(good)
  const key = random.pick(publicKeys)
  const secret = { kty: 'oct', alg: 'HS256', kid: key.kid, k: random.pick(spellingsOf(key)) }
  const kid = random.pick([key.kid, 'test-HS256'])
  return await signText(`${encode({ ...jsonOf(header), alg: 'HS256', kid })}.${payload}`, secret)
}

async function signByOwnKey(good: string, { publicKeys, ownKeys }: Loot, random: Random) {
  const [header, payload] = partsOf(good)
  const key = random.pick(ownKeys)
  const kid = random.pick([...publicKeys.map((each) => each.kid), 'test-HS256', key.kid])
  const pointers = random.pick([
    {},
    { jwk: publicHalf(key) },
    { jku: 'https://evil.example/keys' },
    { x5u: 'https://evil.example/certificate' },
    { x5c: [key.x ?? ''] },
  ])
  const changed = encode({ ...jsonOf(header), ...pointers, alg: key.alg, kid })
  return await signText(`${changed}.${encode({ ...jsonOf(payload), ...claim(random) })}`, key)
}

/** All mutations, named after what they do, for the figures. */
export const mutations: Record<string, Mutation> = {
  'a bit of a character flipped': (good, _, random) =>
    new TextDecoder('ascii').decode(flipBit(new TextEncoder().encode(good), random)),
  'a bit of a part flipped': (good, _, random) =>
    changePart(good, random, (part) => base64url.encode(flipBit(base64url.decode(part), random))),
  'parts of several tokens': (_, { tokens }, random) =>
    joined([0, 1, 2].map((index) => partsOf(random.pick(tokens))[index] ?? '')),
  'one part of another token': (good, { tokens }, random) =>
    changePart(good, random, (_, index) => partsOf(random.pick(tokens))[index] ?? ''),
  'parts in another order': (good, _, random) => joined(random.shuffle(partsOf(good))),
  'parts left out or twice': (good, _, random) =>
    joined(partsOf(good).flatMap((part) => random.pick([[], [part], [''], [part, part]]))),
  truncated: (good, _, random) => {
    const length = random.below(good.length)
    return random.pick([good.slice(0, length), good.slice(good.length - length)])
  },
  extended: (good, _, random) => {
    const at = random.below(good.length + 1)
    return good.slice(0, at) + random.pick([letters(random), '.', '=', ' ', ',']) + good.slice(at)
  },
  'a piece left out': (good, _, random) => {
    const at = random.below(good.length)
    return good.slice(0, at) + good.slice(at + 1 + random.below(8))
  },
  'another character': (good, _, random) => {
    const at = random.below(good.length)
    return good.slice(0, at) + random.pick([...CHARACTERS, '.']) + good.slice(at + 1)
  },
  padded: (good, _, random) =>
    changePart(good, random, (part) => part + '='.repeat(1 + random.below(3))),
  'plain base64': (good, _, random) =>
    changePart(good, random, (part) => btoa(atob(part.replace(/-/g, '+').replace(/_/g, '/')))),
  'encoded twice': (good, _, random) => changePart(good, random, encode),
  'another case': (good, _, random) =>
    changePart(good, random, (part) => random.pick([part.toUpperCase(), part.toLowerCase()])),
  'encoded for an address': (good, _, random) =>
    random.pick([
      good.replace(/\./g, '%2E'),
      good.replace('e', '%65'),
      encodeURIComponent(` ${good}`),
    ]),
  'two tokens in one header': (good, { tokens }, random) => {
    // The same token twice counts once in the account token's header, so the second is another one.
    const others = tokens.filter((token) => token !== good)
    return good + random.pick([',', ', ', ' ', ';', '.', '']) + random.pick(others)
  },
  'JSON spelt otherwise': (good, _, random) => {
    const [header, payload, signature] = partsOf(good)
    const respelt = respellJson(payload, random)
    const either = random.pick([header, respellJson(header, random)])
    return joined([either, random.pick([payload, respelt]), signature])
  },
  'another algorithm': (good, _, random) => {
    const [header, payload, signature] = partsOf(good)
    const changed = encode({ ...jsonOf(header), alg: random.pick(ALGORITHMS) })
    return joined([changed, payload, random.pick([signature, ''])])
  },
  'another key named': (good, { publicKeys }, random) => {
    const [header, payload, signature] = partsOf(good)
    const { kid, alg } = random.pick(publicKeys)
    const changed = random.pick([{ kid }, { kid, alg }, { kid: null }, { kid: letters(random) }])
    return joined([encode({ ...jsonOf(header), ...changed }), payload, signature])
  },
  'other claims': (good, _, random) => {
    const [header, payload, signature] = partsOf(good)
    return joined([header, encode({ ...jsonOf(payload), ...claim(random) }), signature])
  },
  'another signature': (good, _, random) => {
    const [header, payload, signature] = partsOf(good)
    const bytes = base64url.decode(signature)
    const changed = random.pick([
      () => rotate(bytes, 1 + random.below(bytes.length - 1)),
      () => bytes.toReversed(),
      () => bytes.map((byte, index) => (index < bytes.length / 2 ? 0 : byte)),
      () => bytes.map((byte, index) => (index < bytes.length / 2 ? byte : 0)),
      () => bytes.map(() => random.below(256)),
      () => new Uint8Array(bytes.length).fill(random.pick([0, 1, 255])),
    ])()
    return joined([header, payload, base64url.encode(changed)])
  },
  'a public key as the secret': signByPublicKey,
  'a key of the forger': signByOwnKey,
}
