import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import app from '../../src/app.ts'
import { issuing } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  endlessBody,
  erasureOf,
  send,
  sendJson,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const json = { 'Content-Type': 'application/json' }

describe.each(['POST', 'DELETE'])('the order of checks of %s', (served) => {
  const csv = { 'Content-Type': 'text/csv' }
  const large = 'x'.repeat(70_000)
  const badAccess = { Authorization: 'Bearer bad' }
  const badAccount = { 'EP-Account-Management-Authentication-Token': 'bad' }
  const implicit = () => server('demo', { grant_type: 'implicit' })
  const own = () => shopper('account-1')
  const mixed = '[{"type":"account"},{"type":"account","id":"account-2"}]'
  const others = '[{"type":"account","id":"account-2"}]'

  // Unless a row says otherwise, everything that is checked later is wrong too.
  it.each([
    {
      first: 'method',
      status: 405,
      method: 'PUT',
      headers: async () => ({ ...badAccess, ...badAccount, ...csv }),
    },
    {
      first: 'access token',
      status: 401,
      headers: async () => ({ ...badAccess, ...badAccount, ...csv }),
    },
    {
      first: 'account token',
      status: 403,
      headers: async () => ({ ...(await implicit()), ...badAccount, ...csv }),
    },
    { first: 'grant', status: 403, headers: async () => ({ ...(await implicit()), ...csv }) },
    {
      first: 'rate limit',
      status: 429,
      limit: exhaustedLimit,
      headers: async () => ({ ...(await own()), ...csv }),
    },
    { first: 'cart id', status: 400, headers: async () => ({ ...(await own()), ...csv }) },
    {
      first: 'content type',
      status: 415,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...csv }),
    },
    {
      first: 'body size',
      status: 413,
      cart: 'cart-1',
      headers: async () => ({ ...(await own()), ...json }),
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
    'answers $status if the first mistake is the $first',
    async ({
      status,
      method = served,
      limit = env.SHOPPER_RATE_LIMIT,
      cart = '%00',
      headers,
      body = large,
    }) => {
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

describe.each([
  { name: 'GET /v2/carts', pathOf: (_: string, query: string) => `/v2/carts${query}` },
  {
    name: 'GET /v2/carts/:cartID/relationships/accounts',
    pathOf: (cart: string, query: string) => `${accountsOf(cart)}${query}`,
  },
])('the order of checks of $name', ({ name, pathOf }) => {
  const badAccess = { Authorization: 'Bearer bad' }
  const badAccount = { 'EP-Account-Management-Authentication-Token': 'bad' }
  const implicit = () => server('demo', { grant_type: 'implicit' })
  const badPage = '?page[limit]=0'

  // Unless a row says otherwise, everything that is checked later is wrong too.
  it.each([
    { first: 'method', status: 405, method: 'PUT', headers: async () => badAccess },
    { first: 'access token', status: 401, headers: async () => ({ ...badAccess, ...badAccount }) },
    {
      first: 'account token',
      status: 403,
      headers: async () => ({ ...(await implicit()), ...badAccount }),
    },
    { first: 'grant', status: 403, headers: implicit },
    {
      first: 'rate limit',
      status: 429,
      limit: exhaustedLimit,
      headers: () => shopper('account-1'),
    },
    { first: 'cart id or the page', status: 400, headers: () => shopper('account-1') },
    { first: 'page', status: 400, cart: 'cart-1', headers: () => shopper('account-1') },
  ])('answers $status if the first mistake is the $first', async (row) => {
    const { status, method = 'GET', cart = '%00', headers, limit = env.SHOPPER_RATE_LIMIT } = row
    const init = { method, headers: await headers() }
    const { db, calls } = wrapD1(env.DB)

    const response = await app.request(pathOf(cart, badPage), init, {
      ...env,
      DB: db,
      SHOPPER_RATE_LIMIT: limit,
    })

    expect(response.status).toBe(status)
    expect(calls()).toBe(0)
    if (status !== 400 || name === 'GET /v2/carts') return
    const [error] = Object(await response.json()).errors
    expect(error.source).toBe(cart === '%00' ? 'cartID' : 'page[limit]')
  })
})

describe('the order of checks of POST /oauth/access_token', () => {
  // Everything that is checked later is wrong too.
  it.each([
    { first: 'method', status: 405, method: 'PUT', type: 'text/csv', body: 'x'.repeat(70_000) },
    { first: 'content type', status: 415, type: 'text/csv', body: 'x'.repeat(70_000) },
    { first: 'body size', status: 413, type: 'application/json', body: 'x'.repeat(70_000) },
    { first: 'shape', status: 400, type: 'application/json', body: '{}' },
    {
      first: 'client',
      status: 401,
      type: 'application/json',
      body: '{"grant_type":"implicit","client_id":"unknown"}',
    },
  ])('answers $status if the first mistake is the $first', async (row) => {
    const { status, method = 'POST', type, body } = row
    const init = { method, headers: { 'Content-Type': type }, body }

    const response = await app.request('/oauth/access_token', init, { ...env, ...issuing })

    expect(response.status).toBe(status)
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
    { method: 'PUT', path: '/v2/carts', allow: ['GET', 'HEAD', 'POST', 'OPTIONS'] },
    { method: 'PUT', path: accountsOf('cart-1'), allow: ['POST', 'DELETE', 'OPTIONS'] },
    { method: 'PATCH', path: accountsOf('cart-1'), allow: ['POST', 'DELETE', 'OPTIONS'] },
    { method: 'POST', path: '/healthz', allow: ['GET', 'HEAD', 'OPTIONS'] },
    { method: 'DELETE', path: '/readyz', allow: ['GET', 'HEAD', 'OPTIONS'] },
    { method: 'POST', path: erasureOf('a'), allow: ['GET', 'HEAD', 'DELETE', 'OPTIONS'] },
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
