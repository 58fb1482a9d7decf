import { describe, expect, it } from 'vitest'
import { breachesOf, type Exchange } from '../lib/contract.ts'

const common = {
  'x-request-id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe',
  'access-control-expose-headers': 'ETag',
  'x-content-type-options': 'nosniff',
}
const bookmark = '00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683'
const json = { ...common, 'content-type': 'application/json' }

const associated: Exchange = {
  method: 'POST',
  path: '/v2/carts/cart-1/relationships/accounts',
  status: 200,
  headers: { ...json, 'x-d1-bookmark': bookmark },
  body: '{"data":[{"type":"account","id":"account-1"}]}',
  sent: '[{"type":"account","id":"account-1"}]',
}
const refused: Exchange = {
  ...associated,
  status: 401,
  headers: { ...json, 'www-authenticate': 'Bearer' },
  body: '{"errors":[{"status":401,"title":"Unable to validate access token"}]}',
}
const unchanged: Exchange = {
  ...associated,
  status: 204,
  headers: { ...common, 'x-d1-bookmark': bookmark },
  body: '',
}
const nothingThere: Exchange = {
  ...associated,
  path: '/v2/nothing',
  status: 404,
  headers: json,
  body: '{"errors":[{"status":404,"title":"Not Found"}]}',
}
const notServed: Exchange = {
  ...nothingThere,
  method: 'PUT',
  path: associated.path,
  status: 405,
  headers: { ...json, allow: 'GET' },
  body: '{"errors":[{"status":405,"title":"Method Not Allowed"}]}',
}
const respelled: Exchange = { ...refused, path: '/%762/carts/cart%2D1/relationships/accounts' }
const otherHost: Exchange = { ...nothingThere, path: `//host${associated.path}` }
const bodiless: Exchange = { ...notServed, method: 'HEAD', path: '/oauth/access_token', body: '' }
const preflight: Exchange = { ...unchanged, method: 'OPTIONS', headers: common }

const without = ({ headers, ...exchange }: Exchange, name: string): Exchange => ({
  ...exchange,
  headers: Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name)),
})
const withHeader = ({ headers, ...exchange }: Exchange, name: string, value: string): Exchange => ({
  ...exchange,
  headers: { ...headers, [name]: value },
})

describe('an answer', () => {
  it.each([
    ...[associated, refused, unchanged, nothingThere, notServed],
    ...[respelled, otherHost, bodiless, preflight],
  ])('is as promised: $method $path $status', (exchange) => {
    expect(breachesOf(exchange)).toEqual([])
  })

  it.each([
    { breach: 'has no X-D1-Bookmark', exchange: without(associated, 'x-d1-bookmark') },
    {
      breach: 'has a malformed X-D1-Bookmark: garbage',
      exchange: withHeader(associated, 'x-d1-bookmark', 'garbage'),
    },
    { breach: 'has etag, which is not promised', exchange: withHeader(associated, 'etag', '"a"') },
    {
      breach: 'has no x-content-type-options',
      exchange: without(refused, 'x-content-type-options'),
    },
    {
      breach: 'has the Content-Type text/html',
      exchange: withHeader(associated, 'content-type', 'text/html'),
    },
    {
      breach: 'body/data/0 must NOT have additional properties',
      exchange: { ...associated, body: '{"data":[{"type":"account","id":"a","name":"b"}]}' },
    },
    { breach: 'has a body that is not JSON', exchange: { ...associated, body: '{' } },
    {
      breach: 'tells of 400',
      exchange: { ...refused, body: '{"errors":[{"status":400,"title":"Bad Request"}]}' },
    },
    { breach: 'has a body', exchange: { ...unchanged, body: '{}' } },
    { breach: 'has a Content-Type', exchange: withHeader(unchanged, 'content-type', 'text/plain') },
    {
      breach: 'has a status that post /v2/carts/{cartID}/relationships/accounts does not have',
      exchange: { ...associated, status: 201 },
    },
    { breach: 'has no Allow', exchange: without(notServed, 'allow') },
    { breach: 'has status 200, not 404', exchange: { ...nothingThere, status: 200 } },
    { breach: 'has status 200, not 405 or 404', exchange: { ...notServed, status: 200 } },
    {
      breach: 'takes a body that is not allowed',
      exchange: { ...associated, sent: '{"data":[{"type":"acount","id":"account-1"}]}' },
    },
    {
      breach: 'refuses a body that is allowed',
      exchange: {
        ...associated,
        status: 400,
        headers: json,
        body: '{"errors":[{"status":400,"title":"pattern","source":"data[0].id"}]}',
        sent: '[{"type":"account","id":"account-1"}]',
      },
    },
    { breach: 'is no preflight', exchange: { ...preflight, status: 200 } },
  ])('is not as promised if it $breach', ({ breach, exchange }) => {
    expect(breachesOf(exchange)).toContain(breach)
  })
})
