// Tokens changed at random: what somebody without the signing keys can make of good ones.
import { base64url } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { issuing } from './application-keys.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import {
  accounts,
  accountsOf,
  associate,
  protectedRoutes,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  accessParts,
  accountParts,
  type Claims,
  encode,
  invitationParts,
  newSigningKey,
  type Parts,
  present,
  publicHalf,
  type SigningKey,
  server,
  shopper,
  sign,
  signingKey,
  signText,
} from './tokens.ts'

const [NOBODYS_CART, OTHERS_CART] = [uniqueId('cart'), uniqueId('cart')]

/** Good tokens of one kind: with each algorithm, two accounts and both grants. */
async function tokensOf(
  storeId: string,
  parts: (claims: Claims, alg: string) => Parts,
): Promise<string[]> {
  const claims = [
    { store_id: storeId, account_id: 'account-1', grant_type: 'implicit' },
    { store_id: storeId, account_id: 'account-2', grant_type: 'client_credentials' },
  ]
  const all = claims.flatMap((each) =>
    ['ES256', 'EdDSA', 'RS256', 'HS256'].map((alg) => parts(each, alg)),
  )
  return await Promise.all(all.map(sign))
}

/** Sends these tokens, one of which is forged, to any route. */
async function attack(random: Random, headers: Record<string, string>): Promise<number> {
  const route = random.pick(protectedRoutes)
  return (await route.send(headers, NOBODYS_CART, 'account-1')).status
}

async function join(account: string, invitation: string): Promise<number> {
  const headers = { ...(await shopper(account)), 'X-Cart-Invitation': invitation }
  const path = accountsOf(OTHERS_CART)
  return (await sendJsonWith(issuing, 'POST', path, headers, accounts(account))).status
}

const kinds = await Promise.all(
  [
    {
      kind: 'access token',
      total: amount({ share: 500, whole: 11_500 }),
      refusal: 401,
      parts: accessParts,
      accept: async (token: string) => (await present(token, accountParts())).status,
      refuse: async (token: string, random: Random) =>
        await attack(random, { ...(await shopper('account-1')), Authorization: `Bearer ${token}` }),
    },
    {
      kind: 'account token',
      total: amount({ share: 500, whole: 11_500 }),
      refusal: 403,
      parts: accountParts,
      accept: async (token: string) => (await present(accessParts(), token)).status,
      refuse: async (token: string, random: Random) => {
        const grant_type = random.pick(['client_credentials', 'implicit'])
        const access = await server('demo', { grant_type })
        return await attack(random, { ...access, [ACCOUNT_TOKEN]: token })
      },
    },
    {
      kind: 'invitation',
      total: amount({ share: 300, whole: 7_000 }),
      refusal: 403,
      parts: (claims: Claims, alg: string) =>
        invitationParts({ cart_id: OTHERS_CART, ...claims }, alg),
      accept: async (token: string) => await join(uniqueId('guest'), token),
      refuse: async (token: string) => await join('stranger', token),
    },
  ].map(async (each) => ({
    ...each,
    good: await tokensOf('demo', each.parts),
    foreign: await tokensOf('other', each.parts),
  })),
)

// What a forger has: good tokens of all kinds, the public keys of the set, and keys of their own.
const tokens = kinds.flatMap(({ good, foreign }) => [...good, ...foreign])
const publicKeys = ['ES256', 'EdDSA', 'RS256'].map((alg) => publicHalf(signingKey(alg)))
const ownKeys = [
  await newSigningKey('own'),
  { kty: 'oct', k: 'c2VjcmV0LW9mLXRoZS1mb3JnZXI', kid: 'own', alg: 'HS256' },
]

/** Changes a good token, or happens to leave it as it was. */
type Mutation = (good: string, random: Random) => string | Promise<string>

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
function inHeader(change: (random: Random) => Claims): Mutation {
  return (good, random) => {
    const [header, payload, signature] = partsOf(good)
    const changed = encode({ ...jsonOf(header), ...change(random) })
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
  base64url.encode(Uint8Array.from({ length: 1 + random.below(6) }, () => random.below(256)))

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

/** What somebody without the signing keys can make of good tokens. */
const mutations: Record<string, Mutation> = {
  'a bit of a character flipped': (good, random) =>
    new TextDecoder('ascii').decode(flipBit(new TextEncoder().encode(good), random)),
  'a bit of a part flipped': onePart((part, random) =>
    base64url.encode(flipBit(base64url.decode(part), random)),
  ),
  'parts of several tokens': (good, random) =>
    [0, 1, 2].map((index) => partsOf(random.pick([good, random.pick(tokens)]))[index]).join('.'),
  'parts in another order or number': (good, random) => {
    const parts = partsOf(good).flatMap((part) => random.pick([[], [part], [''], [part, part]]))
    return random.shuffle(parts).join('.')
  },
  'a piece left out, added or replaced': (good, random) => {
    const at = random.below(good.length + 1)
    const end = at + random.pick([0, random.below(9), random.below(good.length)])
    const added = random.pick(['', letters(random), '.', '=', ' ', ',', '%2E'])
    return good.slice(0, at) + added + good.slice(end)
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
  'two tokens in one header': (good, random) => {
    // The same token twice counts once in the account token's header, so the second is another one.
    const others = tokens.filter((token) => token !== good)
    return good + random.pick([',', ', ', ' ', ';', '.', '']) + random.pick(others)
  },
  'another algorithm': inHeader((random) => ({ alg: random.pick(ALGORITHMS) })),
  'another key named': inHeader((random) => {
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
    const changed = random.pick([
      bytes.toReversed(),
      bytes.map((byte, index) => (index < half ? 0 : byte)),
      bytes.map((byte, index) => (index < half ? byte : 0)),
      bytes.map(() => random.below(256)),
      new Uint8Array(bytes.length).fill(random.pick([0, 1, 255])),
    ])
    return [header, payload, base64url.encode(changed)].join('.')
  },
  'a public key as the secret': async (good, random) => {
    const [header, payload] = partsOf(good)
    const key = random.pick(publicKeys)
    const secret = { kty: 'oct', alg: 'HS256', kid: key.kid, k: random.pick(spellingsOf(key)) }
    const kid = random.pick([key.kid, 'test-HS256'])
    return await signText(`${encode({ ...jsonOf(header), alg: 'HS256', kid })}.${payload}`, secret)
  },
  'a key of the forger': async (good, random) => {
    const [header, payload] = partsOf(good)
    const key = random.pick(ownKeys)
    const kid = random.pick([...publicKeys, ...ownKeys, { kid: 'test-HS256' }]).kid
    const pointers = random.pick([
      {},
      { jwk: publicHalf(key) },
      { jku: 'https://evil.example/keys' },
      { x5u: 'https://evil.example/certificate' },
      { x5c: [key.x ?? ''] },
    ])
    const changed = encode({ ...jsonOf(header), ...pointers, alg: key.alg, kid })
    return await signText(`${changed}.${encode({ ...jsonOf(payload), ...claim(random) })}`, key)
  },
}

describe.each(kinds)('an $kind changed at random', ({ kind, good, foreign, ...each }) => {
  /** Whether the token fits in a header, and is not just one of its kind in disguise. */
  const isForged = (token: string): boolean => {
    // The empty parts of the account token's header are no part of its value.
    const value = kind === 'account token' ? token.replace(/^[\s,]+|[\s,]+$/g, '') : token
    return /^[\t\x20-\x7e]+$/.test(token) && ![...good, ...foreign].includes(value)
  }

  const forge = async (mutation: Mutation, random: Random): Promise<string> => {
    for (;;) {
      // Neither is white space around a value (RFC 9110, section 5.5).
      const token = (await mutation(random.pick(good), random)).trim()
      if (isForged(token)) return token
    }
  }

  beforeEach(async () => {
    liftLimits()
    await associate(OTHERS_CART, await server(), 'owner')
  })

  it('is made from tokens that are accepted', async () => {
    for (const token of good) expect(await each.accept(token)).toBe(200)
  })

  it('is refused, however it was changed', proofTimeout, async ({ task }) => {
    const ways = Object.entries(mutations)
    const accepted: string[] = []

    await forEachOf(below(each.total), { atOnce: 20 }, async (index) => {
      const random = seededRandom(seed, index)
      const [way, mutation] = ways[index % ways.length] ?? random.pick(ways)
      const token = await forge(mutation, random)
      const status = await each.refuse(token, random)
      if (status !== each.refusal) accepted.push(`${way}: ${status} to ${token}`)
    })

    expect(accepted).toEqual([])
    expect(await rowsOf(NOBODYS_CART)).toEqual([])
    task.meta.figures = [
      `random forgeries: ${figure(each.total)} of an ${kind}, 0 accepted (seed ${seed})`,
    ]
  })
})
