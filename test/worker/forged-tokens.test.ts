import { beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { issuing } from './application-keys.ts'
import { accessForgeries, accountForgeries, expired, type Forgery, forgeries } from './forgeries.ts'
import { type Loot, type Mutation, mutations } from './mutations.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed, whole } from './proof.ts'
import {
  accounts,
  accountsOf,
  associate,
  protectedRoutes,
  send,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import {
  accessParts,
  accountParts,
  type Claims,
  invitationParts,
  newSigningKey,
  type Parts,
  publicHalf,
  server,
  shopper,
  sign,
  signingKey,
} from './tokens.ts'

// The two headers that carry a token, each with a good token in the other.
const grantTypes = ['client_credentials', 'implicit'] as const

type GrantType = (typeof grantTypes)[number]

interface TokenHeader {
  kind: 'access' | 'account'
  /** The status of a request whose token in this header is refused. */
  refusal: 401 | 403
  /** Makes the parts of a good token of this kind. */
  parts: (claims: Claims, alg?: string) => Parts
  /** The forgeries that this header must refuse. */
  forgeries: Forgery[]
  /** The headers of a request with this token here, and a good token in the other header. */
  carry: (token: string, grantType: GrantType) => Promise<Record<string, string>>
}

const tokenHeaders: TokenHeader[] = [
  {
    kind: 'access',
    refusal: 401,
    parts: accessParts,
    forgeries: [...forgeries, ...accessForgeries, expired],
    carry: async (token) => ({
      Authorization: `Bearer ${token}`,
      'EP-Account-Management-Authentication-Token': await sign(accountParts()),
    }),
  },
  {
    kind: 'account',
    refusal: 403,
    parts: accountParts,
    forgeries: [...forgeries, ...accountForgeries],
    carry: async (token, grantType) => ({
      ...(await server('demo', { grant_type: grantType })),
      'EP-Account-Management-Authentication-Token': token,
    }),
  },
]

beforeEach(() => {
  liftLimits()
})

describe('every forged token', () => {
  it('is refused by every route, in either header', proofTimeout, async ({ task }) => {
    const cart = uniqueId('cart')
    const cases = tokenHeaders.flatMap((header) =>
      header.forgeries.flatMap((forgery) =>
        grantTypes.map((grantType) => ({ header, forgery, grantType })),
      ),
    )
    const accepted: string[] = []
    let sent = 0

    await forEachOf(cases, { atOnce: 20 }, async ({ header, forgery, grantType }, index) => {
      const random = seededRandom(seed, index)
      const good = header.parts(header.kind === 'access' ? { grant_type: grantType } : {})
      const headers = await header.carry(await forgery.forge(good), grantType)
      // npm test runs a share; token-refusals.test.ts covers the other routes.
      const routes = whole ? protectedRoutes : [random.pick(protectedRoutes)]
      for (const route of routes) {
        const { status } = await route.send(headers, cart, 'account-1')
        sent += 1
        if (status !== header.refusal) {
          accepted.push(`${route.name}, ${header.kind} token, ${forgery.title}: ${status}`)
        }
      }
    })

    expect(accepted).toEqual([])
    expect(await rowsOf(cart)).toEqual([])
    task.meta.figures = [
      `forged tokens: ${figure(cases.length)} sent to ${protectedRoutes.length} routes in ${figure(sent)} requests, ${accepted.length} accepted`,
    ]
  })
})

const ALGORITHMS = ['ES256', 'EdDSA', 'RS256', 'HS256']

const OTHERS_CART = uniqueId('cart')

/** Good tokens of one kind: with each algorithm, two accounts and both grants. */
async function goodTokens(
  { parts }: Pick<TokenHeader, 'parts'>,
  storeId: string,
): Promise<string[]> {
  const claims = [
    { store_id: storeId, account_id: 'account-1', grant_type: 'implicit' },
    { store_id: storeId, account_id: 'account-2', grant_type: 'client_credentials' },
  ]
  const all = claims.flatMap((each) => ALGORITHMS.map((alg) => parts(each, alg)))
  return await Promise.all(all.map(sign))
}

const headers = await Promise.all(
  tokenHeaders.map(async (header) => ({
    ...header,
    good: await goodTokens(header, 'demo'),
    foreign: await goodTokens(header, 'other'),
  })),
)

const toOthers = {
  parts: (claims: Claims, alg?: string) =>
    invitationParts({ cart_id: OTHERS_CART, ...claims }, alg),
}
const invitations = {
  kind: 'invitation',
  good: await goodTokens(toOthers, 'demo'),
  foreign: await goodTokens(toOthers, 'other'),
}

const loot: Loot = {
  tokens: [...headers, invitations].flatMap(({ good, foreign }) => [...good, ...foreign]),
  publicKeys: ['ES256', 'EdDSA', 'RS256'].map((alg) => publicHalf(signingKey(alg))),
  ownKeys: [
    await newSigningKey('own'),
    { kty: 'oct', k: 'c2VjcmV0LW9mLXRoZS1mb3JnZXI', kid: 'own', alg: 'HS256' },
  ],
}

/** Returns a changed token that fits in a header, and is not just a good one in disguise. */
async function forge(
  mutation: Mutation,
  { kind, good, foreign }: { kind: string; good: string[]; foreign: string[] },
  random: Random,
): Promise<string> {
  for (;;) {
    const token = await mutation(random.pick(good), loot, random)
    // White space around a header's value is not part of it (RFC 9110, section 5.5).
    const text = token.trim()
    const isSendable = /^[\t\x20-\x7e]+$/.test(text)
    // Nor are the empty parts of the account token's header.
    const value = kind === 'account' ? text.replace(/^[\s,]+|[\s,]+$/g, '') : text
    if (isSendable && !good.includes(value) && !foreign.includes(value)) return text
  }
}

describe('a token changed at random', () => {
  it('is made from tokens that are accepted', async () => {
    for (const { good, carry } of headers) {
      for (const token of good) {
        const carried = await carry(token, 'implicit')
        expect((await send('GET', '/v2/carts', carried)).status).toBe(200)
      }
    }
  })

  it('is refused, however it was changed', proofTimeout, async ({ task }) => {
    const ways = Object.entries(mutations)
    const total = amount({ share: 1_000, whole: 23_000 })
    const cart = uniqueId('cart')
    const accepted: string[] = []

    await forEachOf(below(total), { atOnce: 20 }, async (index) => {
      const random = seededRandom(seed, index)
      const [title, mutation] = ways[index % ways.length] ?? random.pick(ways)
      const header = random.pick(headers)
      const token = await forge(mutation, header, random)
      const route = random.pick(protectedRoutes)
      const carried = await header.carry(token, random.pick(grantTypes))
      const { status } = await route.send(carried, cart, 'account-1')
      if (status !== header.refusal) {
        accepted.push(`${route.name}, ${header.kind} token, ${title}: ${status} to ${token}`)
      }
    })

    expect(accepted).toEqual([])
    expect(await rowsOf(cart)).toEqual([])
    task.meta.figures = [
      `random forgeries: ${figure(total)} tokens changed in ${ways.length} ways, ${accepted.length} accepted (seed ${seed})`,
    ]
  })
})

describe('an invitation changed at random', () => {
  const join = async (account: string, invitation: string): Promise<number> => {
    const caller = { ...(await shopper(account)), 'X-Cart-Invitation': invitation }
    const path = accountsOf(OTHERS_CART)
    const { status } = await sendJsonWith(issuing, 'POST', path, caller, accounts(account))
    return status
  }
  beforeEach(async () => {
    await associate(OTHERS_CART, await server(), 'owner')
  })

  it('is made from invitations that are accepted', async () => {
    for (const token of invitations.good) expect(await join(uniqueId('guest'), token)).toBe(200)
  })

  it('joins nobody, however it was changed', proofTimeout, async ({ task }) => {
    const ways = Object.entries(mutations)
    const total = amount({ share: 300, whole: 7_000 })
    const accepted: string[] = []

    await forEachOf(below(total), { atOnce: 20 }, async (index) => {
      const random = seededRandom(seed, index)
      const [title, mutation] = ways[index % ways.length] ?? random.pick(ways)
      const token = await forge(mutation, invitations, random)
      const status = await join('stranger', token)
      if (status !== 403) accepted.push(`${title}: ${status} to ${token}`)
    })

    expect(accepted).toEqual([])
    task.meta.figures = [
      `random forgeries: ${figure(total)} invitations changed, ${accepted.length} accepted (seed ${seed})`,
    ]
  })
})
