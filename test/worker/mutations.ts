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
export type Mutation = (good: string, random: Random, loot: Loot) => string | Promise<string>

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const ALGORITHMS = ['none', 'NONE', 'ES256', 'EdDSA', 'RS256', 'HS256', 'HS512', 'PS256', 'ES384']

const jsonOf = (part: string): Claims =>
  JSON.parse(new TextDecoder().decode(base64url.decode(part)))

/** Splits a good token into its three parts. */
function partsOf(token: string): [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return [header, payload, signature]
}

/** Changes one part of the token. */
function onePart(change: (part: string, random: Random) => string): Mutation {
  return (good, random) => {
    const chosen = random.below(3)
    const parts = partsOf(good)
    return parts.map((part, index) => (index === chosen ? change(part, random) : part)).join('.')
  }
}

/** Sets members of the header, and leaves the signature or drops it. */
function inHeader(change: (random: Random, loot: Loot) => Claims): Mutation {
  return (good, random, loot) => {
    const [header, payload, signature] = partsOf(good)
    const changed = encode({ ...jsonOf(header), ...change(random, loot) })
    return [changed, payload, random.pick([signature, ''])].join('.')
  }
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = new Uint8Array(bytes)
  const position = random.below(flipped.length)
  flipped[position] = (flipped[position] ?? 0) ^ (1 << random.below(8))
  return flipped
}

const letters = (random: Random): string =>
  Array.from({ length: 1 + random.below(8) }, () => random.pick([...CHARACTERS])).join('')

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
  return [
    ...[key, { keys: [key] }, { kty, crv, x, y, n, e }].map((each) => encode(Object(each))),
    ...[x, y, n, e, `${x}${y}`].flatMap((each = '') => [each, encode(each)]),
    encode(key.kid),
  ].filter((secret) => secret.length > 3)
}

async function signByPublicKey(good: string, random: Random, { publicKeys }: Loot) {
  const [header, payload] = partsOf(good)
  const key = random.pick(publicKeys)
  const secret = { kty: 'oct', alg: 'HS256', kid: key.kid, k: random.pick(spellingsOf(key)) }
  const kid = random.pick([key.kid, 'test-HS256'])
  return await signText(`${encode({ ...jsonOf(header), alg: 'HS256', kid })}.${payload}`, secret)
}

async function signByOwnKey(good: string, random: Random, { publicKeys, ownKeys }: Loot) {
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

/** All mutations, by what they do. */
export const mutations: Record<string, Mutation> = {
  'a bit of a character flipped': (good, random) =>
    new TextDecoder('ascii').decode(flipBit(new TextEncoder().encode(good), random)),
  'a bit of a part flipped': onePart((part, random) =>
    base64url.encode(flipBit(base64url.decode(part), random)),
  ),
  'parts of several tokens': (_, random, { tokens }) =>
    [0, 1, 2].map((index) => partsOf(random.pick(tokens))[index]).join('.'),
  'parts in another order': (good, random) => random.shuffle(partsOf(good)).join('.'),
  'parts left out or twice': (good, random) =>
    partsOf(good)
      .flatMap((part) => random.pick([[], [part], [''], [part, part]]))
      .join('.'),
  truncated: (good, random) => {
    const length = random.below(good.length)
    return random.pick([good.slice(0, length), good.slice(good.length - length)])
  },
  'a piece left out, added or replaced': (good, random) => {
    const at = random.below(good.length + 1)
    const added = random.pick(['', letters(random), '.', '=', ' ', ','])
    return good.slice(0, at) + added + good.slice(at + random.below(9))
  },
  'a part in another spelling': onePart((part, random) =>
    random.pick([
      part + '='.repeat(1 + random.below(3)),
      btoa(atob(part.replace(/-/g, '+').replace(/_/g, '/'))),
      encode(part),
      part.toUpperCase(),
      part.toLowerCase(),
    ]),
  ),
  'encoded for an address': (good, random) =>
    random.pick([
      good.replace(/\./g, '%2E'),
      good.replace('e', '%65'),
      encodeURIComponent(` ${good}`),
    ]),
  'two tokens in one header': (good, random, { tokens }) => {
    // The same token twice counts once in the account token's header, so the second is another one.
    const others = tokens.filter((token) => token !== good)
    return good + random.pick([',', ', ', ' ', ';', '.', '']) + random.pick(others)
  },
  'another algorithm': inHeader((random) => ({ alg: random.pick(ALGORITHMS) })),
  'another key named': inHeader((random, { publicKeys }) => {
    const { kid, alg } = random.pick(publicKeys)
    return random.pick([{ kid }, { kid, alg }, { kid: null }, { kid: letters(random) }])
  }),
  'other claims': (good, random) => {
    const [header, payload, signature] = partsOf(good)
    return [header, encode({ ...jsonOf(payload), ...claim(random) }), signature].join('.')
  },
  'another signature': (good, random) => {
    const [header, payload, signature] = partsOf(good)
    const bytes = base64url.decode(signature)
    const half = bytes.length / 2
    const shift = 1 + random.below(bytes.length - 1)
    const changed = random.pick([
      new Uint8Array([...bytes.slice(shift), ...bytes.slice(0, shift)]),
      bytes.toReversed(),
      bytes.map((byte, index) => (index < half ? 0 : byte)),
      bytes.map((byte, index) => (index < half ? byte : 0)),
      bytes.map(() => random.below(256)),
      new Uint8Array(bytes.length).fill(random.pick([0, 1, 255])),
    ])
    return [header, payload, base64url.encode(changed)].join('.')
  },
  'a public key as the secret': signByPublicKey,
  'a key of the forger': signByOwnKey,
}
