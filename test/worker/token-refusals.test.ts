import { beforeEach, describe, expect, it } from 'vitest'
import type { TokenRefusal } from '../../src/tokens/refusal.ts'
import { expectErrors } from './expected.ts'
import { accessForgeries, accountForgeries, expired, type Forgery, forgeries } from './forgeries.ts'
import { takeLog } from './logs.ts'
import { protectedRoutes, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import { accessParts, accountParts, server, shopper, sign } from './tokens.ts'

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
