import { env } from 'cloudflare:workers'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { issuing, storedKey, type TestKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { logged } from './logs.ts'
import { type Changes, request, sendWith } from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { accountParts, now, present } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const PATH = '/oauth/access_token'
const FORM = 'application/x-www-form-urlencoded'

const form = (members: Record<string, string>) => new URLSearchParams(members).toString()

/** Asks for a token with a form, unless the headers say what the body is. */
async function ask(
  body: BodyInit,
  headers: Record<string, string> = {},
  changes: Changes = {},
): Promise<Response> {
  const withType = { 'Content-Type': FORM, ...headers }
  return await sendWith({ ...issuing, ...changes }, 'POST', PATH, withType, body)
}

const credentials = ({ clientId, secret }: TestKey) => ({
  grant_type: 'client_credentials',
  client_id: clientId,
  client_secret: secret,
})
const implicit = ({ clientId }: TestKey) => ({ grant_type: 'implicit', client_id: clientId })

// Bodies in which the test writes the id and the secret of a key.
const asForm = 'grant_type=client_credentials&client_id=ID&client_secret=SECRET'
const asJson = '{"grant_type":"client_credentials","client_id":"ID","client_secret":"SECRET"}'

describe('POST /oauth/access_token', () => {
  it.each([
    { grant: implicit, kind: 'confidential' },
    { grant: implicit, kind: 'implicit-only' },
    { grant: credentials, kind: 'confidential' },
  ] as const)('issues a new token for an hour: $grant.name to a key that is $kind', async (row) => {
    const key = await storedKey(row.kind)
    const before = now()

    const response = await ask(form(row.grant(key)))

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const { access_token, expires, ...others } = Object(await response.json())
    const identifier = row.grant(key).grant_type
    expect(others).toEqual({ expires_in: 3600, identifier, token_type: 'Bearer' })
    expect(expires).toBeGreaterThanOrEqual(before + 3600)
    expect(expires).toBeLessThanOrEqual(now() + 3600)
    const header = { alg: 'ES256', kid: 'test-ES256', typ: 'at+jwt' }
    expect(decodeProtectedHeader(access_token)).toEqual(header)
    // RFC 9068, section 2.2, and two claims of ours (contract, section 1).
    const claims = decodeJwt(access_token)
    expect(claims).toEqual({
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
    const next = Object(await (await ask(form(row.grant(key)))).json())
    expect(decodeJwt(next.access_token).jti).not.toBe(claims.jti)
  })

  it('costs one read of one row of the primary, whichever bookmark the request sends', async () => {
    const key = await storedKey('confidential')
    const { db, sessions, calls, rowsRead } = wrapD1(env.DB)
    const bookmark = '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683'
    const changes = { DB: db, READ_CONSISTENCY: 'nearest' }

    const response = await ask(form(credentials(key)), { 'X-D1-Bookmark': bookmark }, changes)

    expect(response.status).toBe(200)
    expect(sessions).toEqual(['first-primary'])
    expect([calls(), rowsRead()]).toEqual([1, 1])
  })

  it('issues tokens that this Worker accepts, within the store of the key', async () => {
    const key = await storedKey('confidential')
    const tokenFor = async (members: Record<string, string>): Promise<string> =>
      Object(await (await ask(form(members))).json()).access_token
    const [server, anyone] = [await tokenFor(credentials(key)), await tokenFor(implicit(key))]
    const account = accountParts({ store_id: key.storeId })

    expect((await present(server)).status).toBe(200)
    expect((await present(anyone)).status).toBe(403)
    expect((await present(anyone, account)).status).toBe(200)
    expect((await present(anyone, accountParts())).status).toBe(403)
  })

  it.each([
    { body: asForm, type: FORM },
    { body: asForm, type: `${FORM}; charset=UTF-8` },
    { body: asForm, type: 'application/json' },
    { body: asForm, type: '' },
    { body: asJson, type: 'application/json' },
    { body: asJson, type: FORM },
    { body: asJson, type: '' },
    // Parameters that are not known are ignored, however often they are sent.
    { body: `${asForm}&resource=a&resource=b`, type: FORM },
    {
      body: asJson.replace('{', '{"resource":"a","resource":"b","x":{"client_id":"b"},'),
      type: FORM,
    },
  ])('takes $body under the Content-Type "$type"', async ({ body, type }) => {
    const { clientId, secret } = await storedKey('confidential')
    const members = body.replace('ID', clientId).replace('SECRET', secret)

    expect((await ask(members, { 'Content-Type': type })).status).toBe(200)
  })

  it('answers 405 with Allow to another method, and 404 to all without AUTH_SIGNING_JWK', async () => {
    const response = await sendWith(issuing, 'GET', PATH)

    expect(response.headers.get('Allow')).toBe('POST, OPTIONS')
    await expectErrors(response, 405, { title: 'Method Not Allowed' })
    for (const method of ['POST', 'GET', 'PUT']) {
      await expectErrors(await sendWith({}, method, PATH), 404, { title: 'Not Found' })
    }
  })
})

describe('a client that is refused', () => {
  const unknown: TestKey = { clientId: 'unknown', secret: 'any', storeId: 'none' }
  const confidential = async () => credentials(await storedKey('confidential'))
  const secret = async (client_secret: string) => ({ ...(await confidential()), client_secret })

  it.each<[title: string, reason: string, () => Promise<Record<string, string>>]>([
    ['an unknown client', 'unknown_client', async () => credentials(unknown)],
    ['an unknown client without a secret', 'unknown_client', async () => implicit(unknown)],
    ['a wrong secret', 'wrong_secret', () => secret('x')],
    [
      'a secret of another client',
      'wrong_secret',
      async () => secret((await storedKey('confidential')).secret),
    ],
    [
      'client_credentials for a key without a secret',
      'implicit_only',
      async () => credentials(await storedKey('implicit-only')),
    ],
  ])('is answered 401 in the same words, after the same work: %s', async (_, reason, members) => {
    const body = await members()
    const digest = vi.spyOn(crypto.subtle, 'digest')
    const compare = vi.spyOn(crypto.subtle, 'timingSafeEqual')
    const { db, calls } = wrapD1(env.DB)

    const response = await ask(form(body), {}, { DB: db })

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
          route: PATH,
          status: 401,
          ms: expect.any(Number),
          reason: `ClientRefused: ${reason}`,
          d1_attempts: 1,
          d1_ms: expect.any(Number),
          total_attempts: 1,
        },
      },
    ])
    expect(calls()).toBe(1)
    expect(digest).toHaveBeenCalledTimes('client_secret' in body ? 1 : 0)
    const lengths = compare.mock.calls.map((digests) => digests.map(({ byteLength }) => byteLength))
    expect(lengths).toEqual('client_secret' in body ? [[32, 32]] : [])
  })

  it('is answered 429 from an address that has failed too often, unless it is let in', async () => {
    const limited = { FAILURE_RATE_LIMIT: exhaustedLimit }

    const refused = await ask(form(credentials(unknown)), {}, limited)
    const letIn = await ask(form(await confidential()), {}, limited)

    expect(refused.headers.get('Retry-After')).toBe('60')
    await expectErrors(refused, 429, { title: 'Too Many Requests' })
    expect(letIn.status).toBe(200)
  })
})

describe('a malformed token request', () => {
  const bad = (detail: string, source?: string) => ({ title: 'Bad Request', detail, source })
  const wrong = (title: string, source: string, detail: string) => ({ title, detail, source })
  const once = bad(
    'The request body must be a form or a JSON object that names each parameter once',
  )
  const grant = bad('grant_type must be implicit or client_credentials', 'grant_type')
  const noId = wrong('required', 'client_id', 'client_id is required')
  const noSecret = wrong('required', 'client_secret', 'client_secret is required')
  const noText = 'Invalid type. Expected: string, given: number'
  const unsafe = 'client_id must be 1 to 255 characters of A-Z a-z 0-9 _ -'

  it.each([
    ['', grant],
    ['[]', grant],
    ['client_id=a', grant],
    ['grant_type=&client_id=a', grant],
    ['grant_type=password&client_id=a', grant],
    ['{"grant_type":["implicit"],"client_id":"a"}', grant],
    ['grant_type=implicit', noId],
    ['{"grant_type":"implicit","client_id":""}', noId],
    ['grant_type=client_credentials&client_id=a', noSecret],
    ['grant_type=client_credentials&client_id=a&client_secret=', noSecret],
    [
      '{"grant_type":"client_credentials","client_id":"a","client_secret":1}',
      wrong('invalid_type', 'client_secret', noText),
    ],
    ['grant_type=implicit&client_id=a.b', wrong('pattern', 'client_id', unsafe)],
    ['grant_type=implicit&client_id=a&client_id=b', once],
    ['{"grant_type":"implicit","client_id":"a","client\\u005fid":"a"}', once],
    ['{"grant_type":', bad('The request body is not valid JSON')],
    [new Uint8Array([0x67, 0xff]), once],
  ])('is answered 400 that names the parameter, and asks no database: %s', async (body, error) => {
    const { db, calls } = wrapD1(env.DB)

    await expectErrors(await ask(body, {}, { DB: db }), 400, error)

    expect(calls()).toBe(0)
  })
})

describe('a client that uses HTTP Basic', () => {
  const granted = 'grant_type=client_credentials'
  const basic = (id: string, secret: string): string => {
    const bytes = new TextEncoder().encode(`${id}:${secret}`)
    return `Basic ${btoa(String.fromCharCode(...bytes))}`
  }

  it.each([
    { title: 'alone', body: granted },
    { title: 'beside its id in the body', body: `${granted}&client_id=ID` },
    { title: 'beside empty parameters', body: `${granted}&client_id=&client_secret=` },
    { title: 'beside null in JSON', body: asJson.replaceAll(/"(ID|SECRET)"/g, 'null') },
    { title: 'without a secret', body: 'grant_type=implicit', sent: '' },
    { title: 'by a scheme in lower case', body: granted, scheme: 'basic' },
    { title: 'by another scheme, which is ignored', body: asForm, scheme: 'Bearer' },
  ])('gets a token $title', async ({ body, sent, scheme = 'Basic' }) => {
    const { clientId, secret } = await storedKey('confidential')
    const authorization = basic(clientId, sent ?? secret).replace('Basic', scheme)
    const members = body.replace('ID', clientId).replace('SECRET', secret)

    expect((await ask(members, { Authorization: authorization })).status).toBe(200)
  })

  it.each(['a+b%c d:é&=', '%41'])('may form-encode its id and its secret: %s', async (secret) => {
    const { clientId } = await storedKey('confidential', { secret })
    const id = clientId.replaceAll('-', '%2D')
    const inForm = form({ secret }).slice('secret='.length)

    for (const sent of [secret, encodeURIComponent(secret), inForm]) {
      expect((await ask(granted, { Authorization: basic(id, sent) })).status).toBe(200)
    }
  })

  it('is answered 401 with a Basic challenge', async () => {
    const { clientId } = await storedKey('confidential')

    const response = await ask(granted, { Authorization: basic(clientId, 'wrong') })

    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="cart-accounts"')
  })

  it.each([
    { title: 'no colon', header: `Basic ${btoa('client')}`, source: 'Authorization' },
    { title: 'bad base64', header: 'Basic a:b', source: 'Authorization' },
    { title: 'no UTF-8', header: `Basic ${btoa('a:\xff')}`, source: 'Authorization' },
    { title: 'a different id in the body', body: `${granted}&client_id=b`, source: 'client_id' },
    { title: 'a secret in both', body: `${granted}&client_secret=b`, source: 'client_secret' },
    { title: 'no secret', header: basic('a', ''), source: 'client_secret' },
    { title: 'an id that is not safe', header: basic('a%20b', 's'), source: 'client_id' },
  ])('is answered 400 naming $source: $title', async (row) => {
    const { header = basic('a', 's'), body = granted, source } = row

    const response = await ask(body, { Authorization: header })

    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ errors: [{ source }] })
  })
})

describe('an application key', () => {
  it('is read from D1 once a minute in an isolate, and an unknown one every 10 s', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { db, calls } = wrapD1(env.DB)
    const isolate = { ...env, ...issuing, DB: db }
    const key = await storedKey('confidential')
    const count = async (members: Record<string, string>): Promise<number> => {
      const before = calls()
      const headers = { 'Content-Type': FORM, 'CF-Connecting-IP': '192.0.2.1' }
      await request(isolate, 'POST', PATH, headers, form(members))
      return calls() - before
    }
    const known = credentials(key)
    const wrong = { ...known, client_secret: 'wrong' }
    const guess = { grant_type: 'implicit', client_id: 'nobody' }

    expect([await count(known), await count(known), await count(wrong)]).toEqual([1, 0, 0])
    expect([await count(guess), await count(guess)]).toEqual([1, 0])
    vi.setSystemTime(Date.now() + 10_000)
    expect([await count(known), await count(guess)]).toEqual([0, 1])
    vi.setSystemTime(Date.now() + 50_000)
    expect(await count(known)).toBe(1)
    vi.useRealTimers()
  })
})
