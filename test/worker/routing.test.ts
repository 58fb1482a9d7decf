import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import { accounts, accountsOf, associate, send, sendJson, uniqueId } from './requests.ts'
import { server } from './tokens.ts'

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
