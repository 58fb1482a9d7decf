// The rules for account tokens of other identity providers, one by one (contract, section 1a).
import { beforeAll, describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import { logged, takeLog } from './logs.ts'
import { accounts, accountsOf, type Changes, sendJsonWith, uniqueId } from './requests.ts'
import {
  accessParts,
  accountParts,
  type Claims,
  newKeyOf,
  now,
  publicHalf,
  type SigningKey,
  sign,
  signingKey,
} from './tokens.ts'

const ISSUER = 'https://identity.example'
const AUDIENCE = 'https://api.shop.example'

let key: SigningKey
beforeAll(async () => {
  key = { ...(await newKeyOf('ES256')), kid: 'k' }
})

const table = (members: object = {}): object => ({
  ...{ typ: 'JWT', audience: AUDIENCE, account_claim: 'account_id', store: 'demo' },
  ...members,
})

const shop = (members: object = {}): Changes => ({
  ACCOUNT_ISSUER: ISSUER,
  ACCOUNT_JWKS: JSON.stringify({ keys: [publicHalf(key)] }),
  ACCOUNT_TOKENS: table(members),
})

const good = (): Claims => ({
  ...{ iss: ISSUER, aud: AUDIENCE, sub: 'member|1', account_id: 'account-1' },
  ...{ iat: now(), exp: now() + 60 },
})

async function ask(changes: Changes, account: string, access?: string): Promise<Response> {
  const headers = {
    Authorization: `Bearer ${access ?? (await sign(accessParts({ grant_type: 'implicit' })))}`,
    'EP-Account-Management-Authentication-Token': account,
  }
  const path = accountsOf(uniqueId('cart'))
  return await sendJsonWith(changes, 'POST', path, headers, accounts('account-1'))
}

const signed = (claims: Claims, header: Claims = {}): Promise<string> =>
  sign({ header: { alg: 'ES256', kid: 'k', ...header }, payload: claims, key })

interface Rule {
  title: string
  table?: object
  header?: Claims
  claims?: Claims
}

const accepted: Rule[] = [
  { title: 'no typ' },
  { title: 'the typ JWT', header: { typ: 'JWT' } },
  { title: 'the typ jwt', header: { typ: 'application/jwt' } },
  { title: 'the typ at+jwt', table: { typ: 'at+jwt' }, header: { typ: 'at+jwt' } },
  {
    title: 'the typ at+jwt in full',
    table: { typ: 'at+jwt' },
    header: { typ: 'application/at+jwt' },
  },
  { title: 'a list of audiences', claims: { aud: ['https://other.example', AUDIENCE] } },
  {
    title: 'an audience in another claim',
    table: { audience_claim: 'client_id' },
    claims: { aud: undefined, client_id: AUDIENCE },
  },
  {
    title: 'an account at the end of a way',
    table: { account_claim: ['app_metadata', 'account_id'] },
    claims: { account_id: undefined, app_metadata: { account_id: 'account-1' } },
  },
  {
    title: 'an account in a claim whose name has dots and colons',
    table: { account_claim: 'https://shop.example/a.b' },
    claims: { account_id: undefined, 'https://shop.example/a.b': 'account-1' },
  },
  {
    title: 'a store in a claim',
    table: { store: undefined, store_claim: ['o', 'store'] },
    claims: { o: { store: 'demo' } },
  },
  {
    title: 'claims of the value that is required',
    table: { require: { token_use: 'access', email_verified: true, level: 2 } },
    claims: { token_use: 'access', email_verified: true, level: 2 },
  },
  { title: 'the marks of an ID token in an at+jwt', ...atJwt({ nonce: 'n', at_hash: 'h' }) },
]

function atJwt(claims: Claims): Omit<Rule, 'title'> {
  return { table: { typ: 'at+jwt' }, header: { typ: 'at+jwt' }, claims }
}

const refused: (Rule & { reason: string; claim?: string })[] = [
  ...[{ typ: 'at+jwt' }, { typ: 'account+jwt' }, { typ: 'JWE' }, { typ: 7 }, { typ: '' }].map(
    (header) => ({ title: `the typ ${header.typ}`, header, reason: 'wrong_type' }),
  ),
  ...[{}, { typ: 'JWT' }, { typ: 'account+jwt' }].map((header) => ({
    ...{ title: `the typ ${header.typ} for at+jwt`, table: { typ: 'at+jwt' }, header },
    reason: 'wrong_type',
  })),
  { title: 'another issuer', claims: { iss: `${ISSUER}/` }, reason: 'wrong_issuer' },
  { title: 'no issuer', claims: { iss: undefined }, reason: 'wrong_issuer' },
  ...[undefined, 'https://other.example', ['https://other.example'], [], {}].map((aud) => ({
    ...{ title: `the audience ${JSON.stringify(aud)}`, claims: { aud } },
    ...{ reason: 'wrong_audience', claim: 'aud' },
  })),
  ...[undefined, 'other', [AUDIENCE]].map((client_id) => ({
    title: `the client id ${JSON.stringify(client_id)} for an audience`,
    table: { audience_claim: 'client_id' },
    ...{ claims: { client_id }, reason: 'wrong_audience', claim: 'client_id' },
  })),
  { title: 'an exp that has passed', claims: { exp: now() - 60 }, reason: 'expired' },
  ...[
    ...[{ nonce: 'n' }, { at_hash: 'h' }, { c_hash: 'h' }, { nonce: '' }],
    ...[{ token_use: 'id' }, { typ: 'ID' }],
  ].map((claims) => ({
    ...{ title: `an ID token: ${JSON.stringify(claims)}`, claims, reason: 'id_token' },
  })),
  ...['client_id', 'azp', 'cid'].map((name) => ({
    ...{ title: `a sub that is its ${name}`, claims: { sub: 'machine', [name]: 'machine' } },
    ...{ reason: 'invalid_claim', claim: 'sub' },
  })),
  {
    ...{ title: 'a sub of a client', claims: { sub: 'x@clients' } },
    ...{ reason: 'invalid_claim', claim: 'sub' },
  },
  ...['client-credentials', ['password', 'client-credentials']].map((gty) => ({
    ...{ title: `a machine by its grant: ${JSON.stringify(gty)}`, claims: { gty } },
    ...{ reason: 'invalid_claim', claim: 'gty' },
  })),
  ...[undefined, 'id', 'Access', ['access'], true].map((token_use) => ({
    title: `a required claim of ${JSON.stringify(token_use)}`,
    ...{ table: { typ: 'at+jwt', require: { token_use: 'access' } }, header: { typ: 'at+jwt' } },
    ...{ claims: { token_use }, reason: 'invalid_claim', claim: 'token_use' },
  })),
  {
    ...{ title: 'a required number as a text', table: { require: { level: 2 } } },
    ...{ claims: { level: '2' }, reason: 'invalid_claim', claim: 'level' },
  },
  ...[undefined, '', 'auth0|1', 'a b', 7, ['account-1'], null].map((account_id) => ({
    ...{ title: `the account ${JSON.stringify(account_id)}`, claims: { account_id } },
    ...{ reason: 'invalid_claim', claim: 'account_id' },
  })),
  ...[undefined, {}, 'account-1', { id: 'a/b' }, ['account-1']].map((o) => ({
    ...{ title: `the account at a way into ${JSON.stringify(o)}`, claims: { o } },
    ...{ table: { account_claim: ['o', 'id'] }, reason: 'invalid_claim', claim: 'o.id' },
  })),
  ...['constructor', 'toString', '__proto__'].map((name) => ({
    ...{ title: `an inherited member: ${name}`, table: { account_claim: [name, 'length'] } },
    ...{ reason: 'invalid_claim', claim: `${name}.length` },
  })),
  {
    ...{ title: 'a sub that is no subject', claims: { sub: 'a b' } },
    ...{ reason: 'invalid_claim', claim: 'sub' },
  },
  {
    ...{ title: 'no sub', claims: { sub: undefined } },
    ...{ reason: 'invalid_claim', claim: 'sub' },
  },
  { title: 'another store', table: { store: 'other' }, reason: 'wrong_store' },
  ...[undefined, 'other', 'a/b', ['demo']].map((store_id) => ({
    title: `the store ${JSON.stringify(store_id)} in a claim`,
    table: { store: undefined, store_claim: 'store_id' },
    ...{ claims: { store_id }, reason: 'wrong_store' },
  })),
]

describe('an account token of another identity provider', () => {
  it.each(accepted)('is accepted with $title', async ({ table = {}, header = {}, claims = {} }) => {
    const token = await signed({ ...good(), ...claims }, header)

    expect((await ask(shop(table), token)).status).toBe(200)
    const ACCOUNT_TOKENS = JSON.stringify(Object(shop(table).ACCOUNT_TOKENS))
    expect((await ask({ ...shop(table), ACCOUNT_TOKENS }, token)).status).toBe(200)
  })

  it.each(refused)('is refused with $title', async (row) => {
    const token = await signed({ ...good(), ...row.claims }, row.header)

    const response = await ask(shop(row.table), token)

    await expectErrors(response, 403, {
      title: 'Unable to validate account management authentication token',
    })
    const { reason, claim } = Object(logged[0]?.line)
    expect({ reason, claim }).toEqual({ reason: `TokenRefused: ${row.reason}`, claim: row.claim })
  })

  it('is refused by the first rule that it breaks', async () => {
    const wrong = {
      ...{ iss: 'x', aud: 'x', exp: now() - 60, nonce: 'n', gty: 'client-credentials' },
      ...{ level: 1, sub: 'a b', account_id: 'a b', store_id: 'x' },
    }
    const right: Claims = {
      ...good(),
      level: 2,
      store_id: 'demo',
      nonce: undefined,
      gty: undefined,
    }
    const members = { require: { level: 2 }, store: undefined, store_claim: 'store_id' }
    const order = [
      ['wrong_issuer', 'iss'],
      ['wrong_audience', 'aud'],
      ['expired', 'exp'],
      ['id_token', 'nonce'],
      ['invalid_claim', 'gty'],
      ['invalid_claim', 'level'],
      ['invalid_claim', 'sub'],
      ['invalid_claim', 'account_id'],
      ['wrong_store', 'store_id'],
    ] as const
    const claims: Record<string, unknown> = { ...right, ...wrong }

    for (const [reason, name] of order) {
      takeLog()
      await ask(shop(members), await signed(claims))
      expect(Object(logged[0]?.line).reason).toBe(`TokenRefused: ${reason}`)
      claims[name] = right[name]
    }
    expect((await ask(shop(members), await signed(claims))).status).toBe(200)
  })

  it('is never accepted as an access token, nor an access token as an account token', async () => {
    const account = await signed(good())
    const access = await sign(accessParts())

    expect((await ask(shop(), access)).status).toBe(403)
    expect((await ask(shop(), account, account)).status).toBe(401)
    expect((await ask(shop({ typ: 'at+jwt' }), access)).status).toBe(403)
    const asAccess = await signed({ ...good(), store_id: 'demo' }, { typ: 'at+jwt' })
    expect((await ask(shop({ typ: 'at+jwt' }), asAccess, asAccess)).status).toBe(401)
  })

  it('replaces the contract’s own kind', async () => {
    const own = { ...accountParts({ iss: ISSUER, aud: AUDIENCE }), key }
    const token = await sign({ ...own, header: { ...Object(own.header), kid: 'k' } })

    expect((await ask(shop(), token)).status).toBe(403)
    expect((await ask({ ...shop(), ACCOUNT_TOKENS: undefined }, await signed(good()))).status).toBe(
      403,
    )
  })
})

describe('ACCOUNT_TOKENS', () => {
  const UNFIT = [
    ...['email', 'upn', 'preferred_username', 'name', 'nickname', 'phone_number', 'iss', 'aud'],
    ...['azp', 'client_id', 'cid', 'tid', 'scope', 'sid', 'jti', 'iat', 'exp', 'nbf', 'typ'],
    ...['token_use', 'user_metadata', 'unsafe_metadata'],
  ]
  const wrong: { members: object; problem: RegExp }[] = [
    { members: { type: 'JWT' }, problem: /^ACCOUNT_TOKENS type is not known/ },
    { members: { Audience: 'x' }, problem: /^ACCOUNT_TOKENS Audience is not known/ },
    ...[undefined, 'account+jwt', 'jwt', 7].map((typ) => ({
      ...{
        members: { typ },
        problem: /^ACCOUNT_TOKENS typ (is missing|must be "at\+jwt" or "JWT")/,
      },
    })),
    ...[undefined, '', ' x', '"x"', 'x\n', ['x'], 7].map((audience) => ({
      ...{ members: { audience }, problem: /^ACCOUNT_TOKENS audience (is missing|must )/ },
    })),
    { members: { audience_claim: '' }, problem: /^ACCOUNT_TOKENS audience_claim must / },
    ...[undefined, '', [], [''], 7, ['a', 7], {}].map((account_claim) => ({
      ...{
        members: { account_claim },
        problem: /^ACCOUNT_TOKENS account_claim(\[\d\])? (is missing|must )/,
      },
    })),
    ...UNFIT.flatMap((name) => [
      {
        members: { account_claim: name },
        problem: /^ACCOUNT_TOKENS account_claim\[0\] must lead /,
      },
      {
        members: { account_claim: ['a', name] },
        problem: /^ACCOUNT_TOKENS account_claim\[1\] must /,
      },
      {
        members: { store: undefined, store_claim: [name, 'a'] },
        problem: /^ACCOUNT_TOKENS store_claim\[0\] must lead /,
      },
    ]),
    { members: { store: 'a/b' }, problem: /^ACCOUNT_TOKENS store must be 1 to 255 / },
    { members: { store: undefined }, problem: /^ACCOUNT_TOKENS must have either store or store_/ },
    { members: { store_claim: 'a' }, problem: /^ACCOUNT_TOKENS must have either store or store_/ },
    { members: { require: 'a' }, problem: /^ACCOUNT_TOKENS require must / },
    { members: { require: { a: null } }, problem: /^ACCOUNT_TOKENS require\.a must be a text, / },
    { members: { require: { a: ['b'] } }, problem: /^ACCOUNT_TOKENS require\.a must be a text, / },
  ]

  it.each(wrong)('names the member that is wrong: $members', async ({ members, problem }) => {
    await expectSettingsError(shop(members), problem)
  })

  it.each([
    { title: 'no ACCOUNT_ISSUER', changes: { ACCOUNT_ISSUER: undefined }, named: 'ACCOUNT_ISSUER' },
    { title: 'that of access tokens', changes: { AUTH_ISSUER: ISSUER }, named: 'ACCOUNT_ISSUER' },
    ...['https://login.example/{tenantid}/v2.0', 'https://*.example', 'a}'].map((issuer) => ({
      ...{ title: issuer, changes: { ACCOUNT_ISSUER: issuer }, named: 'ACCOUNT_ISSUER' },
    })),
    { title: 'no keys', changes: { ACCOUNT_JWKS: undefined }, named: 'ACCOUNT_JWKS' },
    {
      title: 'the address of the other keys',
      changes: { ACCOUNT_JWKS_URL: 'https://keys.example', AUTH_JWKS_URL: 'https://KEYS.example/' },
      named: 'ACCOUNT_JWKS_URL',
    },
    { title: 'no JSON', changes: { ACCOUNT_TOKENS: 'typ = "JWT"' }, named: 'ACCOUNT_TOKENS' },
    { title: 'a list', changes: { ACCOUNT_TOKENS: '[]' }, named: 'ACCOUNT_TOKENS' },
    { title: 'a number', changes: { ACCOUNT_TOKENS: 7 }, named: 'ACCOUNT_TOKENS' },
    { title: 'nothing', changes: { ACCOUNT_TOKENS: '' }, named: 'ACCOUNT_TOKENS' },
  ])('needs an issuer and keys of its own, and a table: $title', async ({ changes, named }) => {
    await expectSettingsError({ ...shop(), ...changes }, new RegExp(`^${named} `))
  })

  async function expectSettingsError(changes: Changes, problem: RegExp): Promise<void> {
    const response = await ask(changes, await signed(good()))

    expect(response.status).toBe(500)
    const { errors } = Object(await response.json())
    expect(errors[0].detail).toMatch(problem)
    expect(JSON.stringify(errors)).not.toContain(AUDIENCE)
    expect((await sendJsonWith(changes, 'GET', '/readyz', {}, undefined)).status).toBe(503)
  }

  it('does not affect the keys of access tokens', async () => {
    const stranger = {
      ...accessParts(),
      key: { ...signingKey('ES256'), ...key, kid: 'test-ES256' },
    }

    expect((await ask(shop(), await signed(good()), await sign(stranger))).status).toBe(401)
  })
})
