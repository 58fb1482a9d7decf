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
  ACCOUNT_TOKEN,
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
const nameless = { kid: undefined }

/** A private key with these members changed. */
const signing = (changes: object, alg = 'ES256'): string =>
  JSON.stringify({ ...signingKey(alg), ...changes })

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
].map((x) => jwks({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', x }))
/** The first bits of a key, with an end that makes them odd. */
const of1024Bits = { ...RS256, n: `${RS256.n?.slice(0, 170)}E` }

const exact = [
  ...['AUTH_ISSUER', 'AUTH_AUDIENCE', 'ACCOUNT_ISSUER', 'AUTH_JWKS_URL', 'ACCOUNT_JWKS_URL'],
  ...['READ_CONSISTENCY', 'CLAIMS', 'MOVING_TO'],
]
const inQuotes = ['"x"', "'x'", '`x`', '“x”', '‘x’']
const inSpace = [' x', 'x ', 'x\n', '\r\nx', 'x\ny', '\u00a0x', 'x\u200b']
const untidy = 'must have no white space, line ends or quotes around it'
const lists = ['https://a.example,https://b.example', '["a","b"]', 'a b', 'a;b', '{"a":1}']
const notBound = 'must be bound to a D1 database'
const notBeside = 'must name a database that is bound beside DB'
const notBase64url = 'keys[0].x must be unpadded base64url'
const shortSecret = 'keys[0].k must hold at least 32 bytes'
const severalUnnamed = 'must name a kid for each key where there are several'

type Malformed = [name: string, problem: string, ...values: unknown[]]

/** What is said of a setting with each of these values. */
const malformed: Malformed[] = [
  ['AUTH_ISSUER', 'must be set', undefined],
  ['AUTH_AUDIENCE', 'must be set', undefined],
  ['AUTH_JWKS', 'must be set', undefined],
  ['DB', notBound, undefined],
  ['DB_1', notBound, 'cart-accounts-1'],
  ['AUTH_ISSUER', 'must not be empty', ' '],
  ['ACCOUNT_ISSUER', 'must not be empty', ''],
  ['MOVING_TO', 'must not be empty', ''],
  ['MOVING_FROM', 'must not be empty', ''],
  ['MOVING_TO', notBeside, 'DB_9', 'DB', 'DB_01', 'TEST_SECOND_DB'],
  ['MOVING_FROM', notBeside, 'DB_9', 'DB', 'DB_01', 'TEST_SECOND_DB'],
  ...exact.map((name): Malformed => [name, untidy, ...inQuotes, ...inSpace]),
  ['AUTH_AUDIENCE', 'must be one audience, not a list', ...lists],
  ['AUTH_ISSUER', 'must be one issuer, not a list', ...lists],
  ['ACCOUNT_ISSUER', 'must be one issuer, not a list', ...lists],
  ['READ_CONSISTENCY', 'must be primary or nearest', 'strong'],
  ['CLAIMS', 'must be open or invited', 'closed'],
  ['CLAIMS', 'must not be invited without AUTH_SIGNING_JWK', 'invited'],
  [
    'CORS_ORIGINS',
    'must be * or origins like https://shop.example, separated by commas',
    ...['https://*.vercel.app', 'https://*', 'https://shop.example,https://*.shop.example'],
    ...['"https://shop.example"', 'https://shop.example/', 'shop.example', 'null'],
    ...['capacitor://localhost/path', 'https://a.example, https://b.example/'],
  ],
  [
    'AUTH_JWKS_URL',
    'must be an https address; http is for this machine alone',
    ...['not a URL', 'http://keys.example/', 'http://127.0.0.1.example/'],
    ...['http://notlocalhost/', 'ftp://localhost/', 'file:///keys'],
  ],
  [
    'ASSOCIATION_TTL_DAYS',
    'must be a whole number from 1 to 3650',
    ...[0, 3651, 1.5, '0', '3651', '1.5', '1e3', '-1', ' 1', '', 'x', true, null, {}, [30]],
  ],
  [
    'CARTS_PER_ACCOUNT',
    'must be a whole number from 1 to 1000',
    ...[0, 1001, 99.5, '0', '1001', '+1', '0x10', 'Infinity', false],
  ],
  ['AUTH_JWKS', 'must be JSON', 'secret'],
  ['AUTH_JWKS', 'must be a JSON object', 'null'],
  ['AUTH_JWKS', 'keys must be an array', '{"keys":{}}'],
  ['AUTH_JWKS', 'keys is missing', JSON.stringify(ES256)],
  ['ACCOUNT_JWKS', 'keys is missing', '{}'],
  ['AUTH_JWKS', 'keys must hold at least one key', jwks()],
  ['AUTH_JWKS', 'keys[0].alg is missing', jwks({ ...HS256, alg: undefined })],
  [
    'AUTH_JWKS',
    'keys[1].alg must be "ES256" or "ES384" or "ES512" or "EdDSA" or "RS256" or "PS256" or "HS256"',
    jwks(ES256, { ...ES256, kid: 'b', alg: 'ES256K' }),
  ],
  ['AUTH_JWKS', 'keys[0].kty must be "EC"', jwks({ ...RS256, alg: 'ES256' })],
  ['AUTH_JWKS', 'keys[0].crv must be "P-256"', jwks({ ...ES256, crv: 'P-384' })],
  ['AUTH_JWKS', 'keys[0].use must be "sig"', jwks({ ...ES256, use: 'enc' })],
  ['AUTH_JWKS', 'keys[0].key_ops must have "verify"', jwks({ ...ES256, key_ops: ['encrypt'] })],
  [
    'AUTH_JWKS',
    'keys[0].d must be left out: it is the private half of the key',
    jwks(signingKey('ES256')),
  ],
  ['AUTH_JWKS', 'keys[0] must be a valid ES256 key', jwks({ ...ES256, x: ES256.y, y: ES256.x })],
  [
    'AUTH_JWKS',
    notBase64url,
    ...['+/==', `+${ES256.x}`, `${ES256.x}=`].map((x) => jwks({ ...ES256, x })),
  ],
  ['AUTH_JWKS', shortSecret, ...['c2VjcmV0', 'c'.repeat(42)].map((k) => jwks({ ...HS256, k }))],
  ['AUTH_JWKS', 'keys[0].n must have at least 2048 bits', jwks(of1024Bits)],
  ['AUTH_JWKS', 'keys[0].x must not be of small order', ...SMALL_ORDER],
  ['AUTH_JWKS', 'keys[0].kid must not be empty', jwks({ ...ES256, kid: '' })],
  ['AUTH_JWKS', 'must not name one kid twice', jwks(ES256, ES256)],
  ['AUTH_JWKS', severalUnnamed, jwks(ES256, { ...RS256, ...nameless })],
  ['AUTH_SIGNING_JWK', 'must be JSON', 'secret'],
  ['AUTH_SIGNING_JWK', 'd is missing', JSON.stringify(ES256)],
  ['AUTH_SIGNING_JWK', 'p is missing', signing({ p: undefined }, 'RS256')],
  ['AUTH_SIGNING_JWK', 'kid is missing', signing(nameless)],
  ['AUTH_SIGNING_JWK', 'must be a valid ES256 key', signing({ d: stranger.d })],
  ['AUTH_SIGNING_JWK', 'key_ops must have "sign"', signing({ key_ops: ['verify'] })],
]

interface Case {
  problem: string
  changes: Changes
  /** The rule of a placement, which only the log names. */
  rule?: string | undefined
}

const single: Case[] = malformed.flatMap(([name, problem, ...values]) =>
  values.map((value) => ({ problem: `${name} ${problem}`, changes: Object({ [name]: value }) })),
)

const together: Case[] = [
  {
    problem: `AUTH_JWKS ${severalUnnamed}`,
    changes: { AUTH_JWKS: jwks({ ...RS256, ...nameless }), AUTH_SIGNING_JWK: signing({}) },
  },
  {
    problem: 'AUTH_JWKS has another key than AUTH_SIGNING_JWK under the same kid',
    changes: { AUTH_SIGNING_JWK: JSON.stringify(stranger) },
  },
  {
    problem: 'ACCOUNT_JWKS must name a kid for each key where ACCOUNT_JWKS_URL is set',
    changes: {
      ACCOUNT_JWKS: jwks({ ...RS256, ...nameless }),
      ACCOUNT_JWKS_URL: 'https://identity.example/keys',
    },
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
  ...[[], 'DB_1', null, {}, ['DB_2'], ['DB_1', 'DB_9'], ['DB_1', 1], ['AUTH_JWKS']].map(
    (given) => ({
      // JSON makes it a member of its own.
      given: `{"__proto__":${JSON.stringify(given)}}`,
      problem: 'must list databases for each rule, and only bound ones',
      rule: '__proto__',
    }),
  ),
  ...['MOVING_TO', 'MOVING_FROM'].map((variable) => ({
    given: '{"a": ["DB_1"]}',
    problem: 'must list no database of MOVING_TO or MOVING_FROM',
    rule: 'a',
    changes: { [variable]: 'DB_1' },
  })),
  { given: { a: ['DB'], b: ['DB_1'] }, problem: 'must leave a database for all other stores' },
]

const placements: Case[] = ['STORE_PLACEMENT', 'STORE_PLACEMENT_NEXT'].flatMap((name) =>
  misplaced.map(({ given, problem, rule, changes }) => ({
    problem: `${name} ${problem}`,
    changes: { ...changes, [name]: given },
    rule,
  })),
)

describe('a missing or malformed setting', () => {
  it.each([...single, ...together, ...placements])(
    'fails loudly and names it, even to a good token, and not on /healthz: $problem, $changes',
    async ({ changes, problem, rule }) => {
      const bindings = { DB_1: env.TEST_SECOND_DB, ...changes }
      const caller = await server()

      const response = await sendJsonWith(bindings, 'POST', accountsOf('c'), caller, accounts('a'))

      await expectErrors(response, 500, { title: 'Internal Server Error', detail: problem })
      const line = {
        request_id: response.headers.get('X-Request-Id'),
        status: 500,
        reason: `SettingsError: ${problem}${rule === undefined ? '' : `: ${JSON.stringify(rule)}`}`,
      }
      expect(logged).toEqual([{ level: 'error', line: expect.objectContaining(line) }])
      const ready = await sendWith(bindings, 'GET', '/readyz')
      await expectErrors(ready, 503, { title: 'Service Unavailable', detail: problem })
      expect((await sendWith(bindings, 'GET', '/healthz')).status).toBe(200)
    },
  )
})

describe('AUTH_JWKS', () => {
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
        [ACCOUNT_TOKEN]: token,
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
