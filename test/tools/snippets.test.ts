import { describe, expect, it } from 'vitest'
import type { SentRequest } from '../../pages/playground/page/exchange.ts'
import { curlOf, fetchOf, sdkOf } from '../../pages/playground/page/snippets.ts'

const url = 'http://localhost:8787'
const tokens: SentRequest['headers'] = [
  ['Authorization', 'Bearer access'],
  ['EP-Account-Management-Authentication-Token', 'account'],
]
const association: SentRequest = {
  method: 'POST',
  url: `${url}/v2/carts/cart-1/relationships/accounts`,
  headers: [...tokens, ['Content-Type', 'application/json']],
  body: '{"data":[{"type":"account","id":"ada"}]}',
}
const get = (path: string): SentRequest => ({
  method: 'GET',
  url: url + path,
  headers: tokens,
  body: undefined,
})
const callIn = (code = '') => /await client\.(.*)\)\n$/.exec(code)?.[1]

// That they run as they are pasted is shown in ../worker.test.ts, on a Worker.
describe('curlOf', () => {
  it('names the method, and quotes the address, each header and the body', () => {
    expect(curlOf(association)).toBe(
      [
        `curl -i -X POST '${url}/v2/carts/cart-1/relationships/accounts'`,
        "-H 'Authorization: Bearer access'",
        "-H 'EP-Account-Management-Authentication-Token: account'",
        "-H 'Content-Type: application/json'",
        `--data-raw '{"data":[{"type":"account","id":"ada"}]}'`,
      ].join(' \\\n  '),
    )
  })

  it('lets no quote out of its quotes', () => {
    const body = "'; rm -rf / #"

    expect(curlOf({ ...association, headers: [], body })).toContain(
      "--data-raw ''\\''; rm -rf / #'",
    )
  })
})

describe('fetchOf', () => {
  it('leaves out what the request has not', () => {
    const code = fetchOf({ method: 'GET', url, headers: [], body: undefined })

    expect(code).toContain(`fetch("${url}", {\n  "method": "GET"\n})`)
  })
})

describe('sdkOf', () => {
  it('hands the account and its token to the call that associates', () => {
    const code = sdkOf(association, 'demo')

    expect(callIn(code)).toBe('Cart("cart-1").AddAccountAssociation("ada", "account")')
    expect(code).not.toContain('headers')
  })

  it('does the same for the call that dissociates', () => {
    const code = sdkOf({ ...association, method: 'DELETE' }, 'demo')

    expect(callIn(code)).toBe('Cart("cart-1").RemoveAccountAssociation("ada", "account")')
  })

  it.each([
    { path: '/v2/carts', call: 'Cart().GetCartsList()' },
    { path: '/v2/carts/cart-1', call: 'Cart("cart-1").Get()' },
  ])('sends the account token of a read as a header: $path', ({ path, call }) => {
    const code = sdkOf(get(path), 'demo')

    expect(callIn(code)).toBe(call)
    expect(code).toContain('"EP-Account-Management-Authentication-Token": "account"')
  })

  it('asks for an access token', () => {
    const request = { ...get('/oauth/access_token'), method: 'POST', headers: [] }

    expect(callIn(sdkOf(request, 'demo'))).toBe('Authenticate()')
  })

  it.each([
    '/playground/carts/cart-1/items',
    '/v2/carts/cart-1/relationships/accounts',
    '/healthz',
  ])('has nothing for GET %s', (path) => {
    expect(sdkOf(get(path), 'demo')).toBeUndefined()
  })
})
