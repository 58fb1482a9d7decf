import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { figure, forEachOf, whole } from './proof.ts'
import { accounts, accountsOf, cartOf, uniqueId } from './requests.ts'
import { liftLimits } from './stubs.ts'
import { type Claims, now, publicHalf, sign, signingKey } from './tokens.ts'

const ACCOUNT_ISSUER = 'https://identity.example'
const AUDIENCE = env.AUTH_AUDIENCE
const STORE = uniqueId('store')
const OTHER_STORE = uniqueId('store')
const CART = uniqueId('cart')
const OTHER_CART = uniqueId('cart')
const ACCOUNT = uniqueId('account')
const INVITATION = 'urn:cart-accounts:invitation'

const keys = {
  'access key': signingKey('ES256'),
  'account key': { ...signingKey('EdDSA'), kid: 'account' },
}

/** One isolate. A second issuer signs its account tokens, with keys of its own. */
const worker: Bindings = {
  ...env,
  AUTH_JWKS: JSON.stringify({ keys: [publicHalf(keys['access key'])] }),
  AUTH_SIGNING_JWK: JSON.stringify(keys['access key']),
  ACCOUNT_ISSUER,
  ACCOUNT_JWKS: JSON.stringify({ keys: [publicHalf(keys['account key'])] }),
}

// The good values of each kind of token are among them.
const AUDIENCES = [
  AUDIENCE,
  'https://identity.example/accounts',
  INVITATION,
  ['https://other.example'],
  undefined,
]
const ISSUERS = [env.AUTH_ISSUER, ACCOUNT_ISSUER, 'https://other.example']
const TYPES = ['at+jwt', 'account+jwt', 'cart-invitation+jwt', 'JWT', undefined]
const STORES = [STORE, OTHER_STORE]
const KEYS = ['access key', 'account key'] as const
const GRANTS = ['client_credentials', 'implicit', 'password', undefined]

interface Cell {
  aud: string | string[] | undefined
  iss: string | undefined
  typ: string | undefined
  store_id: string
  key: (typeof KEYS)[number]
}

const cells: Cell[] = AUDIENCES.flatMap((aud) =>
  ISSUERS.flatMap((iss) =>
    TYPES.flatMap((typ) =>
      STORES.flatMap((store_id) => KEYS.map((key) => ({ aud, iss, typ, store_id, key }))),
    ),
  ),
)

async function mint({ typ, key, ...claims }: Cell, others: Claims): Promise<string> {
  const { kid, alg } = keys[key]
  const times = { iat: now(), exp: now() + 60 }
  const invited = { cart_id: CART, claim: 'shared', jti: 'any' }
  const payload = { sub: 'anyone', ...times, ...invited, ...claims, ...others }
  return await sign({ header: { alg, kid, typ }, payload, key: keys[key] })
}

/** Returns the cells whose token can read the cart of the store. */
async function legal<Each extends Cell>(
  grid: Each[],
  headersOf: (cell: Each) => Promise<Record<string, string>>,
): Promise<Each[]> {
  const reading = new Set<Each>()
  await forEachOf(grid, { atOnce: 20 }, async (cell) => {
    const response = await app.request(cartOf(CART), { headers: await headersOf(cell) }, worker)
    if (response.status === 200) reading.add(cell)
  })
  return grid.filter((cell) => reading.has(cell))
}

const accessCell: Cell = {
  aud: AUDIENCE,
  iss: env.AUTH_ISSUER,
  typ: 'at+jwt',
  store_id: STORE,
  key: 'access key',
}

const accountCell: Cell = {
  ...accessCell,
  iss: ACCOUNT_ISSUER,
  typ: 'account+jwt',
  key: 'account key',
}

beforeEach(async () => {
  liftLimits()
  const token = await mint(accessCell, { grant_type: 'client_credentials' })
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const body = JSON.stringify(accounts(ACCOUNT))
  await app.request(accountsOf(CART), { method: 'POST', headers, body }, worker)
})

describe('the grid of access tokens, alone', () => {
  it('has one legal cell, by audience, issuer, type, store, key and grant', async ({ task }) => {
    const grid = cells.flatMap((cell) => GRANTS.map((grant_type) => ({ ...cell, grant_type })))

    const legalCells = await legal(grid, async ({ grant_type, ...cell }) => ({
      Authorization: `Bearer ${await mint(cell, { grant_type, account_id: ACCOUNT })}`,
    }))

    expect(legalCells).toEqual([{ ...accessCell, grant_type: 'client_credentials' }])
    task.meta.figures = [
      `access token grid: ${figure(grid.length)} cells, ${legalCells.length} legal`,
    ]
  })
})

describe('the grid of account tokens, beside an implicit access token', () => {
  it('has one legal cell, by audience, issuer, type, store, key and account', async ({ task }) => {
    const accountIds = [ACCOUNT, uniqueId('account'), undefined]
    const grid = cells.flatMap((cell) => accountIds.map((account_id) => ({ ...cell, account_id })))
    const access = await mint(accessCell, { grant_type: 'implicit' })

    const legalCells = await legal(grid, async ({ account_id, ...cell }) => ({
      Authorization: `Bearer ${access}`,
      'EP-Account-Management-Authentication-Token': await mint(cell, {
        account_id,
        grant_type: 'client_credentials',
      }),
    }))

    expect(legalCells).toEqual([{ ...accountCell, account_id: ACCOUNT }])
    task.meta.figures = [
      `account token grid: ${figure(grid.length)} cells, ${legalCells.length} legal`,
    ]
  })
})

describe('the grid of invitations to a cart of others, beside a shopper’s tokens', () => {
  it('has one legal cell, by audience, issuer, type, store, key, cart and claim', async ({
    task,
  }) => {
    const grid = cells.flatMap((cell) =>
      [CART, OTHER_CART].flatMap((cart_id) =>
        ['shared', 'unclaimed'].map((claim) => ({ ...cell, cart_id, claim })),
      ),
    )
    const access = await mint(accessCell, { grant_type: 'implicit' })
    const joined: typeof grid = []

    await forEachOf(grid, { atOnce: 20 }, async ({ cart_id, claim, ...cell }) => {
      const account_id = uniqueId('account')
      const all = { cart_id, claim, account_id, grant_type: 'client_credentials' }
      const headers = {
        Authorization: `Bearer ${access}`,
        'EP-Account-Management-Authentication-Token': await mint(accountCell, { account_id }),
        'X-Cart-Invitation': await mint(cell, all),
        'Content-Type': 'application/json',
      }
      const body = JSON.stringify(accounts(account_id))
      const init = { method: 'POST', headers, body }
      const { status } = await app.request(accountsOf(CART), init, worker)
      if (status !== 403) joined.push({ ...cell, cart_id, claim })
    })

    const legalCell = { ...accessCell, aud: INVITATION, typ: 'cart-invitation+jwt' }
    expect(joined).toEqual([{ ...legalCell, cart_id: CART, claim: 'shared' }])
    task.meta.figures = [`invitation grid: ${figure(grid.length)} cells, ${joined.length} legal`]
  })
})

/** How each rule of ACCOUNT_TOKENS can be kept, first, or broken. */
const AXES = {
  typ: [undefined, 'at+jwt', 'account+jwt', 'JWT'],
  iss: [ACCOUNT_ISSUER, env.AUTH_ISSUER, 'https://other.example'],
  client: [AUDIENCE, 'https://other.example', [AUDIENCE], undefined],
  key: ['account key', 'access key'],
  member: ['member', 'machine', 'x@clients'],
  mark: [undefined, 'nonce', 'at_hash', 'c_hash'],
  level: [2, '2', undefined],
  account: [ACCOUNT, uniqueId('account'), 'a/b', undefined],
  store: [STORE, OTHER_STORE, undefined],
} as const
type Axis = keyof typeof AXES
type ProviderCell = { [Name in Axis]: (typeof AXES)[Name][number] }

const keptAll: ProviderCell = {
  ...{ typ: undefined, iss: ACCOUNT_ISSUER, client: AUDIENCE, key: 'account key' },
  ...{ member: 'member', mark: undefined, level: 2, account: ACCOUNT, store: STORE },
}

/** Every cell that breaks at most this many rules. */
function breaking(rules: number, cell = keptAll, from = 0): ProviderCell[] {
  if (rules === 0) return [cell]
  const axes = Object.entries(AXES).slice(from)
  const broken = axes.flatMap(([name, values], index) =>
    values
      .slice(1)
      .flatMap((value) => breaking(rules - 1, { ...cell, [name]: value }, from + index + 1)),
  )
  return [cell, ...broken]
}

async function mintAtProvider(cell: ProviderCell): Promise<string> {
  const { kid, alg } = keys[cell.key]
  const payload = {
    ...{ iss: cell.iss, client_id: cell.client, sub: cell.member, azp: 'machine' },
    ...{ iat: now(), exp: now() + 60, level: cell.level, grant_type: 'client_credentials' },
    ...{ app: { account: cell.account, store: cell.store }, store_id: STORE },
    ...(cell.mark && { [cell.mark]: 'x' }),
  }
  return await sign({ header: { alg, kid, typ: cell.typ }, payload, key: keys[cell.key] })
}

describe.each([
  { typ: 'JWT', legalCells: [keptAll, { ...keptAll, typ: 'JWT' }] },
  {
    typ: 'at+jwt',
    // Its header rules out an ID token, whatever marks it has.
    legalCells: AXES.mark.map((mark) => ({ ...keptAll, typ: 'at+jwt', mark })),
  },
])('the grid of a provider’s account tokens of the typ $typ', ({ typ, legalCells }) => {
  const provided: Bindings = {
    ...worker,
    ACCOUNT_TOKENS: {
      ...{ typ, audience: AUDIENCE, audience_claim: 'client_id', require: { level: 2 } },
      ...{ account_claim: ['app', 'account'], store_claim: ['app', 'store'] },
    },
  }

  it('accepts what keeps every rule, and nothing in the place of an access token', async ({
    task,
  }) => {
    const grid = [...new Set(breaking(whole ? 4 : 2).map((cell) => JSON.stringify(cell)))]
    const access = await mint(accessCell, { grant_type: 'implicit' })
    const accepted: string[] = []
    let confused = 0
    await forEachOf(grid, { atOnce: 20 }, async (text) => {
      const token = await mintAtProvider({ ...none, ...JSON.parse(text) })
      const header = 'EP-Account-Management-Authentication-Token'
      const ask = async (headers: Record<string, string>) =>
        (await app.request(cartOf(CART), { headers }, provided)).status
      if ((await ask({ Authorization: `Bearer ${access}`, [header]: token })) === 200) {
        accepted.push(text)
      }
      if ((await ask({ Authorization: `Bearer ${token}`, [header]: token })) !== 401) confused += 1
    })

    const legalTexts = legalCells.map((cell) => JSON.stringify(cell))
    expect(accepted.toSorted()).toEqual(legalTexts.filter((each) => grid.includes(each)).toSorted())
    expect(accepted.length).toBeGreaterThan(1)
    expect(confused).toBe(0)
    task.meta.figures = [
      `provider grid, ${typ}: ${figure(grid.length)} cells, ${accepted.length} legal, 0 taken for an access token`,
    ]
  })
})

/** Members that JSON leaves out. */
const none = { typ: undefined, client: undefined, mark: undefined, level: undefined }
