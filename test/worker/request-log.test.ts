import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { logged } from './logs.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  send,
  sendJson,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

const milliseconds = expect.any(Number)

describe('the log', () => {
  it('has one line for a request: the caller, the route, the status and the times', async () => {
    const account = uniqueId('account')

    const response = await associate(uniqueId('cart'), await shopper(account), account)

    expect(logged).toEqual([
      {
        level: 'log',
        line: {
          request_id: response.headers.get('X-Request-Id'),
          method: 'POST',
          route: '/v2/carts/:cartID/relationships/accounts',
          status: 200,
          ms: milliseconds,
          store_id: 'demo',
          grant: 'implicit',
          auth_ms: milliseconds,
          d1_attempts: 1,
          d1_ms: milliseconds,
          total_attempts: 1,
        },
      },
    ])
  })

  it('counts the attempts at D1, and the time of all of them', async () => {
    const { db } = wrapD1(env.DB, async (number, call) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (number < 3) throw d1Error('Network connection lost.')
      return await call()
    })
    vi.spyOn(Math, 'random').mockReturnValue(0)

    await sendJsonWith({ DB: db }, 'GET', cartOf('nobody-has-it'), await server(), undefined)

    const [{ line } = { line: undefined }] = logged
    expect(line).toMatchObject({ status: 404, d1_attempts: 3 })
    expect(Object(line).d1_ms).toBeGreaterThanOrEqual(55)
    expect(Object(line).ms).toBeGreaterThanOrEqual(Object(line).d1_ms)
  })

  it('says where D1 answered, and how often it tried by itself', async () => {
    const { db } = wrapD1(env.DB, async (_, call) =>
      (await call()).map(({ meta, ...rest }) => ({
        ...rest,
        meta: { ...meta, served_by_region: 'WEUR', total_attempts: 2 },
      })),
    )

    await sendJsonWith({ DB: db }, 'GET', cartOf('nobody-has-it'), await server(), undefined)

    const [{ line } = { line: undefined }] = logged
    expect(line).toMatchObject({ d1_attempts: 1, served_by_region: 'WEUR', total_attempts: 2 })
  })

  it.each([
    {
      title: 'a cart of others as such, though the response does not say so',
      ask: async () => {
        const [cart, account] = [uniqueId('cart'), uniqueId('account')]
        await associate(cart, await server(), 'owner')
        return await associate(cart, await shopper(account), account)
      },
      reason: 'Refused: cart_of_others',
    },
    {
      title: 'an account that is not its own',
      ask: async () => await associate(uniqueId('cart'), await shopper('account-1'), 'account-2'),
      reason: 'Refused: other_account',
    },
    {
      title: 'what is for servers alone',
      ask: async () =>
        await send('DELETE', '/v2/accounts/a/relationships/carts', await shopper('a')),
      reason: 'Refused: server_only',
    },
    {
      title: 'an implicit token alone',
      ask: async () =>
        await send('GET', '/v2/carts', await server('demo', { grant_type: 'implicit' })),
      reason:
        'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
    },
    {
      title: 'an account beyond its limit',
      ask: async () =>
        await sendJsonWith(
          { SHOPPER_RATE_LIMIT: exhaustedLimit },
          'GET',
          '/v2/carts',
          await shopper('account-1'),
          undefined,
        ),
      reason: 'Refused: SHOPPER_RATE_LIMIT',
    },
    {
      title: 'a malformed body',
      ask: async () => await sendJson('POST', accountsOf('c'), await server(), '{'),
      reason: 'data must be an array of resource identifiers',
    },
    {
      title: 'a cart that is not found',
      ask: async () => await send('GET', cartOf('nobody-has-it'), await server()),
      reason: 'Cart not found',
    },
  ])('names the reason for refusing $title', async ({ ask, reason }) => {
    const { headers, status } = await ask()

    const line = { request_id: headers.get('X-Request-Id'), status, store_id: 'demo', reason }
    expect(logged.at(-1)).toEqual({ level: 'warn', line: expect.objectContaining(line) })
  })

  it.each([
    { method: 'GET', path: '/healthz', line: { route: '/healthz', status: 200 } },
    {
      method: 'HEAD',
      path: '/readyz',
      line: {
        route: '/readyz',
        status: 200,
        d1_attempts: 1,
        d1_ms: milliseconds,
        total_attempts: 1,
      },
    },
    { method: 'OPTIONS', path: '/v2/carts', line: { route: '/v2/carts', status: 204 } },
    { method: 'GET', path: '/nowhere/carts', line: { status: 404, reason: 'Not Found' } },
    {
      method: 'PUT',
      path: '/v2/carts/c',
      line: { route: '/v2/carts/:cartID', status: 405, reason: 'Method Not Allowed' },
    },
  ])('has the pattern of the route, and not the path: $method $path', async (row) => {
    const { headers } = await send(row.method, row.path)

    const request_id = headers.get('X-Request-Id')
    expect(logged.map(({ line }) => line)).toEqual([
      { request_id, method: row.method, ms: milliseconds, ...row.line },
    ])
  })

  it('names the failure limit as the reason if a refused token has reached it', async () => {
    const headers = { ...(await server()), 'EP-Account-Management-Authentication-Token': 'bad' }
    const limited = { FAILURE_RATE_LIMIT: exhaustedLimit }

    await sendJsonWith(limited, 'GET', '/v2/carts', headers, undefined)

    const line = { status: 429, reason: 'Refused: FAILURE_RATE_LIMIT' }
    expect(logged).toEqual([{ level: 'warn', line: expect.objectContaining(line) }])
  })

  it('has one line for a call of another Worker whose arguments are malformed', async () => {
    const service = new CartAccounts(createExecutionContext(), env)

    await service.hasCart({ storeId: 'demo', cartId: 'a.b', accountId: 'a' }).catch(() => undefined)

    const line = {
      route: 'CartAccounts.hasCart',
      status: 400,
      reason: 'TypeError: cartId must be 1 to 255 characters of A-Z a-z 0-9 _ -',
    }
    expect(logged).toEqual([{ level: 'warn', line: expect.objectContaining(line) }])
  })

  it('has one line for a call of another Worker', async () => {
    const service = new CartAccounts(createExecutionContext(), env)

    await service.hasCart({ storeId: 'demo', cartId: 'c', accountId: 'a' })

    expect(logged).toEqual([
      {
        level: 'log',
        line: {
          request_id: expect.any(String),
          route: 'CartAccounts.hasCart',
          status: 200,
          ms: milliseconds,
          store_id: 'demo',
          d1_attempts: 1,
          d1_ms: milliseconds,
          total_attempts: 1,
        },
      },
    ])
  })
})

describe('Server-Timing', () => {
  const of = (response: Response): string | null => response.headers.get('Server-Timing')

  it('says how long it took to know the caller, and how long the database took', async () => {
    const { db } = wrapD1(env.DB, async (_, call) => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return await call()
    })

    const caller = await server()
    const response = await sendJsonWith({ DB: db }, 'POST', accountsOf('c'), caller, accounts('a'))

    const [, authMs, ms] = /^auth;dur=(\d+), db;dur=(\d+)$/.exec(of(response) ?? '') ?? []
    expect(Number(authMs)).toBeLessThan(1_000)
    expect(Number(ms)).toBeGreaterThanOrEqual(29)
    expect(Number(ms)).toBeLessThan(1_000)
  })

  it('has the time of authentication only if the database was not asked', async () => {
    expect(of(await send('GET', cartOf('c'), { Authorization: 'Bearer bad' }))).toMatch(
      /^auth;dur=\d+$/,
    )
  })

  it('is kept on a 304', async () => {
    const account = uniqueId('account')
    const caller = await shopper(account)
    const etag = (await send('GET', '/v2/carts', caller)).headers.get('ETag') ?? ''

    const response = await send('GET', '/v2/carts', { ...caller, 'If-None-Match': etag })

    expect(response.status).toBe(304)
    expect(of(response)).toMatch(/^auth;dur=\d+, db;dur=\d+$/)
  })

  it('is absent if neither was needed', async () => {
    expect(of(await send('GET', '/healthz'))).toBeNull()
  })
})
