// Tokens that strangers may make: changed at random, and with every combination of claims.
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { issuing } from './application-keys.ts'
import { type Loot, type Mutation, mutations } from './mutations.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed, whole } from './proof.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  protectedRoutes,
  request,
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
  invitationParts,
  newSigningKey,
  now,
  type Parts,
  present,
  publicHalf,
  type SigningKey,
  server,
  shopper,
  sign,
  signingKey,
} from './tokens.ts'

beforeEach(liftLimits)

const ALGORITHMS = ['ES256', 'EdDSA', 'RS256', 'HS256']
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
  const all = claims.flatMap((each) => ALGORITHMS.map((alg) => parts(each, alg)))
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
      accept: async (token: string) => (await present(token, await sign(accountParts()))).status,
      refuse: async (token: string, random: Random) =>
        await attack(random, { ...(await shopper('account-1')), Authorization: `Bearer ${token}` }),
    },
    {
      kind: 'account token',
      total: amount({ share: 500, whole: 11_500 }),
      refusal: 403,
      parts: accountParts,
      accept: async (token: string) => (await present(await sign(accessParts()), token)).status,
      refuse: async (token: string, random: Random) => {
        const grant_type = random.pick(['client_credentials', 'implicit'])
        return await attack(random, {
          ...(await server('demo', { grant_type })),
          [ACCOUNT_TOKEN]: token,
        })
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

const loot: Loot = {
  tokens: kinds.flatMap(({ good, foreign }) => [...good, ...foreign]),
  publicKeys: ['ES256', 'EdDSA', 'RS256'].map((alg) => publicHalf(signingKey(alg))),
  ownKeys: [
    await newSigningKey('own'),
    { kty: 'oct', k: 'c2VjcmV0LW9mLXRoZS1mb3JnZXI', kid: 'own', alg: 'HS256' },
  ],
}

/** Returns a changed token that fits in a header, and is not just one of its kind in disguise. */
async function forge(
  mutation: Mutation,
  { good, foreign }: { good: string[]; foreign: string[] },
  random: Random,
): Promise<string> {
  for (;;) {
    // White space around a header's value is not part of it (RFC 9110, section 5.5).
    const token = (await mutation(random.pick(good), random, loot)).trim()
    // Nor are the empty parts of the account token's header.
    const value = token.replace(/^[\s,]+|[\s,]+$/g, '')
    if (/^[\t\x20-\x7e]+$/.test(token) && ![...good, ...foreign].includes(value)) return token
  }
}

describe.each(kinds)('an $kind changed at random', ({ kind, total, refusal, ...each }) => {
  beforeEach(async () => {
    await associate(OTHERS_CART, await server(), 'owner')
  })

  it('is made from tokens that are accepted', async () => {
    for (const token of each.good) expect(await each.accept(token)).toBe(200)
  })

  it('is refused, however it was changed', proofTimeout, async ({ task }) => {
    const ways = Object.entries(mutations)
    const accepted: string[] = []

    await forEachOf(below(total), { atOnce: 20 }, async (index) => {
      const random = seededRandom(seed, index)
      const [way, mutation] = ways[index % ways.length] ?? random.pick(ways)
      const token = await forge(mutation, each, random)
      const status = await each.refuse(token, random)
      if (status !== refusal) accepted.push(`${way}: ${status} to ${token}`)
    })

    expect(accepted).toEqual([])
    expect(await rowsOf(NOBODYS_CART)).toEqual([])
    task.meta.figures = [
      `random forgeries: ${figure(total)} of an ${kind}, ${accepted.length} accepted (seed ${seed})`,
    ]
  })
})

type Axes = Record<string, readonly unknown[]>
type Cell<Each extends Axes> = { [Name in keyof Each]: Each[Name][number] }

/** Returns every combination of one value of each axis. */
function gridOf<Each extends Axes>(axes: Each): Cell<Each>[] {
  return Object.entries(axes).reduce(
    (cells, [name, values]) =>
      cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value }))),
    [Object({})],
  )
}

async function filtered<Item>(
  items: Item[],
  isLetIn: (item: Item) => Promise<boolean>,
): Promise<Item[]> {
  const letIn = new Set<Item>()
  await forEachOf(items, { atOnce: 20 }, async (item) => {
    if (await isLetIn(item)) letIn.add(item)
  })
  return items.filter((item) => letIn.has(item))
}

const [STORE, OTHER_STORE] = [uniqueId('store'), uniqueId('store')]
const [CART, ACCOUNT] = [uniqueId('cart'), uniqueId('account')]
const ACCOUNT_ISSUER = 'https://identity.example'
const AUDIENCE = env.AUTH_AUDIENCE
const INVITATION = 'urn:cart-accounts:invitation'

const accessKey = signingKey('ES256')
const accountKey = { ...signingKey('EdDSA'), kid: 'account' }

/** One isolate. A second issuer signs its account tokens, with keys of its own. */
const worker = {
  ...env,
  AUTH_JWKS: JSON.stringify({ keys: [publicHalf(accessKey)] }),
  AUTH_SIGNING_JWK: JSON.stringify(accessKey),
  ACCOUNT_ISSUER,
  ACCOUNT_JWKS: JSON.stringify({ keys: [publicHalf(accountKey)] }),
}

/** The good values of each kind of token are among them. */
const axes = {
  aud: [
    AUDIENCE,
    'https://identity.example/accounts',
    INVITATION,
    ['https://other.example'],
    undefined,
  ],
  iss: [env.AUTH_ISSUER, ACCOUNT_ISSUER, 'https://other.example'],
  typ: ['at+jwt', 'account+jwt', 'cart-invitation+jwt', 'JWT', undefined],
  store_id: [STORE, OTHER_STORE],
  key: [accessKey, accountKey],
}

const accessCell = {
  aud: AUDIENCE,
  iss: env.AUTH_ISSUER,
  typ: 'at+jwt',
  store_id: STORE,
  key: accessKey,
}
const accountCell = { ...accessCell, iss: ACCOUNT_ISSUER, typ: 'account+jwt', key: accountKey }
const invitationCell = { ...accessCell, aud: INVITATION, typ: 'cart-invitation+jwt' }

/** Signs a token with the claims of every kind, of which these are given. */
async function mint({ typ, key, ...given }: Claims & { key: SigningKey }): Promise<string> {
  const payload = {
    ...{ sub: 'anyone', iat: now(), exp: now() + 60, grant_type: 'client_credentials' },
    ...{ account_id: ACCOUNT, cart_id: CART, claim: 'shared', jti: 'any', ...given },
  }
  return await sign({ header: { alg: key.alg, kid: key.kid, typ }, payload, key })
}

/** Whether the tokens can read the cart of the store. */
async function canRead(access: string, account = '', bindings: object = worker): Promise<boolean> {
  const headers = { Authorization: `Bearer ${access}`, [ACCOUNT_TOKEN]: account }
  return (await request(bindings, 'GET', cartOf(CART), headers, undefined)).status === 200
}

async function associateWith(headers: Record<string, string>, account: string): Promise<Response> {
  const withType = { ...headers, 'Content-Type': 'application/json' }
  const body = JSON.stringify(accounts(account))
  return await request(worker, 'POST', accountsOf(CART), withType, body)
}

describe('a grid of tokens', () => {
  beforeEach(async () => {
    const headers = { Authorization: `Bearer ${await mint(accessCell)}` }
    await associateWith(headers, ACCOUNT)
  })

  it('has one legal access token, by audience, issuer, type, store, key and grant', async ({
    task,
  }) => {
    const grid = gridOf({
      ...axes,
      grant_type: ['client_credentials', 'implicit', 'password', undefined],
    })

    const legal = await filtered(grid, async (cell) => await canRead(await mint(cell)))

    expect(legal).toEqual([{ ...accessCell, grant_type: 'client_credentials' }])
    task.meta.figures = [`access token grid: ${figure(grid.length)} cells, ${legal.length} legal`]
  })

  it('has one legal account token, by audience, issuer, type, store, key and account', async ({
    task,
  }) => {
    const grid = gridOf({ ...axes, account_id: [ACCOUNT, uniqueId('account'), undefined] })
    const access = await mint({ ...accessCell, grant_type: 'implicit' })

    const legal = await filtered(grid, async (cell) => await canRead(access, await mint(cell)))

    expect(legal).toEqual([{ ...accountCell, account_id: ACCOUNT }])
    task.meta.figures = [`account token grid: ${figure(grid.length)} cells, ${legal.length} legal`]
  })

  it('has one legal invitation, by audience, issuer, type, store, key, cart and claim', async ({
    task,
  }) => {
    const grid = gridOf({
      ...axes,
      cart_id: [CART, uniqueId('cart')],
      claim: ['shared', 'unclaimed'],
    })
    const access = await mint({ ...accessCell, grant_type: 'implicit' })

    const legal = await filtered(grid, async (cell) => {
      const account_id = uniqueId('account')
      const headers = {
        Authorization: `Bearer ${access}`,
        [ACCOUNT_TOKEN]: await mint({ ...accountCell, account_id }),
        'X-Cart-Invitation': await mint(cell),
      }
      return (await associateWith(headers, account_id)).status !== 403
    })

    expect(legal).toEqual([{ ...invitationCell, cart_id: CART, claim: 'shared' }])
    task.meta.figures = [`invitation grid: ${figure(grid.length)} cells, ${legal.length} legal`]
  })

  /** How each rule of ACCOUNT_TOKENS can be kept, first, or broken. */
  const rules = {
    typ: [undefined, 'at+jwt', 'account+jwt', 'JWT'],
    iss: [ACCOUNT_ISSUER, env.AUTH_ISSUER, 'https://other.example'],
    client_id: [AUDIENCE, 'https://other.example', [AUDIENCE], undefined],
    key: [accountKey, accessKey],
    sub: ['member', 'machine', 'x@clients'],
    mark: [undefined, 'nonce', 'at_hash', 'c_hash'],
    level: [2, '2', undefined],
    account: [ACCOUNT, uniqueId('account'), 'a/b', undefined],
    store: [STORE, OTHER_STORE, undefined],
  }
  const [kept] = gridOf(rules)
  const brokenIn = (cell: object): number =>
    Object.entries(rules).filter(([name, [value]]) => Reflect.get(cell, name) !== value).length

  it.for([
    { typ: 'JWT', legal: [kept, { ...kept, typ: 'JWT' }] },
    // Its header rules out an ID token, whatever marks it has.
    { typ: 'at+jwt', legal: rules.mark.map((mark) => ({ ...kept, typ: 'at+jwt', mark })) },
  ])(
    'has the $typ of a provider that keep every rule, never for an access token',
    async (row, { task }) => {
      const ACCOUNT_TOKENS = {
        ...{ typ: row.typ, audience: AUDIENCE, audience_claim: 'client_id', require: { level: 2 } },
        ...{ account_claim: ['app', 'account'], store_claim: ['app', 'store'] },
      }
      const provided = { ...worker, ACCOUNT_TOKENS }
      const grid = gridOf(rules).filter((cell) => brokenIn(cell) <= (whole ? 4 : 2))
      const access = await mint({ ...accessCell, grant_type: 'implicit' })
      let confused = 0

      const legal = await filtered(grid, async ({ account, store, mark, ...claims }) => {
        const app = { account, store }
        const marks = mark === undefined ? {} : { [mark]: 'x' }
        const token = await mint({ ...claims, ...marks, app, azp: 'machine', store_id: STORE })
        const isLegal = await canRead(access, token, provided)
        if ((await present(token, token, provided)).status !== 401) confused += 1
        return isLegal
      })

      expect(legal).toEqual(row.legal)
      expect(confused).toBe(0)
      task.meta.figures = [
        `provider grid, ${row.typ}: ${figure(grid.length)} cells, ${legal.length} legal, 0 taken for an access token`,
      ]
    },
  )
})
