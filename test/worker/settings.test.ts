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

interface Case {
  title: string
  changes: Changes | (() => Promise<Changes>)
  problem: string
  rule?: string | undefined
}

describe('a missing or malformed setting', () => {
  const cases: Case[] = [
    {
      title: 'no AUTH_ISSUER',
      changes: { AUTH_ISSUER: undefined },
      problem: 'AUTH_ISSUER must be set',
    },
    {
      title: 'an empty AUTH_ISSUER',
      changes: { AUTH_ISSUER: ' ' },
      problem: 'AUTH_ISSUER must not be empty',
    },
    ...[
      'AUTH_ISSUER',
      'AUTH_AUDIENCE',
      'ACCOUNT_ISSUER',
      'AUTH_JWKS_URL',
      'ACCOUNT_JWKS_URL',
      'READ_CONSISTENCY',
      'CLAIMS',
      'MOVING_TO',
    ].flatMap((name) =>
      [
        '"x"',
        "'x'",
        '`x`',
        '“x”',
        '‘x’',
        ' x',
        'x ',
        'x\n',
        '\r\nx',
        'x\ny',
        '\u00a0x',
        'x\u200b',
      ].map((value) => ({
        title: `${name} of ${JSON.stringify(value)}`,
        changes: Object({ [name]: value }),
        problem: `${name} must have no white space, line ends or quotes around it`,
      })),
    ),
    ...[
      { name: 'AUTH_AUDIENCE', what: 'audience' },
      { name: 'AUTH_ISSUER', what: 'issuer' },
      { name: 'ACCOUNT_ISSUER', what: 'issuer' },
    ].flatMap(({ name, what }) =>
      ['https://a.example,https://b.example', '["a","b"]', 'a b', 'a;b', '{"a":1}'].map(
        (value) => ({
          title: `a list in ${name}: ${value}`,
          changes: Object({ [name]: value }),
          problem: `${name} must be one ${what}, not a list`,
        }),
      ),
    ),
    ...[
      'https://*.vercel.app',
      'https://*',
      'https://shop.example,https://*.shop.example',
      '"https://shop.example"',
      'https://shop.example/',
      'shop.example',
      'null',
      'capacitor://localhost/path',
    ].map((value) => ({
      title: `CORS_ORIGINS of ${value}`,
      changes: { CORS_ORIGINS: value },
      problem: 'CORS_ORIGINS must be * or origins like https://shop.example, separated by commas',
    })),
    {
      title: 'no AUTH_AUDIENCE',
      changes: { AUTH_AUDIENCE: undefined },
      problem: 'AUTH_AUDIENCE must be set',
    },
    { title: 'no AUTH_JWKS', changes: { AUTH_JWKS: undefined }, problem: 'AUTH_JWKS must be set' },
    {
      title: 'an AUTH_JWKS that is not JSON',
      changes: { AUTH_JWKS: 'secret' },
      problem: 'AUTH_JWKS must be JSON',
    },
    {
      title: 'an AUTH_JWKS that is null',
      changes: { AUTH_JWKS: 'null' },
      problem: 'AUTH_JWKS must be a JSON object',
    },
    {
      title: 'one key outside a set',
      changes: { AUTH_JWKS: JSON.stringify(ES256) },
      problem: 'AUTH_JWKS keys is missing',
    },
    {
      title: 'keys that are no array',
      changes: { AUTH_JWKS: '{"keys":{}}' },
      problem: 'AUTH_JWKS keys must be an array',
    },
    {
      title: 'no key',
      changes: { AUTH_JWKS: jwks() },
      problem: 'AUTH_JWKS keys must hold at least one key',
    },
    {
      title: 'a secret without alg',
      changes: { AUTH_JWKS: jwks({ ...HS256, alg: undefined }) },
      problem: 'AUTH_JWKS keys[0].alg is missing',
    },
    {
      title: 'a key of an alg that is not accepted',
      changes: { AUTH_JWKS: jwks(ES256, { ...ES256, kid: 'b', alg: 'ES256K' }) },
      problem:
        'AUTH_JWKS keys[1].alg must be "ES256" or "ES384" or "ES512" or "EdDSA" or "RS256" or "PS256" or "HS256"',
    },
    {
      title: 'a key whose kty is not that of its alg',
      changes: { AUTH_JWKS: jwks({ ...RS256, alg: 'ES256' }) },
      problem: 'AUTH_JWKS keys[0].kty must be "EC"',
    },
    {
      title: 'a key for encryption',
      changes: { AUTH_JWKS: jwks({ ...ES256, use: 'enc' }) },
      problem: 'AUTH_JWKS keys[0].use must be "sig"',
    },
    {
      title: 'a private key',
      changes: { AUTH_JWKS: jwks(signingKey('ES256')) },
      problem: 'AUTH_JWKS keys[0].d must be left out: it is the private half of the key',
    },
    {
      title: 'a kid twice',
      changes: { AUTH_JWKS: jwks(ES256, ES256) },
      problem: 'AUTH_JWKS must not name one kid twice',
    },
    {
      title: 'several keys, one without kid',
      changes: { AUTH_JWKS: jwks(ES256, { ...RS256, kid: undefined }) },
      problem: 'AUTH_JWKS must name a kid for each key where there are several',
    },
    {
      title: 'an RSA key of 1024 bits',
      changes: async () => ({ AUTH_JWKS: jwks(await rsa1024()) }),
      problem: 'AUTH_JWKS keys[0].n must have at least 2048 bits',
    },
    {
      title: 'a point that is not on the curve',
      changes: { AUTH_JWKS: jwks({ ...ES256, x: ES256.y, y: ES256.x }) },
      problem: 'AUTH_JWKS keys[0] must be a valid ES256 key',
    },
    {
      title: 'a member that is not base64url',
      changes: { AUTH_JWKS: jwks({ ...ES256, x: '+/==' }) },
      problem: 'AUTH_JWKS keys[0].x must be unpadded base64url',
    },
    ...[`+${ES256.x}`, `${ES256.x}=`].map((x) => ({
      title: `a member that is base64url but for one character: ${x.replace(/\w{3,}/, '…')}`,
      changes: { AUTH_JWKS: jwks({ ...ES256, x }) },
      problem: 'AUTH_JWKS keys[0].x must be unpadded base64url',
    })),
    {
      title: 'a bad eleventh key',
      changes: {
        AUTH_JWKS: jwks(
          ...Array.from({ length: 10 }, (_, index) => ({ ...ES256, kid: `${index}` })),
          { ...ES256, use: 'enc' },
        ),
      },
      problem: 'AUTH_JWKS keys[10].use must be "sig"',
    },
    {
      title: 'a short HMAC secret',
      changes: { AUTH_JWKS: jwks({ ...HS256, k: 'c2VjcmV0' }) },
      problem: 'AUTH_JWKS keys[0].k must hold at least 32 bytes',
    },
    {
      title: 'an HMAC secret of 31 bytes',
      changes: { AUTH_JWKS: jwks({ ...HS256, k: 'c'.repeat(42) }) },
      problem: 'AUTH_JWKS keys[0].k must hold at least 32 bytes',
    },
    {
      title: 'a key on a wrong curve',
      changes: { AUTH_JWKS: jwks({ ...ES256, crv: 'P-384' }) },
      problem: 'AUTH_JWKS keys[0].crv must be "P-256"',
    },
    {
      title: 'an empty kid',
      changes: { AUTH_JWKS: jwks({ ...ES256, kid: '' }) },
      problem: 'AUTH_JWKS keys[0].kid must not be empty',
    },
    {
      title: 'an empty ACCOUNT_ISSUER',
      changes: { ACCOUNT_ISSUER: '' },
      problem: 'ACCOUNT_ISSUER must not be empty',
    },
    {
      title: 'a malformed ACCOUNT_JWKS',
      changes: { ACCOUNT_JWKS: '{}' },
      problem: 'ACCOUNT_JWKS keys is missing',
    },
    {
      title: 'an AUTH_SIGNING_JWK that is not JSON',
      changes: { AUTH_SIGNING_JWK: 'secret' },
      problem: 'AUTH_SIGNING_JWK must be JSON',
    },
    {
      title: 'the public half alone for AUTH_SIGNING_JWK',
      changes: { AUTH_SIGNING_JWK: JSON.stringify(ES256) },
      problem: 'AUTH_SIGNING_JWK d is missing',
    },
    {
      title: 'an RSA key without its factors for AUTH_SIGNING_JWK',
      changes: { AUTH_SIGNING_JWK: JSON.stringify({ ...signingKey('RS256'), p: undefined }) },
      problem: 'AUTH_SIGNING_JWK p is missing',
    },
    {
      title: 'an AUTH_SIGNING_JWK without a kid',
      changes: { AUTH_SIGNING_JWK: JSON.stringify({ ...signingKey('ES256'), kid: undefined }) },
      problem: 'AUTH_SIGNING_JWK kid is missing',
    },
    {
      title: 'two halves of different keys in AUTH_SIGNING_JWK',
      changes: async () => ({
        AUTH_SIGNING_JWK: JSON.stringify({
          ...signingKey('ES256'),
          d: (await newSigningKey('another')).d,
        }),
      }),
      problem: 'AUTH_SIGNING_JWK must be a valid ES256 key',
    },
    {
      title: 'a different key in AUTH_JWKS under the kid of AUTH_SIGNING_JWK',
      changes: async () => ({
        AUTH_SIGNING_JWK: JSON.stringify(await newSigningKey('test-ES256')),
      }),
      problem: 'AUTH_JWKS has another key than AUTH_SIGNING_JWK under the same kid',
    },
    {
      title: 'a key that is not for verifying',
      changes: { AUTH_JWKS: jwks({ ...ES256, key_ops: ['encrypt'] }) },
      problem: 'AUTH_JWKS keys[0].key_ops must have "verify"',
    },
    {
      title: 'an AUTH_SIGNING_JWK that is not for signing',
      changes: {
        AUTH_SIGNING_JWK: JSON.stringify({ ...signingKey('ES256'), key_ops: ['verify'] }),
      },
      problem: 'AUTH_SIGNING_JWK key_ops must have "sign"',
    },
    ...SMALL_ORDER.map((x) => ({
      title: `an Ed25519 key of small order: ${x}`,
      changes: { AUTH_JWKS: jwks({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', x }) },
      problem: 'AUTH_JWKS keys[0].x must not be of small order',
    })),
    {
      title: 'a nameless key in AUTH_JWKS beside AUTH_SIGNING_JWK',
      changes: {
        AUTH_JWKS: jwks({ ...RS256, kid: undefined }),
        AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')),
      },
      problem: 'AUTH_JWKS must name a kid for each key where there are several',
    },
    ...[
      'not a URL',
      'http://keys.example/',
      'http://127.0.0.1.example/',
      'http://notlocalhost/',
      'ftp://localhost/',
      'file:///keys',
    ].map((url) => ({
      title: `${url} for AUTH_JWKS_URL`,
      changes: { AUTH_JWKS_URL: url },
      problem: 'AUTH_JWKS_URL must be an https address; http is for this machine alone',
    })),
    {
      title: 'a nameless key in ACCOUNT_JWKS beside ACCOUNT_JWKS_URL',
      changes: {
        ACCOUNT_JWKS: jwks({ ...RS256, kid: undefined }),
        ACCOUNT_JWKS_URL: 'https://identity.example/keys',
      },
      problem: 'ACCOUNT_JWKS must name a kid for each key where ACCOUNT_JWKS_URL is set',
    },
    {
      title: 'an origin with a path',
      changes: { CORS_ORIGINS: 'https://a.example, https://b.example/' },
      problem: 'CORS_ORIGINS must be * or origins like https://shop.example, separated by commas',
    },
    {
      title: 'a READ_CONSISTENCY that is neither',
      changes: { READ_CONSISTENCY: 'strong' },
      problem: 'READ_CONSISTENCY must be primary or nearest',
    },
    {
      title: 'a CLAIMS that is neither',
      changes: { CLAIMS: 'closed' },
      problem: 'CLAIMS must be open or invited',
    },
    ...[0, 3651, 1.5, '0', '3651', '1.5', '1e3', '-1', ' 1', '', 'x', true, null, {}, [30]].map(
      (value) => ({
        title: `ASSOCIATION_TTL_DAYS of ${JSON.stringify(value)}`,
        changes: { ASSOCIATION_TTL_DAYS: value },
        problem: 'ASSOCIATION_TTL_DAYS must be a whole number from 1 to 3650',
      }),
    ),
    ...[0, 1001, 99.5, '0', '1001', '+1', '0x10', 'Infinity', false].map((value) => ({
      title: `CARTS_PER_ACCOUNT of ${JSON.stringify(value)}`,
      changes: { CARTS_PER_ACCOUNT: value },
      problem: 'CARTS_PER_ACCOUNT must be a whole number from 1 to 1000',
    })),
    { title: 'no DB', changes: { DB: undefined }, problem: 'DB must be bound to a D1 database' },
    {
      title: 'a DB_1 that is a variable',
      changes: { DB_1: JSON.parse('"cart-accounts-1"') },
      problem: 'DB_1 must be bound to a D1 database',
    },
    ...['MOVING_TO', 'MOVING_FROM'].flatMap((name) => [
      ...['DB_9', 'DB', 'DB_01', 'TEST_SECOND_DB'].map((database) => ({
        title: `${database} for ${name}`,
        changes: { DB_1: env.TEST_SECOND_DB, [name]: database },
        problem: `${name} must name a database that is bound beside DB`,
      })),
      {
        title: `an empty ${name}`,
        changes: { DB_1: env.TEST_SECOND_DB, [name]: '' },
        problem: `${name} must not be empty`,
      },
    ]),
    ...['STORE_PLACEMENT', 'STORE_PLACEMENT_NEXT'].flatMap((name) =>
      misplaced.map(({ given, problem, rule, changes }) => ({
        title: `${name} of ${JSON.stringify(given)}`,
        changes: { DB_1: env.TEST_SECOND_DB, ...changes, [name]: given },
        problem: `${name} ${problem}`,
        rule,
      })),
    ),
  ]

  it.each(cases)(
    'fails loudly and names it, even to a good token: $title',
    async ({ changes, problem, rule }) => {
      const bindings = typeof changes === 'function' ? await changes() : changes

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

  it.each(cases)('makes /readyz answer 503 and name it: $title', async ({ changes, problem }) => {
    const bindings = typeof changes === 'function' ? await changes() : changes

    const response = await sendJsonWith(bindings, 'GET', '/readyz', {}, undefined)

    await expectErrors(response, 503, { title: 'Service Unavailable', detail: problem })
  })

  it.each(cases)('does not affect /healthz: $title', async ({ changes }) => {
    const bindings = typeof changes === 'function' ? await changes() : changes

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
