// The examples of the OpenAPI document. The tests send a request for each of them and compare the response.

import { SAFE_ID_RULE } from '../src/ids.ts'
import { BODY_DEADLINE_SECONDS, LIMIT, MAX_BODY_BYTES } from '../src/limits.ts'

export type Examples = Readonly<Record<string, { value: object }>>

export const CART = '5e2e7c51-8f0b-4d5b-9a52-3b1f1f3c9a10'
export const ACCOUNT = 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe'

/** The request that associated the cart of the examples. */
export const REQUEST = '0e9b3d5c-6a0f-4c57-8e35-5b6f2f1f7f0a'
const SERVICE = 'https://api.example'
const ASSOCIATED_AT = '2026-08-03T09:30:00.000Z'

const account = { type: 'account', id: ACCOUNT }
const cart = {
  type: 'cart',
  id: CART,
  meta: { timestamps: { created_at: ASSOCIATED_AT, updated_at: ASSOCIATED_AT } },
  relationships: { accounts: { data: [account] }, items: { data: [] } },
  links: { self: `${SERVICE}/v2/carts/${CART}` },
}
const keptCart = {
  type: 'cart',
  id: CART,
  meta: {
    timestamps: { created_at: ASSOCIATED_AT, updated_at: ASSOCIATED_AT },
    created_by: 'member-1',
    request_id: REQUEST,
  },
}

const onlyPage = (path: string, data: object) => {
  const link = `${SERVICE}${path}?page%5Blimit%5D=${LIMIT.default}&page%5Boffset%5D=0`
  return {
    data: [data],
    meta: {
      page: { limit: LIMIT.default, offset: 0, current: 1, total: 1 },
      results: { total: 1 },
    },
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

const errors = (status: number, title: string, more: object = {}) => ({
  value: { errors: [{ status, title, ...more }] },
})
const badRequest = (detail: string, source: string) =>
  errors(400, 'Bad Request', { detail, source })
const unsupported = (types: string) =>
  errors(415, 'Unsupported Media Type', { detail: `Content-Type must be ${types}` })

const jsonTypes = 'application/json or application/vnd.api+json'
const accountTokenRefused = errors(
  403,
  'Unable to validate account management authentication token',
)
const notPermitted = errors(
  403,
  'Account does not have the required permissions to fulfill this request',
)
const notSafe = (source: string) =>
  errors(400, 'pattern', { detail: `${source} must be ${SAFE_ID_RULE}`, source })

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

/** Bodies of responses. */
export const returned = {
  carts: { 'one cart': { value: onlyPage('/v2/carts', cart) } },
  cart: { 'its cart': { value: { data: cart } } },
  newCart: { 'new cart': { value: { data: cart } } },
  ownCart: { 'own cart': { value: { data: cart } } },
  kept: { 'one kept': { value: { data: [keptCart], links: { next: null } } } },
  accounts: {
    'one account': { value: onlyPage(`/v2/carts/${CART}/relationships/accounts`, account) },
  },
  associated: { 'newly associated': { value: { data: [account] } } },
  access: { yours: { value: { data: { access: 'yours' } } } },
  invitation: {
    invited: {
      value: {
        data: {
          type: 'cart_invitation',
          claim: 'shared',
          token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImNhcnQtaW52aXRhdGlvbitqd3QifQ.…',
          expires_at: '2026-08-04T09:30:00.000Z',
        },
      },
    },
  },
  token: {
    implicit: { value: token('implicit') },
    client_credentials: { value: token('client_credentials') },
  },
} satisfies Record<string, Examples>

/** The bodies of refusals: by status if every operation has them, or by what they concern. */
export const refused = {
  401: { 'no access token': errors(401, 'Unable to validate access token') },
  403: {
    'account token refused': accountTokenRefused,
    'account token missing': errors(403, 'Forbidden', {
      detail:
        'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
    }),
  },
  408: {
    'slow body': errors(408, 'Request Timeout', {
      detail: `The request body must be complete within ${BODY_DEADLINE_SECONDS} s`,
    }),
  },
  409: {
    'too many carts': errors(409, 'Conflict', { detail: 'The account has too many carts' }),
  },
  412: {
    'conditional write': errors(412, 'Precondition Failed', {
      detail: 'Conditional writes are not supported, and repeats are harmless',
    }),
  },
  413: {
    'large body': errors(413, 'Payload Too Large', {
      detail: `The request body must be at most ${MAX_BODY_BYTES} bytes`,
    }),
  },
  415: { 'other type': unsupported(jsonTypes) },
  429: { 'too many': errors(429, 'Too Many Requests') },
  500: {
    'setting missing': errors(500, 'Internal Server Error', { detail: 'AUTH_ISSUER must be set' }),
  },
  503: { overloaded: errors(503, 'Service Unavailable') },
  list: {
    'no filter': badRequest('A filter is required: contains(account_ids,"ID")', 'filter'),
    'page too large': badRequest(
      `page[limit] must be a whole number from ${LIMIT.min} to ${LIMIT.max}`,
      'page[limit]',
    ),
  },
  access: { 'asked account not safe': notSafe('account_id') },
  invitation: {
    'wrong claim': errors(400, 'Invalid json payload', {
      detail: 'claim must be shared or unclaimed',
      source: 'data.claim',
    }),
  },
  invitingShopper: { 'shopper may not': notPermitted },
  cartID: { 'cart id not safe': notSafe('cartID') },
  accountID: { 'account id not safe': notSafe('accountID') },
  accounts: {
    'wrong type': errors(400, 'The type does not exist or is not listed as account', {
      detail: 'Ensure that the type is account and is present.',
      source: 'data[0].type',
    }),
  },
  newCart: {
    'new id not safe': errors(400, 'pattern', {
      detail: `id must be ${SAFE_ID_RULE}`,
      source: 'data.id',
    }),
  },
  taken: { 'cart of others': notPermitted },
  creation: { 'account token refused': accountTokenRefused, 'cart of others': notPermitted },
  cart: { 'cart not found': errors(404, 'Not Found', { detail: 'Cart not found' }) },
  shopper: { 'another account': notPermitted },
  erasure: { 'a shopper': notPermitted },
  tokenRequest: {
    'other grant': badRequest('grant_type must be implicit or client_credentials', 'grant_type'),
  },
  tokenType: { 'other type': unsupported(`application/x-www-form-urlencoded or ${jsonTypes}`) },
  client: {
    'wrong secret': errors(401, 'Unauthorized', {
      detail: 'The client id or the client secret is wrong',
    }),
  },
  issuer: { 'other issuer': errors(404, 'Not Found') },
  ready: {
    'not ready': errors(503, 'Service Unavailable', { detail: 'AUTH_ISSUER must be set' }),
  },
} satisfies Record<string, Examples>
