import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Content, Reference } from '../../openapi/components.ts'
import { openApiDocument } from '../../openapi/document.ts'
import { ACCOUNT, CART, REQUEST, sent } from '../../openapi/examples.ts'
import { requestBodies, sharedResponses } from '../../openapi/responses.ts'
import { issuing, storedKey } from './application-keys.ts'
import { accounts, associate, type Changes, endlessBody, sendWith, uniqueId } from './requests.ts'
import { exhaustedLimit, shortenDeadlines } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { failWith, wrapD1 } from './wrapped-d1.ts'

interface Request {
  method: string
  /** Contains the ids that the document gives as examples. */
  path: string
  headers: Record<string, string>
  body?: BodyInit
  changes: Changes
  /** A store for this request only, because all examples share their ids. */
  storeId: string
}

/** Turns a request that would succeed into the one whose response is the example. */
type Ask = (request: Request) => Request | Promise<Request>

const withHeaders =
  (headers: Record<string, string>): Ask =>
  (request) => ({ ...request, headers: { ...request.headers, ...headers } })
const withChanges =
  (changes: () => Changes): Ask =>
  (request) => ({ ...request, changes: { ...request.changes, ...changes() } })
const withBody =
  (body: () => BodyInit): Ask =>
  (request) => ({ ...request, body: body() })
const withPath =
  (from: string, to: string): Ask =>
  (request) => ({ ...request, path: request.path.replace(from, to) })
const asServer: Ask = async (request) => ({ ...request, headers: await server(request.storeId) })
const asItIs: Ask = (request) => request

const withItsETag: Ask = async (request) => {
  const { method, path, headers } = request
  const etag = (await sendWith({}, method, path, headers)).headers.get('ETag') ?? ''
  return await withHeaders({ 'If-None-Match': etag })(request)
}

const withoutSetting = withChanges(() => ({ AUTH_ISSUER: undefined }))
const tokenRequest = (request: object): Ask => withBody(() => JSON.stringify(request))
const asShopper: Ask = async (request) => ({
  ...request,
  headers: { ...request.headers, ...(await shopper(ACCOUNT, request.storeId)) },
})
const asItsOwner: Ask = async (request) => {
  await associate(CART, await shopper(ACCOUNT, request.storeId), ACCOUNT)
  return request
}
const asShopperOfAnother: Ask = async (request) => {
  await associate(CART, await server(request.storeId), 'another-account')
  return request
}
const asItsRequest: Ask = async (request) => {
  await env.DB.prepare('update associations set request_id = ? where store_id = ?')
    .bind(REQUEST, request.storeId)
    .run()
  return request
}
const invitation = (claim: string): string =>
  JSON.stringify({ data: { type: 'cart_invitation', claim } })
const { implicit, client_credentials: credentials } = sent.tokenRequest

/** By the name of an example; a response without an example, by its operation and its status. */
const asks: Record<string, Ask> = {
  'one cart': asItIs,
  'its cart': asItIs,
  'new cart': asItIs,
  'own cart': asItsOwner,
  'one kept': asItsRequest,
  'one account': asItIs,
  'newly associated': asItIs,
  yours: async (request) =>
    await asServer({ ...request, path: `${request.path}?account_id=${ACCOUNT}` }),
  invited: asItsOwner,
  'asked account not safe': async (request) =>
    await asServer({ ...request, path: `${request.path}?account_id=a%20b` }),
  'wrong claim': withBody(() => invitation('public')),
  'shopper may not': withBody(() => invitation('unclaimed')),
  implicit: tokenRequest(implicit.value),
  client_credentials: tokenRequest(credentials.value),
  'no access token': withHeaders({ Authorization: '' }),
  'account token refused': withHeaders({ 'EP-Account-Management-Authentication-Token': 'forged' }),
  'account token missing': async (request) =>
    await withHeaders({ 'EP-Account-Management-Authentication-Token': '' })(
      await asShopper(request),
    ),
  'slow body': withBody(() => new ReadableStream<Uint8Array>()),
  'conditional write': withHeaders({ 'If-None-Match': '*' }),
  'large body': withBody(() => endlessBody().body),
  'other type': withHeaders({ 'Content-Type': 'text/csv' }),
  // Serves two limits: that of a shopper, and that of unknown clients.
  'too many': async (request) => ({
    ...(await asShopper(request)),
    ...(request.body && { body: request.body.toString().replace('demo-storefront', 'unknown') }),
    changes: { ...issuing, SHOPPER_RATE_LIMIT: exhaustedLimit, FAILURE_RATE_LIMIT: exhaustedLimit },
  }),
  'setting missing': withoutSetting,
  'not ready': withoutSetting,
  overloaded: withChanges(() => ({
    DB: wrapD1(env.DB, failWith('D1 DB is overloaded.')).db,
  })),
  'no filter': asServer,
  'page too large': (request) => ({ ...request, path: `${request.path}?page[limit]=101` }),
  'cart id not safe': withPath(CART, 'a%20b'),
  'account id not safe': withPath(ACCOUNT, 'a%20b'),
  'wrong type': withBody(() => JSON.stringify({ data: [{ type: 'customer', id: ACCOUNT }] })),
  'new id not safe': withBody(() => JSON.stringify({ data: { id: 'a b' } })),
  'cart of others': asShopperOfAnother,
  'too many carts': async (request) => {
    await associate('another-cart', await shopper(ACCOUNT, request.storeId), ACCOUNT)
    return withChanges(() => ({ CARTS_PER_ACCOUNT: 1 }))(request)
  },
  'cart not found': withPath(CART, 'another-cart'),
  'another account': withBody(() => JSON.stringify(accounts('another-account'))),
  'a shopper': asShopper,
  'other grant': tokenRequest({ ...implicit.value, grant_type: 'password' }),
  'wrong secret': tokenRequest({ ...credentials.value, client_secret: 'another' }),
  'other issuer': withChanges(() => ({ AUTH_SIGNING_JWK: undefined })),
  'getCarts 304': withItsETag,
  'getACart 304': withItsETag,
  'getAccountCartAssociations 304': withItsETag,
  'createAccountCartAssociation 204': asItsOwner,
  'deleteAccountCartAssociation 204': asItIs,
  'deleteACart 204': asItIs,
  'deleteAccountCarts 204': asItIs,
  'getKeySet 200': asItIs,
  'getHealth 200': asItIs,
  'getReadiness 200': asItIs,
}

/** Builds the request of an operation as the document shows it, with a cart if it needs one. */
async function requestOf({ operationId, method, path, sent }: Example): Promise<Request> {
  const storeId = uniqueId('store')
  const ofShopper = await shopper(ACCOUNT, storeId)
  if (method !== 'POST' || operationId === 'createCartInvitation')
    await associate(CART, ofShopper, ACCOUNT)
  const isForServers = /^\/v2\/accounts|\/access$/.test(path)
  const caller = isForServers ? await server(storeId) : ofShopper
  return {
    method,
    path: path.replace('{cartID}', CART).replace('{accountID}', ACCOUNT),
    headers: { ...caller, 'Content-Type': 'application/json' },
    ...(sent && { body: JSON.stringify(sent) }),
    changes: /AccessToken|Invitation/.test(operationId) ? issuing : {},
    storeId,
  }
}

interface Example {
  operationId: string
  method: string
  path: string
  /** The body of the request. */
  sent: object | undefined
  status: number
  name: string
  /** The body of the response, if the document shows it. */
  value: object | undefined
}

interface WithContent {
  content?: Content
}

/** Empties the tokens, which differ each time. */
function withoutTokens(document: object): object {
  const isToken = /^eyJ[\w-]+\.(…|[\w-]+\.[\w-]+)$/
  const empty = (_: string, value: unknown) => (isToken.test(String(value)) ? '' : value)
  return JSON.parse(JSON.stringify(document, empty))
}

/** The shared components by the end of their `$ref`. */
const shared: Record<string, WithContent> = Object.fromEntries([
  ...Object.entries(sharedResponses).map(([name, each]) => [`responses/${name}`, each]),
  ...Object.entries(requestBodies).map(([name, each]) => [`requestBodies/${name}`, each]),
])

const examplesIn = (found: WithContent | Reference = {}) => {
  const { content = {} } =
    '$ref' in found ? (shared[found.$ref.replace('#/components/', '')] ?? {}) : found
  return Object.entries(content['application/json']?.examples ?? {})
}

const answers: Example[] = Object.entries(openApiDocument.paths).flatMap(([path, item]) =>
  (['get', 'post', 'delete'] as const).flatMap((verb) => {
    const { operationId = '', requestBody, responses = {} } = item[verb] ?? {}
    const [, { value: sent } = { value: undefined }] = examplesIn(requestBody)[0] ?? []
    const operation = { operationId, method: verb.toUpperCase(), path, sent }
    return Object.entries(responses).flatMap(([status, response]): Example[] => {
      const answer = { ...operation, status: Number(status) }
      const shown = examplesIn(response).map(([name, { value }]) => ({ ...answer, name, value }))
      const name = `${operationId} ${status}`
      return shown.length > 0 ? shown : [{ ...answer, name, value: undefined }]
    })
  }),
)
const examples = answers.filter(({ value }) => value !== undefined)

beforeAll(async () => {
  // The time in the examples.
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-08-03T09:30:00.000Z') })
  shortenDeadlines()
  const { client_id: clientId, client_secret: secret } = credentials.value
  await storedKey('confidential', { clientId, secret })
})
afterAll(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the OpenAPI document', () => {
  // test/worker/setup.ts holds each response to the document.
  it.concurrent.each(answers)('promises $operationId $status: $name', async (row) => {
    const ask = asks[row.name]
    if (ask === undefined) throw new Error(`Nothing asks for ${row.name}`)
    const { changes, method, path, headers, body } = await ask(await requestOf(row))

    const response = await sendWith(changes, method, path, headers, body)

    expect(response.status).toBe(row.status)
    if (row.value === undefined) return
    const answer = Object(await response.json())
    expect(withoutTokens(answer)).toEqual(withoutTokens(row.value))
  })

  it('promises nothing else, and has an example of every response with a body of its own', () => {
    const named = (rows: Example[]) =>
      [...new Set(rows.map(({ operationId, status }) => `${operationId} ${status}`))].toSorted()
    const withoutBody = /^getHealth|^getReadiness 200|^getOpenApi|^getKeySet 200| 204$| 304$/
    const promised = env.TEST_PROMISED_ANSWERS.toSorted()

    expect(named(answers)).toEqual(promised)
    expect(named(examples)).toEqual(promised.filter((each) => !withoutBody.test(each)))
    expect(Object.keys(asks).toSorted()).toEqual(
      [...new Set(answers.map(({ name }) => name))].toSorted(),
    )
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
