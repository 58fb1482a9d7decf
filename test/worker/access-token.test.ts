import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { issuing, storedKey, type TestKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import {
  accounts,
  accountsOf,
  type Changes,
  request,
  sendJsonWith,
  sendWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { accountParts, now, sign } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const PATH = '/oauth/access_token'
const FORM = 'application/x-www-form-urlencoded'

const form = (members: Record<string, string>) => new URLSearchParams(members).toString()

async function ask(
  body: string,
  contentType: string | undefined = FORM,
  changes: Changes = {},
): Promise<Response> {
  const headers = contentType === undefined ? {} : { 'Content-Type': contentType }
  return await sendWith({ ...issuing, ...changes }, 'POST', PATH, headers, body)
}

const credentials = ({ clientId, secret }: TestKey) => ({
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: secret,
})
const implicit = ({ clientId }: TestKey) => ({ grant_type: 'implicit', client_id: clientId })

describe('POST /oauth/access_token', () => {
  it.each([
    { grant: implicit, kind: 'confidential' },
    { grant: implicit, kind: 'implicit-only' },
    { grant: credentials, kind: 'confidential' },
  ] as const)('issues a token for an hour: $grant.name to a key that is $kind', async (row) => {
    const key = await storedKey(row.kind)
    const before = now()

    const response = await ask(form(row.grant(key)))

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const body = await response.json()
    const identifier = row.grant(key).grant_type
    expect(body).toEqual({
      access_token: expect.any(String),
      expires: expect.any(Number),
      expires_in: 3600,
      identifier,
      token_type: 'Bearer',
    })
    const { access_token, expires } = Object(body)
    expect(expires).toBeGreaterThanOrEqual(before + 3600)
    expect(expires).toBeLessThanOrEqual(now() + 3600)
    expect(decodeProtectedHeader(access_token)).toEqual({
      alg: 'ES256',
      kid: 'test-ES256',
      typ: 'at+jwt',
    })
    // RFC 9068, section 2.2, and two claims of ours (contract, section 1).
    expect(decodeJwt(access_token)).toEqual({
      iss: env.AUTH_ISSUER,
      aud: env.AUTH_AUDIENCE,
      sub: key.clientId,
      client_id: key.clientId,
      iat: expires - 3600,
      exp: expires,
      jti: expect.any(String),
      store_id: key.storeId,
      grant_type: identifier,
    })
  })

  it('issues a new token each time (RFC 7519, section 4.1.7)', async () => {
    const key = await storedKey('implicit-only')
    const jti = async () =>
      decodeJwt(Object(await (await ask(form(implicit(key)))).json()).access_token).jti

    expect(await jti()).not.toBe(await jti())
  })

  it('reads the key from the primary, whichever bookmark the request sends', async () => {
    const key = await storedKey('implicit-only')
    const { db, sessions } = wrapD1(env.DB)
    const headers = {
      'Content-Type': FORM,
      'X-D1-Bookmark': '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683',
    }
    const changes = { ...issuing, DB: db, READ_CONSISTENCY: 'nearest' }

    await sendWith(changes, 'POST', PATH, headers, form(implicit(key)))

    expect(sessions).toEqual(['first-primary'])
  })

  it('issues tokens that this Worker accepts, within the store of the key', async () => {
    const key = await storedKey('confidential')
    const account = uniqueId('account')
    const { access_token: server } = Object(await (await ask(form(credentials(key)))).json())
    const { access_token: anyone } = Object(await (await ask(form(implicit(key)))).json())
    const accountToken = await sign(accountParts({ store_id: key.storeId, account_id: account }))
    const associate = async (headers: Record<string, string>) =>
      (
        await sendJsonWith(
          issuing,
          'POST',
          accountsOf(uniqueId('cart')),
          headers,
          accounts(account),
        )
      ).status

    expect(await associate({ Authorization: `Bearer ${server}` })).toBe(200)
    expect(await associate({ Authorization: `Bearer ${anyone}` })).toBe(403)
    expect(
      await associate({
        Authorization: `Bearer ${anyone}`,
        'EP-Account-Management-Authentication-Token': accountToken,
      }),
    ).toBe(200)
  })

  it.each([
    { body: 'form', type: FORM },
    { body: 'form', type: `${FORM}; charset=UTF-8` },
    { body: 'form', type: 'application/json' },
    { body: 'form', type: undefined },
    { body: 'JSON', type: 'application/json' },
    { body: 'JSON', type: FORM },
    { body: 'JSON', type: undefined },
  ])('takes a $body under the Content-Type $type', async ({ body, type }) => {
    const members = credentials(await storedKey('confidential'))

    const response = await ask(body === 'form' ? form(members) : JSON.stringify(members), type)

    expect(response.status).toBe(200)
  })

  it('costs one read of one row', async () => {
    const key = await storedKey('confidential')
    const { db, calls, rowsRead } = wrapD1(env.DB)

    expect((await ask(form(credentials(key)), FORM, { DB: db })).status).toBe(200)
    expect([calls(), rowsRead()]).toEqual([1, 1])
  })
})

describe('a client that is refused', () => {
  const unknown: TestKey = { clientId: 'unknown', secret: 'any', storeId: 'none' }
  const confidential = async () => credentials(await storedKey('confidential'))
  const refusals: [title: string, reason: string, () => Promise<Record<string, string>>][] = [
    ['an unknown client', 'unknown_client', async () => credentials(unknown)],
    ['an unknown client without a secret', 'unknown_client', async () => implicit(unknown)],
    [
      'a wrong secret',
      'wrong_secret',
      async () => ({ ...(await confidential()), client_secret: 'x' }),
    ],
    [
      'a secret of another client',
      'wrong_secret',
      async () => ({
        ...(await confidential()),
        client_secret: (await storedKey('confidential')).secret,
      }),
    ],
    [
      'client_credentials for a key without a secret',
      'implicit_only',
      async () => credentials(await storedKey('implicit-only')),
    ],
  ]

  it.each(refusals)('is answered 401 in the same words: %s', async (_, reason, members) => {
    const body = await members()

    const response = await ask(form(body))

    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    await expectErrors(response, 401, {
      title: 'Unauthorized',
      detail: 'The client id or the client secret is wrong',
    })
    expect(logged).toEqual([
      {
        level: 'warn',
        line: {
          request_id: response.headers.get('X-Request-Id'),
          method: 'POST',
          route: '/oauth/access_token',
          status: 401,
          ms: expect.any(Number),
          reason: `ClientRefused: ${reason}`,
          d1_attempts: 1,
          d1_ms: expect.any(Number),
          total_attempts: 1,
        },
      },
    ])
  })

  it.each(refusals)(
    'asks the database once, and hashes a secret: %s',
    async (_, _reason, members) => {
      const body = await members()
      const digest = vi.spyOn(crypto.subtle, 'digest')
      const { db, calls } = wrapD1(env.DB)

      await ask(form(body), FORM, { DB: db })

      expect(calls()).toBe(1)
      expect(digest).toHaveBeenCalledTimes('client_secret' in body ? 1 : 0)
    },
  )

  it('compares the whole digest of its secret in constant time', async () => {
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')

    for (const members of [credentials(unknown), credentials(await storedKey('confidential'))]) {
      await ask(form({ ...members, client_secret: 'x' }))
    }

    const lengths = compare.mock.calls.map((digests) => digests.map(({ byteLength }) => byteLength))
    expect(lengths).toEqual([
      [32, 32],
      [32, 32],
    ])
  })

  it('is answered 429 from an address that has failed too often, unless it is let in', async () => {
    const limited = { FAILURE_RATE_LIMIT: exhaustedLimit }

    const refused = await ask(form(credentials(unknown)), FORM, limited)
    const letIn = await ask(form(credentials(await storedKey('confidential'))), FORM, limited)

    expect(refused.headers.get('Retry-After')).toBe('60')
    await expectErrors(refused, 429, { title: 'Too Many Requests' })
    expect(letIn.status).toBe(200)
  })
})

describe('a malformed token request', () => {
  const once = 'The request body must be a form or a JSON object that names each parameter once'
  const grant = {
    title: 'Bad Request',
    detail: 'grant_type must be implicit or client_credentials',
    source: 'grant_type',
  }

  const bad = (detail: string) => ({ title: 'Bad Request', detail })
  const required = (source: string) => ({
    title: 'required',
    detail: `${source} is required`,
    source,
  })
  const notAString = {
    title: 'invalid_type',
    detail: 'Invalid type. Expected: string, given: number',
    source: 'client_secret',
  }
  const unsafe = {
    title: 'pattern',
    detail: 'client_id must be 1 to 255 characters of A-Z a-z 0-9 _ -',
    source: 'client_id',
  }

  it.each([
    ['', grant],
    ['[]', grant],
    ['client_id=a', grant],
    ['grant_type=&client_id=a', grant],
    ['grant_type=password&client_id=a', grant],
    ['{"grant_type":["implicit"],"client_id":"a"}', grant],
    ['grant_type=implicit', required('client_id')],
    ['{"grant_type":"implicit","client_id":""}', required('client_id')],
    ['grant_type=client_credentials&client_id=a', required('client_secret')],
    ['grant_type=client_credentials&client_id=a&client_secret=', required('client_secret')],
    ['{"grant_type":"client_credentials","client_id":"a","client_secret":1}', notAString],
    ['grant_type=implicit&client_id=a.b', unsafe],
    ['grant_type=implicit&client_id=a&client_id=b', bad(once)],
    ['{"grant_type":"implicit","client_id":"a","client\\u005fid":"a"}', bad(once)],
    ['{"grant_type":', bad('The request body is not valid JSON')],
  ])('is answered 400 that names the parameter: %s', async (body, error) => {
    await expectErrors(await ask(body), 400, error)
  })

  it('is answered 400 if it is not UTF-8', async () => {
    const body = new Uint8Array([0x67, 0xff])
    const response = await sendWith(issuing, 'POST', PATH, { 'Content-Type': FORM }, body)

    await expectErrors(response, 400, bad(once))
  })

  it('is answered 415 with a wrong Content-Type, and 413 over 64 KiB', async () => {
    const detail =
      'Content-Type must be application/x-www-form-urlencoded or application/json or application/vnd.api+json'

    await expectErrors(await ask('a=b', 'text/plain'), 415, {
      title: 'Unsupported Media Type',
      detail,
    })
    expect((await ask(form({ a: 'x'.repeat(65_536) }))).status).toBe(413)
  })

  it('asks nothing of the database', async () => {
    const { db, calls } = wrapD1(env.DB)

    await ask('grant_type=implicit', FORM, { DB: db })

    expect(calls()).toBe(0)
  })
})

describe('without AUTH_SIGNING_JWK', () => {
  it.each(['POST', 'GET', 'PUT'])(
    '%s answers 404: tokens come from another issuer',
    async (method) => {
      const response = await sendWith({}, method, PATH)

      await expectErrors(response, 404, { title: 'Not Found' })
    },
  )
})

describe('a method other than POST', () => {
  it('is answered 405 with Allow', async () => {
    const response = await sendWith(issuing, 'GET', PATH)

    expect(response.headers.get('Allow')).toBe('POST, OPTIONS')
    await expectErrors(response, 405, { title: 'Method Not Allowed' })
  })
})

describe('a parameter that is not known', () => {
  it.each([
    (client: string) => `grant_type=implicit&client_id=${client}&resource=a&resource=b`,
    (client: string) =>
      `{"grant_type":"implicit","client_id":"${client}","x":{"client_id":"b"},"resource":"a","resource":"b"}`,
  ])('is ignored, however often it is sent', async (body) => {
    const { clientId } = await storedKey('implicit-only')

    expect((await ask(body(clientId))).status).toBe(200)
  })
})

describe('a client that uses HTTP Basic', () => {
  const basic = (id: string, secret: string): string => `Basic ${btoa(`${id}:${secret}`)}`
  const granted = 'grant_type=client_credentials'
  const askBy = async (authorization: string, body = granted): Promise<Response> =>
    await sendWith(
      issuing,
      'POST',
      PATH,
      { Authorization: authorization, 'Content-Type': FORM },
      body,
    )

  it('gets a token, also if the body repeats its id', async () => {
    const { clientId, secret } = await storedKey('confidential')

    expect((await askBy(basic(clientId, secret))).status).toBe(200)
    expect((await askBy(basic(clientId, secret), `${granted}&client_id=${clientId}`)).status).toBe(
      200,
    )
    expect((await askBy(basic(clientId, ''), 'grant_type=implicit')).status).toBe(200)
  })

  it('may leave the parameters of the body empty, or null in JSON', async () => {
    const { clientId, secret } = await storedKey('confidential')
    const grant = { grant_type: 'client_credentials', client_id: null, client_secret: null }

    for (const body of [`${granted}&client_id=&client_secret=`, JSON.stringify(grant)]) {
      expect((await askBy(basic(clientId, secret), body)).status).toBe(200)
    }
  })

  it.each(['a+b%c d:é&=', '%41'])('may send its secret form-encoded or as it is: %s', async (s) => {
    const { clientId } = await storedKey('confidential', {
      clientId: uniqueId('client'),
      secret: s,
    })
    const sent = [s, encodeURIComponent(s), String(new URLSearchParams({ s })).slice('s='.length)]

    for (const each of sent) {
      const pair = String.fromCharCode(...new TextEncoder().encode(`${clientId}:${each}`))
      expect((await askBy(`basic ${btoa(pair)}`)).status).toBe(200)
    }
  })

  it('is answered 401 with a Basic challenge', async () => {
    const { clientId } = await storedKey('confidential')

    const response = await askBy(basic(clientId, 'wrong'))

    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="cart-accounts"')
  })

  it.each([
    { title: 'no colon', authorization: `Basic ${btoa('client')}`, source: 'Authorization' },
    { title: 'bad base64', authorization: 'Basic a:b', source: 'Authorization' },
    { title: 'no UTF-8', authorization: `Basic ${btoa('a:\xff')}`, source: 'Authorization' },
    { title: 'a different id in the body', body: `${granted}&client_id=b`, source: 'client_id' },
    { title: 'a secret in both', body: `${granted}&client_secret=b`, source: 'client_secret' },
    { title: 'no secret', authorization: basic('a', ''), source: 'client_secret' },
    { title: 'an id that is not safe', authorization: basic('a%20b', 's'), source: 'client_id' },
  ])('is answered 400 naming $source: $title', async ({ authorization, body, source }) => {
    const response = await askBy(authorization ?? basic('a', 's'), body)

    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ errors: [{ source }] })
  })

  it('may use a scheme other than Basic, which is ignored', async () => {
    const { clientId, secret } = await storedKey('confidential')
    const body = `${granted}&client_id=${clientId}&client_secret=${secret}`

    expect((await askBy('Bearer anything', body)).status).toBe(200)
  })
})

describe('an application key', () => {
  it('is read from D1 once a minute in an isolate, and an unknown one every 10 s', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { db, calls } = wrapD1(env.DB)
    const isolate = { ...env, ...issuing, DB: db }
    const key = await storedKey('confidential')
    const count = async (body: string): Promise<number> => {
      const before = calls()
      const headers = { 'Content-Type': FORM, 'CF-Connecting-IP': '192.0.2.1' }
      await request(isolate, 'POST', PATH, headers, body)
      return calls() - before
    }
    const known = form(credentials(key))
    const wrong = form({ ...credentials(key), client_secret: 'wrong' })
    const guess = 'grant_type=implicit&client_id=nobody'

    expect([await count(known), await count(known), await count(wrong)]).toEqual([1, 0, 0])
    expect([await count(guess), await count(guess)]).toEqual([1, 0])
    vi.setSystemTime(Date.now() + 10_000)
    expect([await count(known), await count(guess)]).toEqual([0, 1])
    vi.setSystemTime(Date.now() + 50_000)
    expect(await count(known)).toBe(1)
    vi.useRealTimers()
  })
})
