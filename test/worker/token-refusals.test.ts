import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectErrors } from './expected.ts'
import { accessForgeries, accountForgeries, forgeries } from './forgeries.ts'
import { takeLog } from './logs.ts'
import { accountsOf, protectedRoutes, send, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  accessParts,
  accountParts,
  fromNow,
  now,
  present,
  server,
  shopper,
  sign,
  signOfSize,
  withHeader,
} from './tokens.ts'

beforeEach(liftLimits)

const GRANTS = ['client_credentials', 'implicit']

describe.each(protectedRoutes)('$name', (route) => {
  /** Expects one log line with the precise reason, and nothing of the token. */
  const expectLogged = (response: Response, reason: string, known: object = {}): void => {
    const [method, pattern] = route.name.split(' ')
    const line = {
      request_id: response.headers.get('X-Request-Id'),
      method,
      route: pattern,
      status: response.status,
      ms: expect.any(Number),
      ...known,
      reason: `TokenRefused: ${reason}`,
      auth_ms: expect.any(Number),
    }
    expect(takeLog()).toEqual([{ level: 'warn', line }])
  }

  const call = async (headers: Record<string, string>): Promise<Response> => {
    const cart = uniqueId('cart')
    const response = await route.send(headers, cart, 'account-1')
    expect(await rowsOf(cart)).toEqual([])
    return response
  }

  describe('with a bad access token', () => {
    it.each([...forgeries, ...accessForgeries])(
      'answers 401, and logs $reason, to $title, and tells of an expiry only',
      async ({ forge, reason }) => {
        for (const grant_type of GRANTS) {
          const token = await forge(accessParts({ grant_type }))

          const response = await call({
            ...(await shopper('account-1')),
            Authorization: `Bearer ${token}`,
          })

          expect(response.headers.get('WWW-Authenticate')).toBe('Bearer error="invalid_token"')
          await expectErrors(response, 401, {
            title: 'Unable to validate access token',
            detail: reason === 'expired' ? 'The access token has expired' : undefined,
          })
          expectLogged(response, reason)
        }
      },
    )
  })

  describe('without an access token', () => {
    it.each([
      {},
      { Authorization: '' },
      { Authorization: 'Bearer ' },
      { Authorization: 'Basic dXNlcjpwYXNzd29yZA==' },
      { Authorization: 'NotBearer e30.e30.' },
      { Authorization: 'e30.e30.' },
    ])('answers 401 without an error code to the headers %j', async (headers) => {
      for (const others of [{}, { [ACCOUNT_TOKEN]: await sign(accountParts()) }]) {
        const response = await call({ ...headers, ...others })

        expect(response.headers.get('WWW-Authenticate')).toBe('Bearer')
        await expectErrors(response, 401, { title: 'Unable to validate access token' })
        expectLogged(response, 'absent')
      }
    })
  })

  describe('with a bad account token', () => {
    it.each([...forgeries, ...accountForgeries])(
      'answers 403, and logs $reason, to $title',
      async ({ forge, reason }) => {
        const token = await forge(accountParts())

        for (const grant of GRANTS) {
          const access = await server('demo', { grant_type: grant })
          const response = await call({ ...access, [ACCOUNT_TOKEN]: token })

          expect(response.headers.has('WWW-Authenticate')).toBe(false)
          await expectErrors(response, 403, {
            title: 'Unable to validate account management authentication token',
          })
          expectLogged(response, reason, { store_id: 'demo', grant })
        }
      },
    )
  })

  describe('with an implicit token alone', () => {
    it.each([{}, { [ACCOUNT_TOKEN]: '' }])('answers 403 to the headers %j', async (headers) => {
      const implicit = await server('demo', { grant_type: 'implicit' })

      const response = await call({ ...implicit, ...headers })

      await expectErrors(response, 403, {
        title: 'Forbidden',
        detail: `An ${ACCOUNT_TOKEN} header is required unless the access token grant type is client_credentials`,
      })
    })
  })
})

const DAY = 24 * 60 * 60

describe('both tokens', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: now() * 1000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    { title: 'an exp 4 s ago', times: { iat: -60, exp: -4 }, status: 200 },
    { title: 'an exp 5 s ago', times: { iat: -60, exp: -5 }, status: 401 },
    { title: 'an iat 5 s ahead', times: { iat: 5 }, status: 200 },
    { title: 'an iat 6 s ahead', times: { iat: 6 }, status: 401 },
    { title: 'an nbf 5 s ahead', times: { nbf: 5 }, status: 200 },
    { title: 'an nbf 6 s ahead', times: { nbf: 6 }, status: 401 },
    { title: 'a life of 30 days', times: { iat: -DAY, exp: 29 * DAY }, status: 200 },
    {
      title: 'a life of 30 days and 1 s',
      times: { iat: -20 * DAY, exp: 10 * DAY + 1 },
      status: 401,
    },
  ])('with $title are answered $status', async ({ times, status }) => {
    const claims = fromNow(times)

    expect((await present(accessParts(claims), accountParts(claims))).status).toBe(status)
  })

  it.each([
    { title: 'an aud among others', claims: { aud: ['https://other.example', env.AUTH_AUDIENCE] } },
    { title: 'members of their own', claims: { scope: 'carts', jti: 'b3f2b6de' } },
    { title: 'a sub of 255 characters', claims: { sub: 'a'.repeat(255) } },
  ])('are accepted with $title', async ({ claims }) => {
    expect((await present(accessParts(claims), accountParts(claims))).status).toBe(200)
  })

  it.each([
    { access: 'application/at+jwt', account: 'application/account+jwt' },
    { access: 'AT+JWT', account: 'Account+JWT' },
  ])('are accepted with the typ in full or in another case: $access', async (typ) => {
    const access = withHeader(accessParts(), { typ: typ.access })
    const account = withHeader(accountParts(), { typ: typ.account })

    expect((await present(access, account)).status).toBe(200)
  })

  it('are accepted to the last byte of 8 KiB', async () => {
    const access = await signOfSize(accessParts(), 8_192)
    const account = await signOfSize(accountParts(), 8_192)

    expect((await present(access, account)).status).toBe(200)
  })
})

it.each(['bearer', 'BEARER', 'Bearer  '])('the Bearer scheme is read as %j', async (scheme) => {
  const headers = { Authorization: `${scheme} ${await sign(accessParts())}` }

  expect((await send('GET', accountsOf('cart'), headers)).status).toBe(200)
})

describe('an account token', () => {
  it('may have a subject of any visible ASCII, as identity providers write it', async () => {
    const account = accountParts({ sub: 'auth0|5f7c8ec7c33c6c004bbafe82' })

    expect((await present(accessParts(), account)).status).toBe(200)
  })

  it.each([
    { header: '', status: 200 },
    { header: 'good, good', status: 200 },
    { header: ',good , ', status: 200 },
    { header: 'good,good,good', status: 200 },
    { header: 'good, other', status: 403 },
    { header: 'other,good', status: 403 },
    { header: 'good,x', status: 403 },
  ])('counts once, or as absent, or is answered 403: "$header"', async ({ header, status }) => {
    const good = await sign(accountParts())
    const other = await sign(accountParts({ account_id: 'another' }))
    const account = header.replace(/good|other/g, (name) => (name === 'good' ? good : other))

    expect((await present(accessParts(), account)).status).toBe(status)
  })
})
