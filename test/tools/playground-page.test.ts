import { describe, expect, it } from 'vitest'
import {
  isForCartService,
  readable,
  type SentRequest,
  shortenTokens,
  targetOf,
} from '../../pages/playground/page/exchange.ts'
import { curlOf, fetchOf, sdkOf } from '../../pages/playground/page/snippets.ts'

const token = `eyJ${'hbGciOiJFUzI1NiJ9'}.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl-x4Q`
const request = (url: string) => ({ method: 'GET', url, headers: [], body: undefined })

describe('shortenTokens', () => {
  it('leaves the first eight letters and the last three', () => {
    expect(shortenTokens(`Authorization: Bearer ${token}`)).toBe(
      'Authorization: Bearer eyJhbGci…x4Q',
    )
  })

  it('shortens each token of a document', () => {
    const text = JSON.stringify({ access_token: token, other: token })

    expect(shortenTokens(text)).toBe('{"access_token":"eyJhbGci…x4Q","other":"eyJhbGci…x4Q"}')
  })

  it('leaves everything else as it is', () => {
    const text = '{"id":"0b0c8e0e-2b4a-4a53-8c4d-1a2b3c4d5e6f","host":"a.b.example"}'

    expect(shortenTokens(text)).toBe(text)
  })
})

describe('readable', () => {
  it('indents JSON', () => {
    expect(readable('{"data":[]}')).toBe('{\n  "data": []\n}')
  })

  it('leaves a form as it is', () => {
    expect(readable('grant_type=implicit&client_id=demo')).toBe(
      'grant_type=implicit&client_id=demo',
    )
  })
})

describe('targetOf', () => {
  it('is the path with its query', () => {
    expect(targetOf(request('http://localhost:8787/v2/carts?page[limit]=1'))).toBe(
      '/v2/carts?page[limit]=1',
    )
  })
})

describe('isForCartService', () => {
  it('tells what is in a cart from who has it', () => {
    const items = request('http://localhost:8787/playground/carts/a/items')
    const carts = request('http://localhost:8787/v2/carts')

    expect([isForCartService(items), isForCartService(carts)]).toEqual([true, false])
  })
})

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

// That they run as they are pasted is shown in playground-worker.test.ts, on a Worker.
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
