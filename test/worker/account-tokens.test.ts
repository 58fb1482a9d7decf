// Account tokens of other identity providers: the rules one by one, and as providers issue them (contract, section 1a).
import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import providers from './identity-providers.json'
import { logged, loggedReasons, takeLog } from './logs.ts'
import { accounts, accountsOf, type Changes, sendJsonWith, sendWith, uniqueId } from './requests.ts'
import { Issuer } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  type Claims,
  newKeyOf,
  newSigningKey,
  now,
  publicHalf,
  server,
  sign,
} from './tokens.ts'

const ISSUER = 'https://identity.example'
const AUDIENCE = 'https://api.shop.example'

const key = await newSigningKey('k')

/** The settings of a store whose table has these members. */
const shop = (members: object = {}): Changes => ({
  ACCOUNT_ISSUER: ISSUER,
  ACCOUNT_JWKS: JSON.stringify({ keys: [publicHalf(key)] }),
  ACCOUNT_TOKENS: {
    typ: 'JWT',
    audience: AUDIENCE,
    account_claim: 'account_id',
    store: 'demo',
    ...members,
  },
})

const good = (): Claims => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'member|1',
  account_id: 'account-1',
  iat: now(),
  exp: now() + 60,
})

const signed = (claims: Claims, header: Claims = {}): Promise<string> =>
  sign({ header: { alg: 'ES256', kid: 'k', ...header }, payload: claims, key })

/** Associates an account as the shopper of this token. */
async function ask(changes: Changes, token: string, accountId = 'account-1'): Promise<Response> {
  const implicit = await server('demo', { grant_type: 'implicit' })
  const headers = { ...implicit, [ACCOUNT_TOKEN]: token }
  const path = accountsOf(uniqueId('cart'))
  return await sendJsonWith(changes, 'POST', path, headers, accounts(accountId))
}

const refusal = { title: 'Unable to validate account management authentication token' }

/** What differs from `shop()` and from `good()`. */
interface Rule {
  table?: object
  header?: Claims
  claims?: Claims
}

const unchanged: Required<Rule> = { table: {}, header: {}, claims: {} }

const atJwt = { typ: 'at+jwt' }

const accepted: Rule[] = [
  {},
  { header: { typ: 'JWT' } },
  { header: { typ: 'application/jwt' } },
  { table: atJwt, header: { typ: 'at+jwt' } },
  { table: atJwt, header: { typ: 'application/at+jwt' } },
  { table: atJwt, header: { typ: 'at+jwt' }, claims: { nonce: 'n', at_hash: 'h' } },
  { claims: { aud: ['https://other.example', AUDIENCE] } },
  { table: { audience_claim: 'client_id' }, claims: { aud: undefined, client_id: AUDIENCE } },
  {
    table: { account_claim: ['app_metadata', 'account_id'] },
    claims: { account_id: undefined, app_metadata: { account_id: 'account-1' } },
  },
  {
    table: { account_claim: 'https://shop.example/a.b' },
    claims: { account_id: undefined, 'https://shop.example/a.b': 'account-1' },
  },
  { table: { store: undefined, store_claim: ['o', 'store'] }, claims: { o: { store: 'demo' } } },
  {
    table: { require: { token_use: 'access', email_verified: true, level: 2 } },
    claims: { token_use: 'access', email_verified: true, level: 2 },
  },
]

/** A token that is refused, and what the log says of it. */
interface Refused extends Rule {
  reason: string
  claim?: string
}

function wrongType(header: Claims, table: object = {}): Refused {
  return { header, table, reason: 'wrong_type' }
}

function wrongAudience(claim: string, claims: Claims): Refused {
  return { claims, table: { audience_claim: claim }, reason: 'wrong_audience', claim }
}

function invalid(claim: string, claims: Claims, table: object = {}): Refused {
  return { claims, table, reason: 'invalid_claim', claim }
}

const refused: Refused[] = [
  ...['at+jwt', 'account+jwt', 'JWE', 7, ''].map((typ) => wrongType({ typ })),
  ...[undefined, 'JWT', 'account+jwt'].map((typ) => wrongType({ typ }, atJwt)),
  ...[undefined, `${ISSUER}/`].map((iss) => ({ claims: { iss }, reason: 'wrong_issuer' })),
  ...[undefined, 'https://other.example', ['https://other.example'], [], {}].map((aud) =>
    wrongAudience('aud', { aud }),
  ),
  ...[undefined, 'other', [AUDIENCE]].map((client_id) => wrongAudience('client_id', { client_id })),
  { claims: { exp: 1 }, reason: 'expired' },
  ...[{ nonce: 'n' }, { nonce: '' }, { at_hash: 'h' }, { c_hash: 'h' }].map((claims) => ({
    claims,
    reason: 'id_token',
  })),
  { claims: { token_use: 'id' }, reason: 'id_token' },
  { claims: { typ: 'ID' }, reason: 'id_token' },
  ...['client_id', 'azp', 'cid'].map((name) =>
    invalid('sub', { sub: 'machine', [name]: 'machine' }),
  ),
  ...[undefined, 'x@clients', 'a b'].map((sub) => invalid('sub', { sub })),
  ...['client-credentials', ['password', 'client-credentials']].map((gty) =>
    invalid('gty', { gty }),
  ),
  ...[undefined, 'Access', ['access'], true].map((token_use) =>
    invalid('token_use', { token_use }, { require: { token_use: 'access' } }),
  ),
  invalid('level', { level: '2' }, { require: { level: 2 } }),
  ...[undefined, '', 'auth0|1', 'a b', 7, ['account-1'], null].map((account_id) =>
    invalid('account_id', { account_id }),
  ),
  ...[undefined, {}, 'account-1', { id: 'a/b' }, ['account-1']].map((o) =>
    invalid('o.id', { o }, { account_claim: ['o', 'id'] }),
  ),
  ...['constructor', 'toString', '__proto__'].map((name) =>
    invalid(`${name}.length`, {}, { account_claim: [name, 'length'] }),
  ),
  { table: { store: 'other' }, reason: 'wrong_store' },
  ...[undefined, 'other', 'a/b', ['demo']].map((store_id) => ({
    table: { store: undefined, store_claim: 'store_id' },
    claims: { store_id },
    reason: 'wrong_store',
  })),
]

describe('an account token of another identity provider', () => {
  it.each(accepted.map((row) => ({ ...unchanged, ...row })))(
    'is accepted with the header $header and the claims $claims, if the table has $table',
    async (row) => {
      const changes = shop(row.table)
      const token = await signed({ ...good(), ...row.claims }, row.header)

      expect((await ask(changes, token)).status).toBe(200)
      const asText = JSON.stringify(changes.ACCOUNT_TOKENS)
      expect((await ask({ ...changes, ACCOUNT_TOKENS: asText }, token)).status).toBe(200)
    },
  )

  it.each(refused.map((row) => ({ ...unchanged, ...row })))(
    'is refused as $reason with the header $header and the claims $claims, if the table has $table',
    async (row) => {
      const token = await signed({ ...good(), ...row.claims }, row.header)

      await expectErrors(await ask(shop(row.table), token), 403, refusal)

      const { reason, claim } = Object(logged[0]?.line)
      expect({ reason, claim }).toEqual({ reason: `TokenRefused: ${row.reason}`, claim: row.claim })
    },
  )

  it('is refused by the first rule that it breaks', async () => {
    const right: Claims = { ...good(), level: 2, store_id: 'demo' }
    const claims: Claims = {
      ...right,
      iss: 'x',
      aud: 'x',
      exp: now() - 60,
      nonce: 'n',
      gty: 'client-credentials',
      level: 1,
      sub: 'a b',
      account_id: 'a b',
      store_id: 'x',
    }
    const changes = shop({ require: { level: 2 }, store: undefined, store_claim: 'store_id' })

    for (const [reason, name] of [
      ['wrong_issuer', 'iss'],
      ['wrong_audience', 'aud'],
      ['expired', 'exp'],
      ['id_token', 'nonce'],
      ['invalid_claim', 'gty'],
      ['invalid_claim', 'level'],
      ['invalid_claim', 'sub'],
      ['invalid_claim', 'account_id'],
      ['wrong_store', 'store_id'],
    ] as const) {
      takeLog()
      await ask(changes, await signed(claims))
      expect(loggedReasons()).toEqual([`TokenRefused: ${reason}`])
      claims[name] = right[name]
    }
    expect((await ask(changes, await signed(claims))).status).toBe(200)
  })
})

describe('ACCOUNT_TOKENS', () => {
  const UNFIT = [
    ...['email', 'upn', 'preferred_username', 'name', 'nickname', 'phone_number', 'iss', 'aud'],
    ...['azp', 'client_id', 'cid', 'tid', 'scope', 'sid', 'jti', 'iat', 'exp', 'nbf', 'typ'],
    ...['token_use', 'user_metadata', 'unsafe_metadata'],
  ]
  const table = (given: object, problem: string) => {
    return { given, changes: shop(given), problem: `ACCOUNT_TOKENS ${problem}` }
  }
  const each = (name: string, values: unknown[], problem: string) =>
    values.map((value) => table({ [name]: value }, `${name}${problem}`))
  const beside = (given: Changes, named: string) => {
    return { given, changes: { ...shop(), ...given }, problem: `${named} ` }
  }

  it.each([
    table({ type: 'JWT' }, 'type is not known'),
    table({ Audience: 'x' }, 'Audience is not known'),
    ...each('typ', [undefined], ' is missing'),
    ...each('typ', ['account+jwt', 'jwt', 7], ' must be "at\\+jwt" or "JWT"'),
    ...each('audience', [undefined], ' is missing'),
    ...each('audience', ['', ' x', '"x"', 'x\n', ['x'], 7], ' must '),
    ...each('audience_claim', [''], ' must '),
    ...each('account_claim', [undefined, '', [], [''], 7, ['a', 7], {}], '(\\[\\d\\])? must '),
    ...each('account_claim', UNFIT, '\\[0\\] must lead '),
    ...UNFIT.map((name) =>
      table({ account_claim: ['a', name] }, 'account_claim\\[1\\] must lead '),
    ),
    ...UNFIT.map((name) =>
      table({ store: undefined, store_claim: [name, 'a'] }, 'store_claim\\[0\\] must lead '),
    ),
    ...each('store', ['a/b'], ' must be 1 to 255 '),
    table({ store: undefined }, 'must have either store or store_claim'),
    table({ store_claim: 'a' }, 'must have either store or store_claim'),
    ...each('require', ['a'], ' must '),
    ...each('require', [{ a: null }, { a: ['b'] }], '\\.a must be a text, '),
    // It needs an issuer and keys of its own.
    ...[undefined, 'https://login.example/{tenantid}/v2.0', 'https://*.example', 'a}'].map(
      (ACCOUNT_ISSUER) => beside({ ACCOUNT_ISSUER }, 'ACCOUNT_ISSUER'),
    ),
    beside({ AUTH_ISSUER: ISSUER }, 'ACCOUNT_ISSUER'),
    beside({ ACCOUNT_JWKS: undefined }, 'ACCOUNT_JWKS'),
    beside(
      { ACCOUNT_JWKS_URL: 'https://keys.example', AUTH_JWKS_URL: 'https://KEYS.example/' },
      'ACCOUNT_JWKS_URL',
    ),
    ...['typ = "JWT"', '[]', 7, ''].map((ACCOUNT_TOKENS) =>
      beside({ ACCOUNT_TOKENS }, 'ACCOUNT_TOKENS'),
    ),
  ])('fails loudly and names what is wrong: $given', async ({ changes, problem }) => {
    const response = await ask(changes, await signed(good()))

    expect(response.status).toBe(500)
    const { errors } = Object(await response.json())
    expect(errors[0].detail).toMatch(new RegExp(`^${problem}`))
    expect(JSON.stringify(errors)).not.toContain(AUDIENCE)
    expect((await sendWith(changes, 'GET', '/readyz')).status).toBe(503)
  })
})

describe('a token that a provider really issues', () => {
  type Provider = (typeof providers.fixtures)[number]

  /** Turns the times of the claims, which rows give as seconds from now, into real times. */
  const timed = (claims: object): Claims =>
    Object.fromEntries(
      Object.entries(claims).map(([name, value]) => {
        const isTime = /^(iat|exp|nbf|auth_time)$/.test(name) && typeof value === 'number'
        return [name, isTime ? now() + value : value]
      }),
    )

  /** Signs the token of a row, and associates the account in its claims in a store with this provider. */
  async function associate(row: Provider): Promise<Response> {
    const { issuer, ...table } = row.settings
    const pair = await newKeyOf(row.key.alg)
    const published: Record<string, unknown> = { ...publicHalf(pair), kid: 'k' }
    for (const member of row.jwks_omits ?? []) delete published[member]
    new Issuer().keys = [published]
    const changes = {
      ACCOUNT_ISSUER: issuer,
      ACCOUNT_TOKENS: 'typ' in table ? table : undefined,
      ...(row.local
        ? { ACCOUNT_JWKS: JSON.stringify({ keys: [published] }) }
        : { ACCOUNT_JWKS_URL: 'https://identity.example/keys' }),
    }
    const { header = {}, claims = {} } = row
    const token = row.raw ?? (await sign({ header, payload: timed(claims), key: pair }))
    const way = [table.account_claim ?? 'account_id'].flat()
    const account = way.reduce<unknown>((found, name) => Object(found)[name], claims)
    return await ask(changes, token, String(account))
  }

  it.each(providers.fixtures.filter(({ expect: outcome }) => outcome === 'accept'))(
    'associates the account that it names: $id',
    async (row) => {
      expect((await associate(row)).status).toBe(200)
    },
  )

  it.each(providers.fixtures.filter(({ expect: outcome }) => outcome !== 'accept'))(
    'is refused if it is not for this API: $id',
    async (row) => {
      await expectErrors(await associate(row), 403, refusal)

      expect(loggedReasons()).toEqual([row.expect.replace('refuse:', 'TokenRefused: ')])
    },
  )
})
