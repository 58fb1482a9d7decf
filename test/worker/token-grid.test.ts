// Tokens with every combination of claims: one cell of each grid is legal.
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { figure, forEachOf, whole } from './proof.ts'
import { accounts, accountsOf, cartOf, request, uniqueId } from './requests.ts'
import { liftLimits } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  type Claims,
  now,
  present,
  publicHalf,
  type SigningKey,
  sign,
  signingKey,
} from './tokens.ts'

/** The claims of a token, its type, and the key that signs it. */
type Cell = Claims & { key: SigningKey }

/** Returns every combination of one value of each axis. */
function gridOf<Axes extends Record<string, readonly unknown[]>>(
  axes: Axes,
): { [Name in keyof Axes]: Axes[Name][number] }[] {
  return Object.entries(axes).reduce(
    (cells, [name, values]) =>
      cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value }))),
    [Object({})],
  )
}

async function legalOf<Each>(
  cells: Each[],
  isLetIn: (cell: Each) => Promise<boolean>,
): Promise<Each[]> {
  const letIn = new Set<Each>()
  await forEachOf(cells, { atOnce: 20 }, async (cell) => {
    if (await isLetIn(cell)) letIn.add(cell)
  })
  return cells.filter((cell) => letIn.has(cell))
}

const [STORE, OTHER_STORE] = [uniqueId('store'), uniqueId('store')]
const [CART, ACCOUNT] = [uniqueId('cart'), uniqueId('account')]
const ACCOUNT_ISSUER = 'https://identity.example'
const { AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: AUDIENCE } = env
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
  aud: [AUDIENCE, ACCOUNT_ISSUER, INVITATION, ['https://other.example'], undefined],
  iss: [ISSUER, ACCOUNT_ISSUER, 'https://other.example'],
  typ: ['at+jwt', 'account+jwt', 'cart-invitation+jwt', 'JWT', undefined],
  store_id: [STORE, OTHER_STORE],
  key: [accessKey, accountKey],
}

const accessCell = { aud: AUDIENCE, iss: ISSUER, typ: 'at+jwt', store_id: STORE, key: accessKey }
const accountCell = { ...accessCell, iss: ACCOUNT_ISSUER, typ: 'account+jwt', key: accountKey }
const invitationCell = { ...accessCell, aud: INVITATION, typ: 'cart-invitation+jwt' }

/** Signs a token with the claims of every kind, of which these are given. */
async function mint({ typ, key, ...given }: Cell): Promise<string> {
  const payload = {
    sub: 'anyone',
    iat: now(),
    exp: now() + 3600,
    grant_type: 'client_credentials',
    account_id: ACCOUNT,
    cart_id: CART,
    claim: 'shared',
    jti: 'any',
    ...given,
  }
  return await sign({ header: { alg: key.alg, kid: key.kid, typ }, payload, key })
}

const implicit = await mint({ ...accessCell, grant_type: 'implicit' })

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

async function canJoin(invitation: Cell): Promise<boolean> {
  const account_id = uniqueId('account')
  const headers = {
    Authorization: `Bearer ${implicit}`,
    [ACCOUNT_TOKEN]: await mint({ ...accountCell, account_id }),
    'X-Cart-Invitation': await mint(invitation),
  }
  return (await associateWith(headers, account_id)).status !== 403
}

const GRANTS = ['client_credentials', 'implicit']
const grids = [
  {
    kind: 'access token, by audience, issuer, type, store, key and grant',
    grid: gridOf({ ...axes, grant_type: [...GRANTS, 'password', undefined] }),
    isLetIn: async (cell: Cell) => await canRead(await mint(cell)),
    legal: { ...accessCell, grant_type: 'client_credentials' },
  },
  {
    kind: 'account token, by audience, issuer, type, store, key and account',
    grid: gridOf({ ...axes, account_id: [ACCOUNT, uniqueId('account'), undefined] }),
    isLetIn: async (cell: Cell) => await canRead(implicit, await mint(cell)),
    legal: { ...accountCell, account_id: ACCOUNT },
  },
  {
    kind: 'invitation, by audience, issuer, type, store, key, cart and claim',
    grid: gridOf({ ...axes, cart_id: [CART, uniqueId('cart')], claim: ['shared', 'unclaimed'] }),
    isLetIn: canJoin,
    legal: { ...invitationCell, cart_id: CART, claim: 'shared' },
  },
]

describe('a grid of tokens', () => {
  beforeEach(async () => {
    liftLimits()
    await associateWith({ Authorization: `Bearer ${await mint(accessCell)}` }, ACCOUNT)
  })

  it.for(grids)(
    'has one legal cell: an $kind',
    async ({ kind, grid, isLetIn, legal }, { task }) => {
      expect(await legalOf<Cell>(grid, isLetIn)).toEqual([legal])
      task.meta.figures = [`grid: ${figure(grid.length)} cells, 1 legal ${kind}`]
    },
  )

  /** How each rule of ACCOUNT_TOKENS can be kept, first, or broken. */
  const rules = {
    typ: [undefined, 'at+jwt', 'account+jwt', 'JWT'],
    iss: [ACCOUNT_ISSUER, ISSUER, 'https://other.example'],
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
    'has the tokens of a provider that keep every rule, and none as an access token: $typ',
    async (row, { task }) => {
      const ACCOUNT_TOKENS = {
        typ: row.typ,
        audience: AUDIENCE,
        audience_claim: 'client_id',
        require: { level: 2 },
        account_claim: ['app', 'account'],
        store_claim: ['app', 'store'],
      }
      const provided = { ...worker, ACCOUNT_TOKENS }
      const grid = gridOf(rules).filter((cell) => brokenIn(cell) <= (whole ? 4 : 2))
      let confused = 0

      const legal = await legalOf(grid, async ({ account, store, mark, ...claims }) => {
        const app = { account, store }
        const marks = mark === undefined ? {} : { [mark]: 'x' }
        const token = await mint({ ...claims, ...marks, app, azp: 'machine', store_id: STORE })
        const isLegal = await canRead(implicit, token, provided)
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
