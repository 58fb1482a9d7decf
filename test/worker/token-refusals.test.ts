import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TokenRefusal } from '../../src/tokens/refusal.ts'
import { expectErrors } from './expected.ts'
import { accessForgeries, accountForgeries, expired, type Forgery, forgeries } from './forgeries.ts'
import { takeLog } from './logs.ts'
import { accounts, accountsOf, associate, protectedRoutes, sendJson, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import {
  accessParts,
  accountParts,
  type Claims,
  now,
  type Parts,
  server,
  shopper,
  sign,
  signOfSize,
} from './tokens.ts'

beforeEach(liftLimits)

const unauthorized = { title: 'Unable to validate access token' }
const accountTokenRefused = { title: 'Unable to validate account management authentication token' }

describe.each(protectedRoutes)('$name', (route) => {
  /** Expects one log line with the precise reason, and nothing of the token. */
  const expectLogged = (response: Response, reason: TokenRefusal, known: object = {}): void => {
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
      'answers 401, and logs $reason, to $title',
      async ({ forge, reason }: Forgery) => {
        for (const grantType of ['client_credentials', 'implicit']) {
          const token = await forge(accessParts({ grant_type: grantType }))

          const response = await call({
            ...(await shopper('account-1')),
            Authorization: `Bearer ${token}`,
          })

          expect(response.headers.get('WWW-Authenticate')).toBe('Bearer error="invalid_token"')
          await expectErrors(response, 401, unauthorized)
          expectLogged(response, reason)
        }
      },
    )

    it('answers 401 and says that it has expired', async () => {
      const token = await expired.forge(accessParts())

      const response = await call({ Authorization: `Bearer ${token}` })

      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer error="invalid_token"')
      await expectErrors(response, 401, {
        title: 'Unable to validate access token',
        detail: 'The access token has expired',
      })
    })

    it('answers 401 to a forged token that would have expired, and does not say so', async () => {
      const token = (await expired.forge(accessParts())).replace(/[^.]{44}$/, 'A'.repeat(44))

      const response = await call({ Authorization: `Bearer ${token}` })

      await expectErrors(response, 401, unauthorized)
    })

    it('answers 401 to an account token in its place', async () => {
      const response = await call({ Authorization: `Bearer ${await sign(accountParts())}` })

      await expectErrors(response, 401, unauthorized)
    })
  })

  describe('without an access token', () => {
    it.each([
      { title: 'no header', headers: {} },
      { title: 'an empty header', headers: { Authorization: '' } },
      { title: 'the scheme alone', headers: { Authorization: 'Bearer ' } },
      { title: 'the scheme Basic', headers: { Authorization: 'Basic dXNlcjpwYXNzd29yZA==' } },
      {
        title: 'a scheme that ends in Bearer',
        headers: { Authorization: 'NotBearer eyJhbGciOiJub25lIn0.e30.' },
      },
      {
        title: 'the token without its scheme',
        headers: { Authorization: 'eyJhbGciOiJub25lIn0.e30.' },
      },
    ])('answers 401 without an error code to $title', async ({ headers }) => {
      const response = await call(headers)

      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer')
      await expectErrors(response, 401, unauthorized)
      expectLogged(response, 'absent')
    })

    it('answers 401 even with a good account token', async () => {
      const token = await sign(accountParts())

      const response = await call({ 'EP-Account-Management-Authentication-Token': token })

      expect(response.status).toBe(401)
    })
  })

  describe('with a bad account token', () => {
    it.each([...forgeries, ...accountForgeries])(
      'answers 403, and logs $reason, to $title',
      async ({ forge, reason }: Forgery) => {
        const token = await forge(accountParts())

        for (const grantType of ['client_credentials', 'implicit']) {
          const response = await call({
            ...(await server('demo', { grant_type: grantType })),
            'EP-Account-Management-Authentication-Token': token,
          })

          expect(response.headers.has('WWW-Authenticate')).toBe(false)
          await expectErrors(response, 403, accountTokenRefused)
          expectLogged(response, reason, { store_id: 'demo', grant: grantType })
        }
      },
    )

    it('answers 403 to an access token in its place', async () => {
      const token = await sign(accessParts({ account_id: 'account-1' }))

      const response = await call({
        ...(await server()),
        'EP-Account-Management-Authentication-Token': token,
      })

      await expectErrors(response, 403, accountTokenRefused)
    })
  })

  describe('with an implicit token alone', () => {
    it.each([
      { title: 'no account token', headers: {} },
      { title: 'an empty header', headers: { 'EP-Account-Management-Authentication-Token': '' } },
    ])('answers 403 to $title', async ({ headers }) => {
      const response = await call({
        ...(await server('demo', { grant_type: 'implicit' })),
        ...headers,
      })

      await expectErrors(response, 403, {
        title: 'Forbidden',
        detail:
          'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
      })
    })
  })
})

const DAY = 24 * 60 * 60

/** Associates as a shopper with these tokens; 200 if both were accepted. */
async function statusFor(access: Parts, account: Parts, accountId: string): Promise<number> {
  const headers = {
    Authorization: `Bearer ${await sign(access)}`,
    'EP-Account-Management-Authentication-Token': await sign(account),
  }
  const response = await associate(uniqueId('cart'), headers, accountId)
  return response.status
}

async function statusWithClaims(claims: Claims): Promise<number> {
  const accountId = uniqueId('account')
  const access = accessParts(claims)
  return await statusFor(access, accountParts({ account_id: accountId, ...claims }), accountId)
}

describe('both tokens', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'HS256'])('are accepted signed with %s', async (alg) => {
    const accountId = uniqueId('account')

    expect(
      await statusFor(
        accessParts({}, alg),
        accountParts({ account_id: accountId }, alg),
        accountId,
      ),
    ).toBe(200)
  })

  it.each([
    { access: 'application/at+jwt', account: 'application/account+jwt' },
    { access: 'AT+JWT', account: 'Account+JWT' },
  ])('are accepted with the typ in full or in another case: $access', async (typ) => {
    const accountId = uniqueId('account')
    const access = accessParts()
    const account = accountParts({ account_id: accountId })

    expect(
      await statusFor(
        { ...access, header: { ...Object(access.header), typ: typ.access } },
        { ...account, header: { ...Object(account.header), typ: typ.account } },
        accountId,
      ),
    ).toBe(200)
  })

  it.each([
    {
      title: 'an aud among others',
      claims: () => ({ aud: ['https://other.example', env.AUTH_AUDIENCE] }),
    },
    { title: 'an exp less than 5 s ago', claims: () => ({ iat: now() - 60, exp: now() - 2 }) },
    { title: 'an iat less than 5 s ahead', claims: () => ({ iat: now() + 3 }) },
    { title: 'an nbf less than 5 s ahead', claims: () => ({ nbf: now() + 3 }) },
    { title: 'a life of 30 days', claims: () => ({ iat: now() - DAY, exp: now() + 29 * DAY }) },
    { title: 'members of their own', claims: () => ({ scope: 'carts', jti: 'b3f2b6de' }) },
    { title: 'a sub of 255 characters', claims: () => ({ sub: 'a'.repeat(255) }) },
  ])('are accepted with $title', async ({ claims }) => {
    expect(await statusWithClaims(claims())).toBe(200)
  })
})

describe('to the second, while the clock stands still,', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: now() * 1000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    { title: 'an exp 4 s ago', claims: () => ({ iat: now() - 60, exp: now() - 4 }), status: 200 },
    { title: 'an exp 5 s ago', claims: () => ({ iat: now() - 60, exp: now() - 5 }), status: 401 },
    { title: 'an iat 5 s ahead', claims: () => ({ iat: now() + 5 }), status: 200 },
    { title: 'an iat 6 s ahead', claims: () => ({ iat: now() + 6 }), status: 401 },
    { title: 'an nbf 5 s ahead', claims: () => ({ nbf: now() + 5 }), status: 200 },
    { title: 'an nbf 6 s ahead', claims: () => ({ nbf: now() + 6 }), status: 401 },
    { title: 'a life of 30 days', claims: () => ({ exp: now() + 30 * DAY }), status: 200 },
    {
      title: 'a life of 30 days and a second, most of it gone',
      claims: () => ({ iat: now() - 20 * DAY, exp: now() + 10 * DAY + 1 }),
      status: 401,
    },
  ])('$title is answered $status', async ({ claims, status }) => {
    expect(await statusWithClaims(claims())).toBe(status)
  })
})

describe('a token of 8 KiB', () => {
  it('is accepted to the last byte', async () => {
    // No base64 text has a length of one more than a multiple of four.
    const tokens = await Promise.all(
      ['', 'x', 'xx', 'xxx'].map(async (x) => {
        const parts = accessParts()
        return await signOfSize({ ...parts, header: { ...Object(parts.header), x } }, 8_192)
      }),
    )
    const [token] = tokens.filter(({ length }) => length === 8_192)
    const headers = { Authorization: `Bearer ${token}` }

    expect((await associate(uniqueId('cart'), headers, 'account-1')).status).toBe(200)
  })

  it('is accepted in either header', async () => {
    const accountId = uniqueId('account')
    const headers = {
      Authorization: `Bearer ${await signOfSize(accessParts(), 8_192)}`,
      'EP-Account-Management-Authentication-Token': await signOfSize(
        accountParts({ account_id: accountId }),
        8_192,
      ),
    }

    expect((await associate(uniqueId('cart'), headers, accountId)).status).toBe(200)
  })
})

describe('the Bearer scheme', () => {
  it.each(['bearer', 'BEARER', 'Bearer  '])('is read as %j', async (scheme) => {
    const headers = { Authorization: `${scheme} ${await sign(accessParts())}` }

    expect((await associate(uniqueId('cart'), headers, 'account-1')).status).toBe(200)
  })
})

describe('an empty account token', () => {
  it('counts as absent', async () => {
    const headers = { ...(await server()), 'EP-Account-Management-Authentication-Token': '' }

    expect((await associate(uniqueId('cart'), headers, 'any-account')).status).toBe(200)
  })
})

describe('the subject of an account token', () => {
  it('may be any visible ASCII, as identity providers write it', async () => {
    const accountId = uniqueId('account')
    const account = accountParts({ account_id: accountId, sub: 'auth0|5f7c8ec7c33c6c004bbafe82' })

    expect(await statusFor(accessParts(), account, accountId)).toBe(200)
  })
})

describe('an account token that the header names several times', () => {
  const statusOf = async (join: (token: string) => string): Promise<number> => {
    const account = uniqueId('account')
    const good = await sign(accountParts({ account_id: account }))
    const headers = {
      ...(await server()),
      'EP-Account-Management-Authentication-Token': join(good),
    }
    return (await sendJson('POST', accountsOf(uniqueId('cart')), headers, accounts(account))).status
  }

  it.each([
    { name: 'twice', join: (token: string) => `${token}, ${token}` },
    { name: 'beside an empty one', join: (token: string) => `,${token} , ` },
    { name: 'three times', join: (token: string) => `${token},${token},${token}` },
  ])('counts once: $name', async ({ join }) => {
    expect(await statusOf(join)).toBe(200)
  })

  it('is refused beside a different account token', async () => {
    const other = await sign(accountParts({ account_id: 'another' }))

    expect(await statusOf((token) => `${token}, ${other}`)).toBe(403)
    expect(await statusOf((token) => `${other},${token}`)).toBe(403)
    expect(await statusOf((token) => `${token},x`)).toBe(403)
  })
})
