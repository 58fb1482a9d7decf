import { describe, expect, it } from 'vitest'
import { breachesOf, type Exchange } from '../lib/contract.ts'

const common = {
  'x-request-id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe',
  'access-control-expose-headers': 'ETag,Location,Retry-After,X-Request-Id,X-D1-Bookmark',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
const bookmark = { 'x-d1-bookmark': '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683' }
const json = { ...common, 'content-type': 'application/json' }
const error = (error: object): string => JSON.stringify({ errors: [error] })

const associated: Exchange = {
  method: 'POST',
  path: '/v2/carts/cart-1/relationships/accounts',
  status: 200,
  headers: { ...json, ...bookmark },
  body: '{"data":[{"type":"account","id":"account-1"}]}',
  sent: '[{"type":"account","id":"account-1"}]',
}
const refused: Exchange = {
  ...associated,
  status: 401,
  headers: { ...json, 'www-authenticate': 'Bearer' },
  body: error({ status: 401, title: 'Unable to validate access token' }),
}
const unchanged: Exchange = {
  ...associated,
  status: 204,
  headers: { ...common, ...bookmark },
  body: '',
}
const nothingThere: Exchange = {
  ...associated,
  path: '/v2/nothing',
  status: 404,
  headers: json,
  body: error({ status: 404, title: 'Not Found' }),
}
const notServed: Exchange = {
  ...associated,
  method: 'PUT',
  status: 405,
  headers: { ...json, allow: 'GET' },
  body: error({ status: 405, title: 'Method Not Allowed' }),
}
const misshapen: Exchange = {
  ...associated,
  status: 400,
  headers: json,
  body: error({ status: 400, title: 'pattern', source: 'data[0].id' }),
  sent: '[{"type":"account","id":""}]',
}
const preflight: Exchange = { ...unchanged, method: 'OPTIONS', headers: common }

/** The exchange with one header changed, or removed. */
const withHeader = ({ headers, ...exchange }: Exchange, name: string, value?: string): Exchange => {
  const { [name]: _, ...others } = headers
  return { ...exchange, headers: value === undefined ? others : { ...others, [name]: value } }
}

describe('an answer', () => {
  it.each([associated, refused, unchanged, nothingThere, notServed, misshapen, preflight])(
    'is as promised: $method $path $status',
    (exchange) => {
      expect(breachesOf(exchange)).toEqual([])
    },
  )

  it.each<[breach: string, Exchange]>([
    ['has no X-D1-Bookmark', withHeader(associated, 'x-d1-bookmark')],
    ['has a malformed X-D1-Bookmark: garbage', withHeader(associated, 'x-d1-bookmark', 'garbage')],
    ['has etag, which is not promised', withHeader(associated, 'etag', '"a"')],
    ['has the Content-Type text/html', withHeader(associated, 'content-type', 'text/html')],
    ['has the Content-Type text/plain', withHeader(unchanged, 'content-type', 'text/plain')],
    ['has no Allow', withHeader(notServed, 'allow')],
    [
      'body/data/0 must NOT have additional properties',
      { ...associated, body: '{"data":[{"type":"account","id":"a","name":"b"}]}' },
    ],
    ['has a body that is not JSON', { ...associated, body: '{' }],
    [
      'has an error of the status 400',
      { ...refused, body: error({ status: 400, title: 'Bad Request' }) },
    ],
    ['has a body', { ...unchanged, body: '{}' }],
    ['has a status that the operation does not have', { ...associated, status: 201 }],
    ['has status 200, not 404', { ...nothingThere, status: 200 }],
    ['has status 200, not 405 or 404', { ...notServed, status: 200 }],
    [
      'takes a body that is not allowed',
      { ...associated, sent: '{"data":[{"type":"acount","id":"account-1"}]}' },
    ],
    ['refuses a body that is allowed', { ...misshapen, sent: associated.sent }],
    ['is no preflight', { ...preflight, status: 200 }],
  ])('is not as promised if it %s', (breach, exchange) => {
    expect(breachesOf(exchange)).toContain(breach)
  })

  it.each(Object.keys(common))('is not as promised without %s', (name) => {
    const breach = `lacks the ${name} of every response`

    for (const exchange of [refused, preflight, nothingThere]) {
      expect(breachesOf(withHeader(exchange, name))).toContain(breach)
      expect(breachesOf(withHeader(exchange, name, 'x'))).toContain(breach)
    }
  })
})
