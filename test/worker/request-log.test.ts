import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { logged } from './logs.ts'
import { accountsOf, associate, cartOf, erasureOf, send, sendWith, uniqueId } from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { ACCOUNT_TOKEN, server, shopper } from './tokens.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

const milliseconds = expect.any(Number)
const asked = { d1_attempts: 1, d1_ms: milliseconds, total_attempts: 1 }

describe('the request id', () => {
  it('is new for every request, whatever the client sends', async () => {
    const headers = { 'X-Request-Id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe' }

    const responses = [await send('GET', '/healthz', headers), await send('GET', '/healthz')]

    const ids = responses.map((response) => response.headers.get('X-Request-Id'))
    expect(new Set([...ids, headers['X-Request-Id']]).size).toBe(3)
  })
})

describe('the log', () => {
  const ofShopper = { store_id: 'demo', grant: 'implicit', auth_ms: milliseconds }
  it.each<[method: string, path: string, level: string, line: object]>([
    [
      'GET',
      `${accountsOf('cart-1')}?page[limit]=1`,
      'log',
      { route: '/v2/carts/:cartID/relationships/accounts', status: 200, ...ofShopper, ...asked },
    ],
    ['GET', '/healthz', 'log', { route: '/healthz', status: 200 }],
    ['HEAD', '/readyz', 'log', { route: '/readyz', status: 200, ...asked }],
    ['OPTIONS', '/v2/carts', 'log', { route: '/v2/carts', status: 204 }],
    ['GET', '/nowhere/carts', 'warn', { status: 404, reason: 'Not Found' }],
    [
      'PUT',
      '/v2/carts/c',
      'warn',
      { route: '/v2/carts/:cartID', status: 405, reason: 'Method Not Allowed' },
    ],
  ])(
    'has one line for a request, and the pattern of its route: %s %s',
    async (method, path, level, line) => {
      const { headers } = await send(method, path, await shopper('account-1'))

      const request_id = headers.get('X-Request-Id')
      expect(logged).toEqual([{ level, line: { request_id, method, ms: milliseconds, ...line } }])
    },
  )

  it('counts the attempts at D1, and their time, which Server-Timing has too', async () => {
    const { db } = wrapD1(env.DB, async (number, call) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (number < 3) throw d1Error('Network connection lost.')
      return await call()
    })
    vi.spyOn(Math, 'random').mockReturnValue(0)

    const { headers } = await sendWith({ DB: db }, 'GET', cartOf('nobody'), await server())

    const line = Object(logged[0]?.line)
    expect(line).toMatchObject({ status: 404, d1_attempts: 3 })
    expect(line.d1_ms).toBeGreaterThanOrEqual(55)
    expect(line.ms).toBeGreaterThanOrEqual(line.d1_ms)
    expect(headers.get('Server-Timing')).toBe(`auth;dur=${line.auth_ms}, db;dur=${line.d1_ms}`)
  })

  it('says where D1 answered, and how often it tried by itself', async () => {
    const told = { served_by_region: 'WEUR', total_attempts: 2 }
    const { db } = wrapD1(env.DB, async (_, call) =>
      (await call()).map(({ meta, ...rest }) => ({ ...rest, meta: { ...meta, ...told } })),
    )

    await sendWith({ DB: db }, 'GET', cartOf('nobody-has-it'), await server())

    expect(logged[0]?.line).toMatchObject({ d1_attempts: 1, ...told })
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
      ask: async () => await send('DELETE', erasureOf('a'), await shopper('a')),
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
      ask: async () => {
        const changes = { SHOPPER_RATE_LIMIT: exhaustedLimit }
        return await sendWith(changes, 'GET', '/v2/carts', await shopper('account-1'))
      },
      reason: 'Refused: SHOPPER_RATE_LIMIT',
    },
    {
      title: 'a refused token from an address beyond its limit',
      ask: async () => {
        const token = { [ACCOUNT_TOKEN]: 'bad' }
        const changes = { FAILURE_RATE_LIMIT: exhaustedLimit }
        return await sendWith(changes, 'GET', '/v2/carts', { ...(await server()), ...token })
      },
      reason: 'Refused: FAILURE_RATE_LIMIT',
    },
  ])('names the reason for refusing $title', async ({ ask, reason }) => {
    const { headers, status } = await ask()

    const line = { request_id: headers.get('X-Request-Id'), status, store_id: 'demo', reason }
    expect(logged.at(-1)).toEqual({ level: 'warn', line: expect.objectContaining(line) })
  })

  it.each([
    { cartId: 'c', level: 'log', line: { status: 200, store_id: 'demo', ...asked } },
    {
      cartId: 'a.b',
      level: 'warn',
      line: {
        status: 400,
        reason: 'TypeError: cartId must be 1 to 255 characters of A-Z a-z 0-9 _ -',
      },
    },
  ])('has one line for a call of another Worker: $line.status', async ({ cartId, level, line }) => {
    const service = new CartAccounts(createExecutionContext(), env)

    await service.hasCart({ storeId: 'demo', cartId, accountId: 'a' }).catch(() => undefined)

    const common = { request_id: expect.any(String), route: 'CartAccounts.hasCart' }
    expect(logged).toEqual([{ level, line: { ...common, ms: milliseconds, ...line } }])
  })
})

describe('Server-Timing', () => {
  it('has only the times of what was needed', async () => {
    const refused = await send('GET', cartOf('c'), { Authorization: 'Bearer bad' })
    const healthy = await send('GET', '/healthz')

    expect(refused.headers.get('Server-Timing')).toMatch(/^auth;dur=\d+$/)
    expect(healthy.headers.get('Server-Timing')).toBeNull()
  })
})
