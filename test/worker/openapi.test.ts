import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import {
  accessOf,
  accountsOf,
  type Changes,
  cartOf,
  cartsOf,
  customer,
  endlessBody,
  erasureOf,
  invitationsOf,
  sendWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit, shortenDeadlines } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { d1Error, wrapD1 } from './wrapped-d1.ts'

interface Request {
  method: string
  path: string
  headers?: Record<string, string>
  body?: BodyInit
  /** The bindings to change for this request. */
  changes?: Changes
}

/** Changes a request that would succeed into one that gets this status. */
type Exercise = (request: Request) => Promise<Request>

const json = { 'Content-Type': 'application/json' }

const overloaded = (): Changes => ({
  DB: wrapD1(env.DB, async () => {
    throw d1Error('D1 DB is overloaded.')
  }).db,
})

const asItIs: Exercise = async (request) => request
const withHeaders =
  (headers: Record<string, string>): Exercise =>
  async (request) => ({ ...request, headers: { ...request.headers, ...headers } })
const withChanges =
  (changes: () => Changes): Exercise =>
  async (request) => ({ ...request, changes: { ...request.changes, ...changes() } })
const withBody =
  (body: () => BodyInit): Exercise =>
  async (request) => ({ ...request, body: body() })
const withPath =
  (path: string): Exercise =>
  async (request) => ({ ...request, path })

const withItsETag: Exercise = async (request) => {
  const { method, path, headers } = request
  const etag = (await sendWith({}, method, path, headers)).headers.get('ETag') ?? ''
  return await withHeaders({ 'If-None-Match': etag })(request)
}

/** A body that stalls: the Worker must not wait for it for ever. */
const stalled = () => new ReadableStream<Uint8Array>()

const byCaller: Record<number, Exercise> = {
  401: withHeaders({ Authorization: '' }),
  403: withHeaders({ 'EP-Account-Management-Authentication-Token': 'forged' }),
  429: withChanges(() => ({ SHOPPER_RATE_LIMIT: exhaustedLimit })),
  500: withChanges(() => ({ AUTH_ISSUER: undefined })),
  503: withChanges(overloaded),
}
const conditional = withHeaders({ 'If-Match': '"any"' })
const byBody: Record<number, Exercise> = {
  400: withBody(() => '{'),
  408: withBody(stalled),
  413: withBody(() => endlessBody().body),
  415: withHeaders({ 'Content-Type': 'text/csv' }),
}

interface Operation {
  request: () => Promise<Request>
  exercises: Record<number, Exercise>
}

const reading = (pathOf: (of: { cart: string; account: string }) => string) => async () => {
  const { cart, account, headers } = await customer()
  return { method: 'GET', path: pathOf({ cart, account }), headers }
}
const writing = (method: string) => async () => {
  const account = uniqueId('account')
  const headers = { ...json, ...(await shopper(account)) }
  const body = JSON.stringify([{ type: 'account', id: account }])
  return { method, path: accountsOf(uniqueId('cart')), headers, body }
}
const full: Exercise = async (request) => {
  await sendWith({}, 'POST', '/v2/carts', request.headers)
  return { ...request, changes: { CARTS_PER_ACCOUNT: 1 } }
}
const asking = (path: string) => async () => ({ method: 'GET', path })

const shopperBeyondLimit: Exercise = async (request) => ({
  ...request,
  headers: await shopper('account-1'),
  changes: { SHOPPER_RATE_LIMIT: exhaustedLimit },
})

const operations: Record<string, Operation> = {
  getCarts: {
    request: reading(({ account }) => cartsOf(account)),
    exercises: {
      ...byCaller,
      200: asItIs,
      304: withItsETag,
      400: withPath('/v2/carts?page[limit]=0'),
    },
  },
  createACart: {
    request: async () => {
      const headers = { ...json, ...(await shopper(uniqueId('account'))) }
      const body = JSON.stringify({ data: { id: uniqueId('cart') } })
      return { method: 'POST', path: '/v2/carts', headers, body }
    },
    exercises: {
      ...byCaller,
      ...byBody,
      200: async (request) => {
        await sendWith({}, request.method, request.path, request.headers, request.body)
        return request
      },
      201: asItIs,
      409: full,
      412: conditional,
    },
  },
  deleteACart: {
    request: async () => {
      const { cart, headers } = await customer()
      return { method: 'DELETE', path: cartOf(cart), headers }
    },
    exercises: { ...byCaller, 204: asItIs, 400: withPath(cartOf('a%20b')), 412: conditional },
  },
  getAccountCarts: {
    request: async () => {
      const { account } = await customer()
      return { method: 'GET', path: erasureOf(account), headers: await server() }
    },
    exercises: {
      ...byCaller,
      200: asItIs,
      400: withPath(erasureOf('a%20b')),
      429: shopperBeyondLimit,
    },
  },
  getACart: {
    request: reading(({ cart }) => cartOf(cart)),
    exercises: {
      ...byCaller,
      200: asItIs,
      304: withItsETag,
      400: withPath(cartOf('a%20b')),
      404: withPath(cartOf('nobody-has-it')),
    },
  },
  getCartAccess: {
    request: async () => {
      const { cart } = await customer()
      return { method: 'GET', path: accessOf(cart), headers: await server() }
    },
    exercises: {
      ...byCaller,
      200: asItIs,
      400: withPath(accessOf('a%20b')),
      429: shopperBeyondLimit,
    },
  },
  createCartInvitation: {
    request: async () => {
      const { cart, headers } = await customer()
      const path = invitationsOf(cart)
      return { method: 'POST', path, headers: { ...json, ...headers }, changes: issuing }
    },
    exercises: {
      ...byCaller,
      ...byBody,
      201: asItIs,
      404: withPath(invitationsOf('nobody-has-it')),
      412: conditional,
    },
  },
  getAccountCartAssociations: {
    request: reading(({ cart }) => accountsOf(cart)),
    exercises: { ...byCaller, 200: asItIs, 304: withItsETag, 400: withPath(accountsOf('a%20b')) },
  },
  createAccountCartAssociation: {
    request: writing('POST'),
    exercises: {
      ...byCaller,
      ...byBody,
      409: full,
      412: conditional,
      200: asItIs,
      204: async (request) => {
        await sendWith({}, request.method, request.path, request.headers, request.body)
        return request
      },
    },
  },
  deleteAccountCartAssociation: {
    request: writing('DELETE'),
    exercises: { ...byCaller, ...byBody, 204: asItIs, 412: conditional },
  },
  deleteAccountCarts: {
    request: async () => {
      const { account } = await customer()
      return { method: 'DELETE', path: erasureOf(account), headers: await server() }
    },
    exercises: {
      ...byCaller,
      204: asItIs,
      400: withPath(erasureOf('a%20b')),
      412: conditional,
      429: shopperBeyondLimit,
    },
  },
  createAnAccessToken: {
    request: async () => {
      const { clientId: client_id } = await storedKey('implicit-only')
      const body = JSON.stringify({ grant_type: 'implicit', client_id })
      return { method: 'POST', path: '/oauth/access_token', headers: json, body, changes: issuing }
    },
    exercises: {
      ...byBody,
      200: asItIs,
      401: withBody(() => 'grant_type=implicit&client_id=unknown'),
      404: withChanges(() => ({ AUTH_SIGNING_JWK: undefined })),
      429: async (request) => ({
        ...request,
        body: 'grant_type=implicit&client_id=unknown',
        changes: { ...issuing, FAILURE_RATE_LIMIT: exhaustedLimit },
      }),
      500: withChanges(() => ({ AUTH_ISSUER: undefined })),
      503: withChanges(overloaded),
    },
  },
  getKeySet: {
    request: asking('/.well-known/jwks.json'),
    exercises: { 200: asItIs, 500: withChanges(() => ({ AUTH_JWKS: '{' })) },
  },
  getHealth: { request: asking('/healthz'), exercises: { 200: asItIs } },
  getReadiness: {
    request: asking('/readyz'),
    exercises: { 200: asItIs, 503: withChanges(overloaded) },
  },
}

const table = Object.entries(operations).flatMap(([operationId, { request, exercises }]) =>
  Object.entries(exercises).map(([status, exercise]) => ({
    answer: `${operationId} ${status}`,
    status: Number(status),
    ask: async () => {
      const { changes = {}, method, path, headers, body } = await exercise(await request())
      return await sendWith(changes, method, path, headers, body)
    },
  })),
)

describe('the OpenAPI document', () => {
  beforeAll(shortenDeadlines)
  afterAll(() => {
    vi.unstubAllGlobals()
  })

  it('promises exactly the answers below', () => {
    expect(table.map(({ answer }) => answer).toSorted()).toEqual(
      env.TEST_PROMISED_ANSWERS.toSorted(),
    )
  })

  // test/worker/setup.ts holds each response to the document.
  it.concurrent.each(table)('promises $answer', async ({ ask, status }) => {
    expect((await ask()).status).toBe(status)
  })

  it('has the operation ids that Elastic Path publishes', () => {
    const promised = env.TEST_PROMISED_ANSWERS.map((answer) => answer.split(' ')[0])

    expect(promised).toEqual(
      expect.arrayContaining([
        'createAccountCartAssociation',
        'deleteAccountCartAssociation',
        'getCarts',
        'getACart',
        'createACart',
        'deleteACart',
        'getAccountCarts',
        'getCartAccess',
        'createCartInvitation',
        'createAnAccessToken',
      ]),
    )
  })
})
