import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import app from '../src/app.ts'
import { endlessBody } from './bodies.ts'
import { expectCommonHeaders } from './common-headers.ts'
import { expectErrors } from './expect-errors.ts'
import {
  accounts,
  accountsOf,
  associate,
  send,
  sendJson,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

const json = { 'Content-Type': 'application/json' }
const exhausted = { limit: async () => ({ success: false }) }

/** One answer of each status that is quickly had; 408 is asked for where bodies are. */
const answers: { title: string; status: number; ask: () => Promise<Response> }[] = [
  {
    title: 'a new association',
    status: 200,
    ask: async () => await associate(uniqueId('cart'), await server(), 'account-1'),
  },
  {
    title: 'a removal',
    status: 204,
    ask: async () =>
      await sendJson('DELETE', accountsOf('cart-1'), await server(), accounts('account-1')),
  },
  {
    title: 'a preflight',
    status: 204,
    ask: async () => await send('OPTIONS', accountsOf('cart-1')),
  },
  {
    title: 'a bad body',
    status: 400,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), await server(), {}),
  },
  {
    title: 'no access token',
    status: 401,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), {}, accounts('account-1')),
  },
  {
    title: 'another account',
    status: 403,
    ask: async () => await associate('cart-1', await shopper('account-1'), 'account-2'),
  },
  { title: 'an unknown path', status: 404, ask: async () => await send('GET', '/v2/nothing') },
  {
    title: 'a method not served',
    status: 405,
    ask: async () => await send('PUT', accountsOf('c')),
  },
  {
    title: 'a body over the limit',
    status: 413,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), ...json }, 'x'.repeat(70_000)),
  },
  {
    title: 'a body of another type',
    status: 415,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), 'Content-Type': 'text/csv' }, 'a'),
  },
  {
    title: 'a shopper beyond its limit',
    status: 429,
    ask: async () => {
      const bindings = { SHOPPER_RATE_LIMIT: exhausted }
      const caller = await shopper('account-1')
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), caller, accounts('account-1'))
    },
  },
  {
    title: 'a database that is overloaded',
    status: 503,
    ask: async () => {
      vi.spyOn(console, 'error').mockImplementation(() => undefined)
      const { db } = wrapD1(env.DB, async () => {
        throw d1Error('D1 DB is overloaded. Too many requests queued.')
      })
      const caller = await server()
      return await sendJsonWith({ DB: db }, 'POST', accountsOf('c'), caller, accounts('a'))
    },
  },
  {
    title: 'a Worker without settings',
    status: 500,
    ask: async () => {
      vi.spyOn(console, 'error').mockImplementation(() => undefined)
      const bindings = { AUTH_JWKS: undefined }
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), await server(), accounts('a'))
    },
  },
]

describe.each(answers)('the answer $status to $title', ({ status, ask }) => {
  it('carries the id of the request, the CORS headers and the security headers', async () => {
    const response = await ask()

    expect(response.status).toBe(status)
    expectCommonHeaders(response)
  })
})

describe.each(answers.filter(({ status }) => status >= 400))(
  'the error document of the answer $status to $title',
  ({ status, ask }) => {
    it('holds one error object, whose status is the status', async () => {
      const response = await ask()

      expect(response.headers.get('Content-Type')).toBe('application/json')
      expect(await response.json()).toEqual({
        errors: [expect.objectContaining({ status, title: expect.any(String) })],
      })
    })
  },
)

describe('the request id', () => {
  it('is new for every request, whatever the client sends', async () => {
    const headers = { 'X-Request-Id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe' }

    const first = await send('GET', '/healthz', headers)
    const second = await send('GET', '/healthz', headers)

    const ids = [first, second].map((response) => response.headers.get('X-Request-Id'))
    expect(new Set([...ids, headers['X-Request-Id']]).size).toBe(3)
  })
})

describe('an unknown path', () => {
  it.each([
    '/',
    '/v2/carts/cart-1/relationships',
    '/v2/carts/cart-1/relationships/accounts/',
    '/healthz/',
    '/v2/carts//relationships/accounts',
    '/v2/carts/cart-1/relationships/customers',
    '/v3/carts/cart-1/relationships/accounts',
  ])('answers 404 before it asks who calls: %s', async (path) => {
    const response = await sendJson('POST', path, {}, accounts('account-1'))

    await expectErrors(response, 404, { title: 'Not Found' })
  })
})

describe('a method that is not served', () => {
  it.each([
    { method: 'PUT', path: accountsOf('cart-1'), allow: ['POST', 'DELETE', 'OPTIONS'] },
    { method: 'PATCH', path: accountsOf('cart-1'), allow: ['POST', 'DELETE', 'OPTIONS'] },
    { method: 'POST', path: '/healthz', allow: ['GET', 'HEAD', 'OPTIONS'] },
    { method: 'DELETE', path: '/readyz', allow: ['GET', 'HEAD', 'OPTIONS'] },
  ])(
    'answers 405 with Allow before it asks who calls: $method $path',
    async ({ method, path, allow }) => {
      const response = await send(method, path)

      expect(response.status).toBe(405)
      const served = response.headers.get('Allow')?.split(', ')
      expect(served).toEqual(expect.arrayContaining(allow))
      expect(served).not.toContain(method)
      expect(await response.json()).toEqual({
        errors: [{ status: 405, title: 'Method Not Allowed' }],
      })
    },
  )
})

describe('a cart id', () => {
  it.each([
    'a%2Fb',
    'a%20b',
    'a.b',
    'a:b',
    '%00',
    '..%2f..',
    'caf%C3%A9',
    '%',
    "a'b",
    'a'.repeat(256),
  ])('is refused when it is not safe: %s', async (cart) => {
    const response = await associate(cart, await server(), 'account-1')

    await expectErrors(response, 400, {
      title: 'pattern',
      detail: 'cartID must be 1 to 255 characters of A-Z a-z 0-9 _ -',
      source: 'cartID',
    })
  })

  it.each(['a', 'A-Z_0-9', 'a'.repeat(255), '%61bc'])(
    'is taken when it is safe: %s',
    async (cart) => {
      expect((await associate(cart, await server(), uniqueId('account'))).status).toBe(200)
    },
  )
})

describe.each(['POST', 'DELETE'])('the order of checks of %s', (served) => {
  const csv = { 'Content-Type': 'text/csv' }
  const large = 'x'.repeat(70_000)
  const badAccess = { Authorization: 'Bearer bad' }
  const badAccount = { 'EP-Account-Management-Authentication-Token': 'bad' }
  const implicit = () => server('demo', { grant_type: 'implicit' })
  const own = () => shopper('account-1')
  const mixed = '[{"type":"account"},{"type":"account","id":"account-2"}]'
  const others = '[{"type":"account","id":"account-2"}]'

  it.each([
    {
      first: 'method',
      status: 405,
      method: 'PUT',
      cart: '%00',
      headers: async () => ({ ...badAccess, ...badAccount, ...csv }),
      body: large,
    },
    {
      first: 'access token',
      status: 401,
      cart: '%00',
      headers: async () => ({ ...badAccess, ...badAccount, ...csv }),
      body: large,
    },
    {
      first: 'account token',
      status: 403,
      cart: '%00',
      headers: async () => ({ ...(await implicit()), ...badAccount, ...csv }),
      body: large,
    },
    {
      first: 'grant',
      status: 403,
      cart: '%00',
      headers: async () => ({ ...(await implicit()), ...csv }),
      body: large,
    },
    {
      first: 'rate limit',
      status: 429,
      limit: exhausted,
      cart: '%00',
      headers: async () => ({ ...(await own()), ...csv }),
      body: large,
    },
    {
      first: 'cart id',
      status: 400,
      cart: '%00',
      headers: async () => ({ ...(await own()), ...csv }),
      body: large,
    },
    {
      first: 'content type',
      status: 415,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...csv }),
      body: large,
    },
    {
      first: 'body size',
      status: 413,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...json }),
      body: large,
    },
    {
      first: 'JSON',
      status: 400,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...json }),
      body: '{',
    },
    {
      first: 'shape',
      status: 400,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...json }),
      body: mixed,
    },
    {
      first: 'account authority',
      status: 403,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...json }),
      body: others,
    },
  ])(
    'answers $status where the first thing wrong is the $first',
    async ({ status, method = served, limit = env.SHOPPER_RATE_LIMIT, cart, headers, body }) => {
      const init = { method, headers: await headers(), body }

      const response = await app.request(accountsOf(cart), init, {
        ...env,
        SHOPPER_RATE_LIMIT: limit,
      })

      expect(response.status).toBe(status)
    },
  )

  it('reads nothing of the body before the caller is known', async () => {
    const { body, pulls } = endlessBody()
    const request = new Request(`https://api.example${accountsOf('cart-1')}`, {
      method: served,
      headers: { Authorization: 'Bearer bad' },
      body,
    })

    const response = await app.request(request, {}, env)

    expect(response.status).toBe(401)
    expect(pulls()).toBe(0)
  })
})
