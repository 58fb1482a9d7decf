import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { issuing } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import {
  accountsOf,
  associate,
  cartOf,
  endlessBody,
  erasureOf,
  send,
  sendWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { ACCOUNT_TOKEN, server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

interface Asked {
  method: string
  cart: string
  query: string
  caller: Record<string, string>
  condition: Record<string, string>
  content: Record<string, string>
  body: string
  limit: RateLimit | undefined
}

/** How the first mistake is answered, and what mends it. */
type Step = [status: number, title: string, mended: Partial<Asked>]

const badAccount = { [ACCOUNT_TOKEN]: 'bad' }
const implicit = await server('demo', { grant_type: 'implicit' })
const json = { 'Content-Type': 'application/json' }
const csv = { 'Content-Type': 'text/csv' }
const mixed = '[{"type":"account"},{"type":"account","id":"account-2"}]'
const others = '[{"type":"account","id":"account-2"}]'

/** A request with every mistake. */
const wrong: Asked = {
  method: 'PUT',
  cart: '%00',
  query: '?page[limit]=0',
  caller: { Authorization: 'Bearer bad', ...badAccount },
  condition: { 'If-Match': '"a"' },
  content: { ...csv, 'Content-Encoding': 'gzip' },
  body: 'x'.repeat(70_000),
  limit: exhaustedLimit,
}

const notServed = (served: string): Step => [405, 'Method Not Allowed', { method: served }]
const callerSteps: Step[] = [
  [401, 'Unable to validate access token', { caller: { ...implicit, ...badAccount } }],
  [403, 'Unable to validate account management authentication token', { caller: implicit }],
  [403, 'Forbidden', { caller: await shopper('account-1') }],
  [429, 'Too Many Requests', { limit: undefined }],
]
const condition: Step = [412, 'Precondition Failed', { condition: {} }]
const cartId: Step = [400, 'pattern', { cart: 'cart-1' }]
const page: Step = [400, 'Bad Request', { query: '' }]
const bodySteps: Step[] = [
  [415, 'Unsupported Media Type', { content: csv }],
  [415, 'Unsupported Media Type', { content: json }],
  [413, 'Payload Too Large', { body: '{' }],
  [400, 'Bad Request', { body: mixed }],
  [400, 'required', { body: others }],
  [403, 'Account does not have the required permissions to fulfill this request', {}],
]
const tokenSteps: Step[] = [
  [415, 'Unsupported Media Type', { content: csv }],
  [415, 'Unsupported Media Type', { content: json }],
  [413, 'Payload Too Large', { body: '{}' }],
  [400, 'Bad Request', { body: '{"grant_type":"implicit","client_id":"unknown"}' }],
  [401, 'Unauthorized', {}],
]

const writeSteps = [...callerSteps, condition, cartId, ...bodySteps]

describe('of several mistakes', () => {
  it.each([
    { method: 'POST', path: accountsOf(':cart'), steps: writeSteps },
    { method: 'DELETE', path: accountsOf(':cart'), steps: writeSteps },
    { method: 'GET', path: accountsOf(':cart'), steps: [...callerSteps, cartId, page] },
    { method: 'GET', path: '/v2/carts', steps: [...callerSteps, page] },
    { method: 'GET', path: cartOf(':cart'), steps: [...callerSteps, cartId] },
    { method: 'DELETE', path: cartOf(':cart'), steps: [...callerSteps, condition, cartId] },
    { method: 'POST', path: '/oauth/access_token', steps: tokenSteps },
  ])('the first decides the answer: $method $path', async ({ method, path, steps }) => {
    let asked = wrong
    for (const [status, title, mended] of [notServed(method), ...steps]) {
      const { db, calls } = wrapD1(env.DB)
      const changes = { ...issuing, DB: db, SHOPPER_RATE_LIMIT: asked.limit }
      const url = `${path.replace(':cart', asked.cart)}${asked.query}`
      const headers = { ...asked.caller, ...asked.condition, ...asked.content }
      const body = asked.method === 'GET' ? undefined : asked.body

      const response = await sendWith(changes, asked.method, url, headers, body)

      expect(await response.json()).toMatchObject({ errors: [{ status, title }] })
      expect(calls()).toBe(title === 'Unauthorized' ? 1 : 0)
      asked = { ...asked, ...mended }
    }
  })

  it.each(['POST', 'DELETE'])(
    'nothing of a body is read before the caller is known: %s',
    async (method) => {
      const { body, pulls } = endlessBody()

      const response = await send(
        method,
        accountsOf('cart-1'),
        { Authorization: 'Bearer bad' },
        body,
      )

      expect(response.status).toBe(401)
      expect(pulls()).toBe(0)
    },
  )
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
    await expectErrors(await send('POST', path), 404, { title: 'Not Found' })
  })
})

describe('a method that is not served', () => {
  it.each([
    { method: 'PUT', path: '/v2/carts', allow: 'GET, HEAD, POST, OPTIONS' },
    { method: 'PUT', path: accountsOf('cart-1'), allow: 'GET, HEAD, POST, DELETE, OPTIONS' },
    { method: 'PATCH', path: cartOf('cart-1'), allow: 'GET, HEAD, DELETE, OPTIONS' },
    { method: 'POST', path: '/healthz', allow: 'GET, HEAD, OPTIONS' },
    { method: 'DELETE', path: '/readyz', allow: 'GET, HEAD, OPTIONS' },
    { method: 'POST', path: erasureOf('a'), allow: 'GET, HEAD, DELETE, OPTIONS' },
  ])('answers 405 with Allow before it asks who calls: $method $path', async (row) => {
    const response = await send(row.method, row.path)

    expect(response.headers.get('Allow')).toBe(row.allow)
    await expectErrors(response, 405, { title: 'Method Not Allowed' })
  })
})

describe('a cart id', () => {
  it.each([
    ...['a%2Fb', 'a%20b', 'a.b', 'a:b', '%00', '..%2f..', 'caf%C3%A9', '%', "a'b"],
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
