import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import {
  accounts,
  accountsOf,
  type Changes,
  cartsOf,
  request,
  sendJsonWith,
  sendWith,
} from './requests.ts'
import {
  accessParts,
  accountParts,
  newSigningKey,
  type Parts,
  publicHalf,
  server,
  shopper,
  sign,
  signingKey,
} from './tokens.ts'

const jwks = (...keys: object[]): string => JSON.stringify({ keys })

const ES256 = publicHalf(signingKey('ES256'))
const RS256 = publicHalf(signingKey('RS256'))
const HS256 = signingKey('HS256')
const stranger = await newSigningKey('test-ES256')
const secondDatabase = { DB_1: env.TEST_SECOND_DB }

interface Case {
  title: string
  changes: Changes
  problem: string
  /** The rule of a placement, which only the log names. */
  rule?: string | undefined
}

/** Values of one setting that are malformed in one way. */
const each = (name: string, problem: string, ...values: unknown[]): Case[] =>
  values.map((value) => ({
    title: `${name} of ${JSON.stringify(value)}`,
    changes: Object({ [name]: value }),
    problem: `${name} ${problem}`,
  }))

const notBound = 'must be bound to a D1 database'
const inQuotes = ['"x"', "'x'", '`x`', '“x”', '‘x’']
const inSpace = [' x', 'x ', 'x\n', '\r\nx', 'x\ny', '\u00a0x', 'x\u200b']
const lists = ['https://a.example,https://b.example', '["a","b"]', 'a b', 'a;b', '{"a":1}']

const texts: Case[] = [
  ...['AUTH_ISSUER', 'AUTH_AUDIENCE', 'AUTH_JWKS'].flatMap((name) =>
    each(name, 'must be set', undefined),
  ),
  ...each('DB', notBound, undefined),
  ...each('DB_1', notBound, 'cart-accounts-1'),
  ...each('AUTH_ISSUER', 'must not be empty', ' '),
  ...each('ACCOUNT_ISSUER', 'must not be empty', ''),
  ...[
    ...['AUTH_ISSUER', 'AUTH_AUDIENCE', 'ACCOUNT_ISSUER', 'AUTH_JWKS_URL', 'ACCOUNT_JWKS_URL'],
    ...['READ_CONSISTENCY', 'CLAIMS', 'MOVING_TO'],
  ].flatMap((name) =>
    each(name, 'must have no white space, line ends or quotes around it', ...inQuotes, ...inSpace),
  ),
  ...each('AUTH_AUDIENCE', 'must be one audience, not a list', ...lists),
  ...each('AUTH_ISSUER', 'must be one issuer, not a list', ...lists),
  ...each('ACCOUNT_ISSUER', 'must be one issuer, not a list', ...lists),
  ...each(
    'CORS_ORIGINS',
    'must be * or origins like https://shop.example, separated by commas',
    ...['https://*.vercel.app', 'https://*', 'https://shop.example,https://*.shop.example'],
    ...['"https://shop.example"', 'https://shop.example/', 'shop.example', 'null'],
    ...['capacitor://localhost/path', 'https://a.example, https://b.example/'],
  ),
  ...each(
    'AUTH_JWKS_URL',
    'must be an https address; http is for this machine alone',
    ...['not a URL', 'http://keys.example/', 'http://127.0.0.1.example/'],
    ...['http://notlocalhost/', 'ftp://localhost/', 'file:///keys'],
  ),
  ...each('READ_CONSISTENCY', 'must be primary or nearest', 'strong'),
  ...each('CLAIMS', 'must be open or invited', 'closed'),
  ...each(
    'ASSOCIATION_TTL_DAYS',
    'must be a whole number from 1 to 3650',
    ...[0, 3651, 1.5, '0', '3651', '1.5', '1e3', '-1', ' 1', '', 'x', true, null, {}, [30]],
  ),
  ...each(
    'CARTS_PER_ACCOUNT',
    'must be a whole number from 1 to 1000',
    ...[0, 1001, 99.5, '0', '1001', '+1', '0x10', 'Infinity', false],
  ),
]

/** Public keys for which anybody can forge signatures, with and without the sign bit. */
const SMALL_ORDER = [
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU',
  'xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o',
  '7P_______________________________________38',
  '7f_______________________________________38',
  '7v_______________________________________38',
  'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA',
  '7P________________________________________8',
]
const notBase64url = 'must be unpadded base64url'
const tooShort = '[0].k must hold at least 32 bytes'
const algorithms = '"ES256" or "ES384" or "ES512" or "EdDSA" or "RS256" or "PS256" or "HS256"'

/** Members of AUTH_JWKS, and what is said of `AUTH_JWKS keys`. */
const keys: [title: string, keys: object[], problem: string][] = [
  ['no key', [], ' must hold at least one key'],
  ['a secret without alg', [{ ...HS256, alg: undefined }], '[0].alg is missing'],
  ['the alg ES256K', [ES256, { ...ES256, alg: 'ES256K' }], `[1].alg must be ${algorithms}`],
  ['a kty that is not of its alg', [{ ...RS256, alg: 'ES256' }], '[0].kty must be "EC"'],
  ['a key on a wrong curve', [{ ...ES256, crv: 'P-384' }], '[0].crv must be "P-256"'],
  ['a key for encryption', [{ ...ES256, use: 'enc' }], '[0].use must be "sig"'],
  [
    'a key that is not for verifying',
    [{ ...ES256, key_ops: ['encrypt'] }],
    '[0].key_ops must have "verify"',
  ],
  [
    'a private key',
    [signingKey('ES256')],
    '[0].d must be left out: it is the private half of the key',
  ],
  [
    'a point that is not on the curve',
    [{ ...ES256, x: ES256.y, y: ES256.x }],
    '[0] must be a valid ES256 key',
  ],
  ['a member that is not base64url', [{ ...ES256, x: '+/==' }], `[0].x ${notBase64url}`],
  ['a first character that is not', [{ ...ES256, x: `+${ES256.x}` }], `[0].x ${notBase64url}`],
  ['a member that is padded', [{ ...ES256, x: `${ES256.x}=` }], `[0].x ${notBase64url}`],
  ['a short HMAC secret', [{ ...HS256, k: 'c2VjcmV0' }], tooShort],
  ['an HMAC secret of 31 bytes', [{ ...HS256, k: 'c'.repeat(42) }], tooShort],
  ['an empty kid', [{ ...ES256, kid: '' }], '[0].kid must not be empty'],
  [
    'an RSA key of 1024 bits',
    // The first of its bits, with an end that makes them odd.
    [{ ...RS256, n: `${RS256.n?.slice(0, 170)}E` }],
    '[0].n must have at least 2048 bits',
  ],
  ...SMALL_ORDER.map((x): [string, object[], string] => [
    `an Ed25519 key of small order: ${x}`,
    [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', x }],
    '[0].x must not be of small order',
  ]),
]

/** What AUTH_SIGNING_JWK is, and what is said of it. */
const signingKeys: [title: string, key: object, problem: string][] = [
  ['the public half alone', ES256, 'd is missing'],
  ['an RSA key without its factors', { ...signingKey('RS256'), p: undefined }, 'p is missing'],
  ['a key without a kid', { ...signingKey('ES256'), kid: undefined }, 'kid is missing'],
  [
    'two halves of different keys',
    { ...signingKey('ES256'), d: stranger.d },
    'must be a valid ES256 key',
  ],
  [
    'a key that is not for signing',
    { ...signingKey('ES256'), key_ops: ['verify'] },
    'key_ops must have "sign"',
  ],
]

const unnamed = 'must name a kid for each key where there are several'
const nameless = { ...RS256, kid: undefined }

const keySettings: Case[] = [
  ...each('AUTH_JWKS', 'must be JSON', 'secret'),
  ...each('AUTH_JWKS', 'must be a JSON object', 'null'),
  ...each('AUTH_JWKS', 'keys must be an array', '{"keys":{}}'),
  ...each('AUTH_JWKS', 'keys is missing', JSON.stringify(ES256)),
  ...each('ACCOUNT_JWKS', 'keys is missing', '{}'),
  ...each('AUTH_SIGNING_JWK', 'must be JSON', 'secret'),
  ...keys.map(([title, set, problem]) => ({
    title: `${title} in AUTH_JWKS`,
    changes: { AUTH_JWKS: jwks(...set) },
    problem: `AUTH_JWKS keys${problem}`,
  })),
  ...signingKeys.map(([title, key, problem]) => ({
    title: `${title} for AUTH_SIGNING_JWK`,
    changes: { AUTH_SIGNING_JWK: JSON.stringify(key) },
    problem: `AUTH_SIGNING_JWK ${problem}`,
  })),
  ...each('AUTH_JWKS', 'must not name one kid twice', jwks(ES256, ES256)),
  ...each('AUTH_JWKS', unnamed, jwks(ES256, nameless)),
  {
    title: 'a nameless key in AUTH_JWKS beside AUTH_SIGNING_JWK',
    changes: { AUTH_JWKS: jwks(nameless), AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')) },
    problem: `AUTH_JWKS ${unnamed}`,
  },
  {
    title: 'a different key in AUTH_JWKS under the kid of AUTH_SIGNING_JWK',
    changes: { AUTH_SIGNING_JWK: JSON.stringify(stranger) },
    problem: 'AUTH_JWKS has another key than AUTH_SIGNING_JWK under the same kid',
  },
  {
    title: 'a nameless key in ACCOUNT_JWKS beside ACCOUNT_JWKS_URL',
    changes: { ACCOUNT_JWKS: jwks(nameless), ACCOUNT_JWKS_URL: 'https://identity.example/keys' },
    problem: 'ACCOUNT_JWKS must name a kid for each key where ACCOUNT_JWKS_URL is set',
  },
]

/** Placements that are wrong, and the rule that the log names. */
const misplaced: { given: unknown; problem: string; rule?: string; changes?: Changes }[] = [
  ...['', 'DB_1', '{', '[]', 'null', null, 1, [], ['DB_1']].map((given) => ({
    given,
    problem: 'must be a table of lists, or its JSON text',
  })),
  ...['*', '', 'a*b', 'a**', 'a/b', 'ü', ' a', 'a'.repeat(256)].map((rule) => ({
    given: { b: ['DB_1'], [rule]: ['DB_1'] },
    problem: 'must name stores by an id, or by its beginning and a *',
    rule,
  })),
  ...[
    ...[[], 'DB_1', null, {}, ['DB_2'], ['DB_1', 'DB_9'], ['DB_1', 1], ['AUTH_JWKS']].map(
      (given) => ({ given: { 'eu-*': given }, rule: 'eu-*' }),
    ),
    // JSON makes it a member of its own.
    { given: '{"__proto__": ["DB_2"]}', rule: '__proto__' },
  ].map((row) => ({ ...row, problem: 'must list databases for each rule, and only bound ones' })),
  ...['MOVING_TO', 'MOVING_FROM'].map((variable) => ({
    given: '{"a": ["DB_1"]}',
    problem: 'must list no database of MOVING_TO or MOVING_FROM',
    rule: 'a',
    changes: { [variable]: 'DB_1' },
  })),
  {
    given: { a: ['DB'], b: ['DB_1'] },
    problem: 'must leave a database for all other stores',
  },
]

const unboundName = 'must name a database that is bound beside DB'
const databases: Case[] = [
  ...['MOVING_TO', 'MOVING_FROM'].flatMap((name) => [
    ...each(name, unboundName, 'DB_9', 'DB', 'DB_01', 'TEST_SECOND_DB'),
    ...each(name, 'must not be empty', ''),
  ]),
  ...['STORE_PLACEMENT', 'STORE_PLACEMENT_NEXT'].flatMap((name) =>
    misplaced.map(({ given, problem, rule, changes }) => ({
      title: `${name} of ${JSON.stringify(given)}`,
      changes: { ...changes, [name]: given },
      problem: `${name} ${problem}`,
      rule,
    })),
  ),
].map((row) => ({ ...row, changes: { ...secondDatabase, ...row.changes } }))

describe('a missing or malformed setting', () => {
  it.each([...texts, ...keySettings, ...databases])(
    'fails loudly and names it, even to a good token, and not on /healthz: $title',
    async ({ changes, problem, rule }) => {
      const caller = await server()

      const response = await sendJsonWith(changes, 'POST', accountsOf('c'), caller, accounts('a'))

      await expectErrors(response, 500, { title: 'Internal Server Error', detail: problem })
      const line = {
        request_id: response.headers.get('X-Request-Id'),
        status: 500,
        reason: `SettingsError: ${problem}${rule === undefined ? '' : `: ${JSON.stringify(rule)}`}`,
      }
      expect(logged).toEqual([{ level: 'error', line: expect.objectContaining(line) }])
      const ready = await sendWith(changes, 'GET', '/readyz')
      await expectErrors(ready, 503, { title: 'Service Unavailable', detail: problem })
      expect((await sendWith(changes, 'GET', '/healthz')).status).toBe(200)
    },
  )
})

describe('AUTH_JWKS', () => {
  const nameless = { kid: undefined }
  it.each([
    { title: 'one key verifies a token that names no kid', set: [ES256], header: nameless },
    { title: 'one key needs no kid', set: [{ ...ES256, ...nameless }], header: nameless },
    { title: 'one key decides the algorithm', set: [RS256], header: nameless, status: 401 },
    { title: 'one key verifies no other kid', set: [ES256], header: { kid: 'b' }, status: 401 },
    { title: 'two keys verify a token that names a kid', set: [ES256, RS256], header: {} },
    { title: 'two keys verify no other', set: [ES256, RS256], header: nameless, status: 401 },
  ])('of $title', async ({ set, header, status = 200 }) => {
    const parts = accessParts()
    const token = await sign({ ...parts, header: { ...Object(parts.header), ...header } })
    const headers = { Authorization: `Bearer ${token}` }

    const response = await sendWith({ AUTH_JWKS: jwks(...set) }, 'GET', cartsOf('a'), headers)

    expect(response.status).toBe(status)
  })
})

describe('account tokens', () => {
  const ACCOUNT_ISSUER = 'https://identity.example'
  it.each([
    { title: 'issuer', changes: { ACCOUNT_ISSUER }, parts: accountParts({ iss: ACCOUNT_ISSUER }) },
    { title: 'keys', changes: { ACCOUNT_JWKS: jwks(RS256) }, parts: accountParts({}, 'RS256') },
  ])('may have $title of their own alone', async ({ changes, parts }) => {
    const statusOf = async (account: Parts): Promise<number> => {
      const token = await sign(account)
      const headers = {
        ...(await server()),
        'EP-Account-Management-Authentication-Token': token,
      }
      return (await sendWith(changes, 'GET', '/v2/carts', headers)).status
    }

    expect(await statusOf(parts)).toBe(200)
    expect(await statusOf(accountParts())).toBe(403)
  })
})

describe('the settings', () => {
  it('are checked and their keys imported once, not for every request', async () => {
    const importKey = vi.spyOn(crypto.subtle, 'importKey')
    const bindings = { ...env }
    const caller = await shopper('account-1')
    importKey.mockClear()

    for (const _ of [1, 2, 3]) await request(bindings, 'GET', '/v2/carts', caller, undefined)

    expect(importKey).toHaveBeenCalledTimes(env.TEST_SIGNING_KEYS.length)
  })
})
