// The examples of the OpenAPI document. The tests send a request for each of them and compare the response.

import { SAFE_ID_RULE } from '../src/ids.ts'
import { BODY_DEADLINE_SECONDS, LIMIT, MAX_BODY_BYTES, rangeRule } from '../src/limits.ts'

export type Examples = Readonly<Record<string, { value: object }>>

export const CART = '5e2e7c51-8f0b-4d5b-9a52-3b1f1f3c9a10'
export const ACCOUNT = 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe'

/** The request that associated the cart of the examples. */
export const REQUEST = '0e9b3d5c-6a0f-4c57-8e35-5b6f2f1f7f0a'
const SERVICE = 'https://api.example'
const ASSOCIATED_AT = '2026-08-03T09:30:00.000Z'

const account = { type: 'account', id: ACCOUNT }
const timestamps = { created_at: ASSOCIATED_AT, updated_at: ASSOCIATED_AT }
const cart = {
  type: 'cart',
  id: CART,
  meta: { timestamps },
  relationships: { accounts: { data: [account] }, items: { data: [] } },
  links: { self: `${SERVICE}/v2/carts/${CART}` },
}
const keptCart = {
  type: 'cart',
  id: CART,
  meta: { timestamps, created_by: 'member-1', request_id: REQUEST },
}
const invitation = {
  type: 'cart_invitation',
  claim: 'shared',
  token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImNhcnQtaW52aXRhdGlvbitqd3QifQ.…',
  expires_at: '2026-08-04T09:30:00.000Z',
}

const onlyPage = (path: string, data: object) => {
  const link = `${SERVICE}${path}?page%5Blimit%5D=${LIMIT.default}&page%5Boffset%5D=0`
  const page = { limit: LIMIT.default, offset: 0, current: 1, total: 1 }
  return {
    data: [data],
    meta: { page, results: { total: 1 } },
    links: { current: link, first: link, last: link, next: null, prev: null },
  }
}

const token = (identifier: string) => ({
  access_token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…',
  expires: Date.parse(ASSOCIATED_AT) / 1000 + 3600,
  expires_in: 3600,
  identifier,
  token_type: 'Bearer',
})

const error = (status: number, title: string, detail?: string, source?: string) => ({
  errors: [{ status, title, detail, source }],
})
const badRequest = (source: string, detail: string) => error(400, 'Bad Request', detail, source)
const notSafe = (source: string, name = source) =>
  error(400, 'pattern', `${name} must be ${SAFE_ID_RULE}`, source)
const notPermitted = error(
  403,
  'Account does not have the required permissions to fulfill this request',
)

/** Bodies of requests. */
export const sent = {
  accounts: { account: { value: { data: [account] } } },
  newCart: { 'a cart': { value: { data: { type: 'cart', id: CART } } } },
  invitation: { shared: { value: { data: { type: 'cart_invitation', claim: 'shared' } } } },
  tokenRequest: {
    implicit: { value: { grant_type: 'implicit', client_id: 'demo-storefront' } },
    client_credentials: {
      value: {
        grant_type: 'client_credentials',
        client_id: 'demo-storefront',
        client_secret: 'a secret',
      },
    },
  },
} satisfies Record<string, Examples>

/** Bodies of responses, by their names in the document. */
const returned = {
  'one cart': onlyPage('/v2/carts', cart),
  'its cart': { data: cart },
  'new cart': { data: cart },
  'own cart': { data: cart },
  'one kept': { data: [keptCart], links: { next: null } },
  'one account': onlyPage(`/v2/carts/${CART}/relationships/accounts`, account),
  'newly associated': { data: [account] },
  yours: { data: { access: 'yours' } },
  invited: { data: invitation },
  implicit: token('implicit'),
  client_credentials: token('client_credentials'),

  'no filter': badRequest('filter', 'A filter is required: contains(account_ids,"ID")'),
  'page too large': badRequest('page[limit]', `page[limit] ${rangeRule(LIMIT)}`),
  'other grant': badRequest('grant_type', 'grant_type must be implicit or client_credentials'),
  'cart id not safe': notSafe('cartID'),
  'account id not safe': notSafe('accountID'),
  'asked account not safe': notSafe('account_id'),
  'new id not safe': notSafe('data.id', 'id'),
  'wrong claim': error(
    400,
    'Invalid json payload',
    'claim must be shared or unclaimed',
    'data.claim',
  ),
  'wrong type': error(
    400,
    'The type does not exist or is not listed as account',
    'Ensure that the type is account and is present.',
    'data[0].type',
  ),
  'no access token': error(401, 'Unable to validate access token'),
  'wrong secret': error(401, 'Unauthorized', 'The client id or the client secret is wrong'),
  'account token refused': error(403, 'Unable to validate account management authentication token'),
  'account token missing': error(
    403,
    'Forbidden',
    'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ),
  'a shopper': notPermitted,
  'another account': notPermitted,
  'cart of others': notPermitted,
  'shopper may not': notPermitted,
  'cart not found': error(404, 'Not Found', 'Cart not found'),
  'other issuer': error(404, 'Not Found'),
  'slow body': error(
    408,
    'Request Timeout',
    `The request body must be complete within ${BODY_DEADLINE_SECONDS} s`,
  ),
  'too many carts': error(409, 'Conflict', 'The account has too many carts'),
  'conditional write': error(
    412,
    'Precondition Failed',
    'Conditional writes are not supported, and repeats are harmless',
  ),
  'large body': error(
    413,
    'Payload Too Large',
    `The request body must be at most ${MAX_BODY_BYTES} bytes`,
  ),
  'too many': error(429, 'Too Many Requests'),
  'setting missing': error(500, 'Internal Server Error', 'AUTH_ISSUER must be set'),
  overloaded: error(503, 'Service Unavailable'),
  'not ready': error(503, 'Service Unavailable', 'AUTH_ISSUER must be set'),
}

export type ExampleName = keyof typeof returned

export const examplesOf = (names: readonly ExampleName[]): Examples =>
  Object.fromEntries(names.map((name) => [name, { value: returned[name] }]))

/** Two routes read different types, and their refusals have one name. */
export const otherType = (types: string): Examples => ({
  'other type': { value: error(415, 'Unsupported Media Type', `Content-Type must be ${types}`) },
})
