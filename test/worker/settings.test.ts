import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import { accounts, accountsOf, type Changes, sendJsonWith, uniqueId } from './requests.ts'
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

async function rsa1024(): Promise<object> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: 1024,
    publicExponent: new Uint8Array([1, 0, 1]),
  }
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  if (!('publicKey' in pair)) throw new Error('Not a key pair')
  const { kty, n, e } = Object(await crypto.subtle.exportKey('jwk', pair.publicKey))
  return { kty, n, e, alg: 'RS256' }
}

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

const bound = 'must list databases for each rule, and only bound ones'
const elsewhere = 'must list no database of MOVING_TO or MOVING_FROM'
const stores = 'must name stores by an id, or by its beginning and a *'
const aTable = 'must be a table of lists, or its JSON text'
const others = 'must leave a database for all other stores'
/** Placements that are wrong, and the rule that the log names. */
const misplaced: { given: unknown; problem: string; rule?: string; changes?: Changes }[] = [
  ...['', 'DB_1', '{', '[]', 'null', null, 1, [], ['DB_1']].map((given) => ({
    given,
    problem: aTable,
  })),
  ...['*', '', 'a*b', 'a**', 'a/b', 'ü', ' a', 'a'.repeat(256)].map((rule) => ({
    given: { b: ['DB_1'], [rule]: ['DB_1'] },
    problem: stores,
    rule,
  })),
  ...[[], 'DB_1', null, {}, ['DB_2'], ['DB_1', 'DB_9'], ['DB_1', 1], ['AUTH_JWKS']].map(
    (given) => ({ given: { 'eu-*': given }, problem: bound, rule: 'eu-*' }),
  ),
  // JSON makes it a member of its own.
  { given: '{"__proto__": ["DB_2"]}', problem: bound, rule: '__proto__' },
  ...['MOVING_TO', 'MOVING_FROM'].map((variable) => ({
    given: '{"a": ["DB_1"]}',
    problem: elsewhere,
    rule: 'a',
    changes: { [variable]: 'DB_1' },
  })),
  { given: { a: ['DB'], b: ['DB_1'] }, problem: others },
]

type Case = [
  title: string,
  changes: Changes | (() => Promise<Changes>),
  problem: string,
  rule?: string | undefined,
]

/** Values of one setting that are malformed in one way. */
const each = (name: string, values: unknown[], problem: string): Case[] =>
  values.map((value) => [
    `${name} of ${JSON.stringify(value)}`,
    Object({ [name]: value }),
    `${name} ${problem}`,
  ])

const inQuotes = ['"x"', "'x'", '`x`', '“x”', '‘x’']
const inSpace = [' x', 'x ', 'x\n', '\r\nx', 'x\ny', '\u00a0x', 'x\u200b']
const lists = ['https://a.example,https://b.example', '["a","b"]', 'a b', 'a;b', '{"a":1}']
const notBase64url = 'must be unpadded base64url'
const unnamed = 'must name a kid for each key where there are several'

/** Members of AUTH_JWKS, and what is said of `AUTH_JWKS keys`. */
const keys: [title: string, keys: object[], problem: string][] = [
  ['no key', [], ' must hold at least one key'],
  ['a secret without alg', [{ ...HS256, alg: undefined }], '[0].alg is missing'],
  [
    'a key of an alg that is not accepted',
    [ES256, { ...ES256, kid: 'b', alg: 'ES256K' }],
    '[1].alg must be "ES256" or "ES384" or "ES512" or "EdDSA" or "RS256" or "PS256" or "HS256"',
  ],
  ['a key whose kty is not that of its alg', [{ ...RS256, alg: 'ES256' }], '[0].kty must be "EC"'],
  ['a key for encryption', [{ ...ES256, use: 'enc' }], '[0].use must be "sig"'],
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
  [
    'a bad eleventh key',
    [
      ...Array.from({ length: 10 }, (_, index) => ({ ...ES256, kid: `${index}` })),
      { ...ES256, use: 'enc' },
    ],
    '[10].use must be "sig"',
  ],
  ['a short HMAC secret', [{ ...HS256, k: 'c2VjcmV0' }], '[0].k must hold at least 32 bytes'],
  [
    'an HMAC secret of 31 bytes',
    [{ ...HS256, k: 'c'.repeat(42) }],
    '[0].k must hold at least 32 bytes',
  ],
  ['a key on a wrong curve', [{ ...ES256, crv: 'P-384' }], '[0].crv must be "P-256"'],
  ['an empty kid', [{ ...ES256, kid: '' }], '[0].kid must not be empty'],
  [
    'a key that is not for verifying',
    [{ ...ES256, key_ops: ['encrypt'] }],
    '[0].key_ops must have "verify"',
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
    { ...signingKey('ES256'), d: (await newSigningKey('another')).d },
    'must be a valid ES256 key',
  ],
  [
    'a key that is not for signing',
    { ...signingKey('ES256'), key_ops: ['verify'] },
    'key_ops must have "sign"',
  ],
]

const cases: Case[] = [
  ['no AUTH_ISSUER', { AUTH_ISSUER: undefined }, 'AUTH_ISSUER must be set'],
  ['no AUTH_AUDIENCE', { AUTH_AUDIENCE: undefined }, 'AUTH_AUDIENCE must be set'],
  ['no AUTH_JWKS', { AUTH_JWKS: undefined }, 'AUTH_JWKS must be set'],
  ['no DB', { DB: undefined }, 'DB must be bound to a D1 database'],
  ['an empty AUTH_ISSUER', { AUTH_ISSUER: ' ' }, 'AUTH_ISSUER must not be empty'],
  ['an empty ACCOUNT_ISSUER', { ACCOUNT_ISSUER: '' }, 'ACCOUNT_ISSUER must not be empty'],
  ...[
    ...['AUTH_ISSUER', 'AUTH_AUDIENCE', 'ACCOUNT_ISSUER', 'AUTH_JWKS_URL', 'ACCOUNT_JWKS_URL'],
    ...['READ_CONSISTENCY', 'CLAIMS', 'MOVING_TO'],
  ].flatMap((name) =>
    each(
      name,
      [...inQuotes, ...inSpace],
      'must have no white space, line ends or quotes around it',
    ),
  ),
  ...each('AUTH_AUDIENCE', lists, 'must be one audience, not a list'),
  ...each('AUTH_ISSUER', lists, 'must be one issuer, not a list'),
  ...each('ACCOUNT_ISSUER', lists, 'must be one issuer, not a list'),
  ...each(
    'CORS_ORIGINS',
    [
      ...['https://*.vercel.app', 'https://*', 'https://shop.example,https://*.shop.example'],
      ...['"https://shop.example"', 'https://shop.example/', 'shop.example', 'null'],
      ...['capacitor://localhost/path', 'https://a.example, https://b.example/'],
    ],
    'must be * or origins like https://shop.example, separated by commas',
  ),
  ...each(
    'AUTH_JWKS_URL',
    [
      ...['not a URL', 'http://keys.example/', 'http://127.0.0.1.example/'],
      ...['http://notlocalhost/', 'ftp://localhost/', 'file:///keys'],
    ],
    'must be an https address; http is for this machine alone',
  ),
  ...each('AUTH_JWKS', ['secret'], 'must be JSON'),
  ...each('AUTH_JWKS', ['null'], 'must be a JSON object'),
  ...each('AUTH_JWKS', ['{"keys":{}}'], 'keys must be an array'),
  ...each('AUTH_JWKS', [JSON.stringify(ES256)], 'keys is missing'),
  ...each('ACCOUNT_JWKS', ['{}'], 'keys is missing'),
  ...each('AUTH_SIGNING_JWK', ['secret'], 'must be JSON'),
  ...keys.map(
    ([title, set, problem]): Case => [
      `${title} in AUTH_JWKS`,
      { AUTH_JWKS: jwks(...set) },
      `AUTH_JWKS keys${problem}`,
    ],
  ),
  ['a kid twice', { AUTH_JWKS: jwks(ES256, ES256) }, 'AUTH_JWKS must not name one kid twice'],
  [
    'several keys, one without kid',
    { AUTH_JWKS: jwks(ES256, { ...RS256, kid: undefined }) },
    `AUTH_JWKS ${unnamed}`,
  ],
  [
    'an RSA key of 1024 bits',
    async () => ({ AUTH_JWKS: jwks(await rsa1024()) }),
    'AUTH_JWKS keys[0].n must have at least 2048 bits',
  ],
  ...signingKeys.map(
    ([title, key, problem]): Case => [
      `${title} for AUTH_SIGNING_JWK`,
      { AUTH_SIGNING_JWK: JSON.stringify(key) },
      `AUTH_SIGNING_JWK ${problem}`,
    ],
  ),
  [
    'a different key in AUTH_JWKS under the kid of AUTH_SIGNING_JWK',
    async () => ({ AUTH_SIGNING_JWK: JSON.stringify(await newSigningKey('test-ES256')) }),
    'AUTH_JWKS has another key than AUTH_SIGNING_JWK under the same kid',
  ],
  [
    'a nameless key in AUTH_JWKS beside AUTH_SIGNING_JWK',
    {
      AUTH_JWKS: jwks({ ...RS256, kid: undefined }),
      AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')),
    },
    `AUTH_JWKS ${unnamed}`,
  ],
  [
    'a nameless key in ACCOUNT_JWKS beside ACCOUNT_JWKS_URL',
    {
      ACCOUNT_JWKS: jwks({ ...RS256, kid: undefined }),
      ACCOUNT_JWKS_URL: 'https://identity.example/keys',
    },
    'ACCOUNT_JWKS must name a kid for each key where ACCOUNT_JWKS_URL is set',
  ],
  ...each('READ_CONSISTENCY', ['strong'], 'must be primary or nearest'),
  ...each('CLAIMS', ['closed'], 'must be open or invited'),
  ...each(
    'ASSOCIATION_TTL_DAYS',
    [0, 3651, 1.5, '0', '3651', '1.5', '1e3', '-1', ' 1', '', 'x', true, null, {}, [30]],
    'must be a whole number from 1 to 3650',
  ),
  ...each(
    'CARTS_PER_ACCOUNT',
    [0, 1001, 99.5, '0', '1001', '+1', '0x10', 'Infinity', false],
    'must be a whole number from 1 to 1000',
  ),
  ...each('DB_1', ['cart-accounts-1'], 'must be bound to a D1 database'),
  ...['MOVING_TO', 'MOVING_FROM'].flatMap((name) =>
    [
      ...each(
        name,
        ['DB_9', 'DB', 'DB_01', 'TEST_SECOND_DB'],
        'must name a database that is bound beside DB',
      ),
      ...each(name, [''], 'must not be empty'),
    ].map(
      ([title, changes, problem]): Case => [
        title,
        { DB_1: env.TEST_SECOND_DB, ...changes },
        problem,
      ],
    ),
  ),
  ...['STORE_PLACEMENT', 'STORE_PLACEMENT_NEXT'].flatMap((name) =>
    misplaced.map(
      ({ given, problem, rule, changes }): Case => [
        `${name} of ${JSON.stringify(given)}`,
        { DB_1: env.TEST_SECOND_DB, ...changes, [name]: given },
        `${name} ${problem}`,
        rule,
      ],
    ),
  ),
]

const bindingsOf = async (changes: Case[1]): Promise<Changes> =>
  typeof changes === 'function' ? await changes() : changes

describe('a missing or malformed setting', () => {
  it.each(cases)(
    'fails loudly and names it, even to a good token: %s',
    async (_, changes, problem, rule) => {
      const bindings = await bindingsOf(changes)

      const response = await sendJsonWith(
        bindings,
        'POST',
        accountsOf('c'),
        await server(),
        accounts('a'),
      )

      await expectErrors(response, 500, { title: 'Internal Server Error', detail: problem })
      const line = {
        request_id: response.headers.get('X-Request-Id'),
        status: 500,
        reason: `SettingsError: ${problem}${rule === undefined ? '' : `: ${JSON.stringify(rule)}`}`,
      }
      expect(logged).toEqual([{ level: 'error', line: expect.objectContaining(line) }])
    },
  )

  it.each(cases)('makes /readyz answer 503 and name it: %s', async (_, changes, problem) => {
    const bindings = await bindingsOf(changes)

    const response = await sendJsonWith(bindings, 'GET', '/readyz', {}, undefined)

    await expectErrors(response, 503, { title: 'Service Unavailable', detail: problem })
  })

  it.each(cases)('does not affect /healthz: %s', async (_, changes) => {
    const bindings = await bindingsOf(changes)

    expect((await sendJsonWith(bindings, 'GET', '/healthz', {}, undefined)).status).toBe(200)
  })
})

describe('a set of one key', () => {
  const associate = async (parts: Parts, ...keys: object[]): Promise<number> => {
    const headers = { Authorization: `Bearer ${await sign(parts)}` }
    const path = accountsOf(uniqueId('cart'))
    const bindings = { AUTH_JWKS: jwks(...keys) }
    return (await sendJsonWith(bindings, 'POST', path, headers, accounts('a'))).status
  }
  const withoutKid = (): Parts => {
    const parts = accessParts()
    return { ...parts, header: { ...Object(parts.header), kid: undefined } }
  }

  it('verifies a token that names no kid', async () => {
    expect(await associate(withoutKid(), ES256)).toBe(200)
    expect(await associate(withoutKid(), { ...ES256, kid: undefined })).toBe(200)
  })

  it('still decides the algorithm', async () => {
    expect(await associate(withoutKid(), RS256)).toBe(401)
  })

  it('refuses a token that names another kid', async () => {
    expect(await associate(accessParts(), { ...ES256, kid: 'another' })).toBe(401)
  })

  it('no longer verifies a token without kid once there is a second key', async () => {
    expect(await associate(accessParts(), ES256, RS256)).toBe(200)
    expect(await associate(withoutKid(), ES256, RS256)).toBe(401)
  })
})

describe('an issuer and keys of their own for account tokens', () => {
  const bindings = {
    AUTH_JWKS: jwks(ES256),
    ACCOUNT_ISSUER: 'https://identity.example',
    ACCOUNT_JWKS: jwks(RS256),
  }
  const identity = { iss: bindings.ACCOUNT_ISSUER }

  const statusFor = async (
    access: Parts,
    account: Parts,
    changes: Changes = bindings,
  ): Promise<number> => {
    const headers = {
      Authorization: `Bearer ${await sign(access)}`,
      'EP-Account-Management-Authentication-Token': await sign(account),
    }
    const path = accountsOf(uniqueId('cart'))
    return (await sendJsonWith(changes, 'POST', path, headers, accounts('account-1'))).status
  }

  it('may be the issuer alone', async () => {
    const { ACCOUNT_JWKS: _, ...issuerAlone } = bindings

    expect(await statusFor(accessParts(), accountParts(identity), issuerAlone)).toBe(200)
    expect(await statusFor(accessParts(), accountParts(), issuerAlone)).toBe(403)
  })

  it('may be the keys alone', async () => {
    const { ACCOUNT_ISSUER: _, ...keysAlone } = bindings

    expect(await statusFor(accessParts(), accountParts({}, 'RS256'), keysAlone)).toBe(200)
    expect(await statusFor(accessParts(), accountParts(), keysAlone)).toBe(403)
  })

  it('are required of account tokens, and refused for access tokens', async () => {
    const access = accessParts()
    const account = accountParts(identity, 'RS256')

    expect(await statusFor(access, account)).toBe(200)
    expect(await statusFor(accessParts(identity, 'RS256'), account)).toBe(401)
    expect(await statusFor(accessParts({}, 'RS256'), account)).toBe(401)
    expect(await statusFor(accessParts(identity), account)).toBe(401)
    expect(await statusFor(access, accountParts())).toBe(403)
    expect(await statusFor(access, accountParts(identity))).toBe(403)
    expect(await statusFor(access, accountParts({}, 'RS256'))).toBe(403)
  })
})

describe('the settings', () => {
  it('are checked and their keys imported once, not for every request', async () => {
    const importKey = vi.spyOn(crypto.subtle, 'importKey')
    const bindings = { ...env }
    const caller = await shopper('account-1')
    importKey.mockClear()

    for (let request = 0; request < 3; request += 1) {
      const init = {
        method: 'POST',
        headers: caller,
        body: '[{"type":"account","id":"account-1"}]',
      }
      await app.request(accountsOf('cart-1'), init, bindings)
    }

    expect(importKey).toHaveBeenCalledTimes(4)
    importKey.mockRestore()
  })
})
