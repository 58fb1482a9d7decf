import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Content, Reference } from '../../openapi/components.ts'
import { openApiDocument } from '../../openapi/document.ts'
import { ACCOUNT, CART, REQUEST, sent } from '../../openapi/examples.ts'
import { requestBodies, sharedResponses } from '../../openapi/responses.ts'
import { issuing, storedKey } from './application-keys.ts'
import { accounts, associate, type Changes, endlessBody, sendWith, uniqueId } from './requests.ts'
import { exhaustedLimit, shortenDeadlines } from './stubs.ts'
import { ACCOUNT_TOKEN, server, shopper } from './tokens.ts'
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

/** Returns what to change about a request that would succeed. Headers are added to its own. */
type Ask = (request: Request) => Partial<Request> | Promise<Partial<Request>>

const invitation = (claim: string): string =>
  JSON.stringify({ data: { type: 'cart_invitation', claim } })
const { implicit, client_credentials: credentials } = sent.tokenRequest

const asOwner: Ask = async ({ storeId }) => {
  await associate(CART, await shopper(ACCOUNT, storeId), ACCOUNT)
  return {}
}
const withItsETag: Ask = async ({ method, path, headers }) => {
  const response = await sendWith({}, method, path, headers)
  return { headers: { 'If-None-Match': response.headers.get('ETag') ?? '' } }
}
const withoutIssuer: Ask = () => ({ changes: { AUTH_ISSUER: undefined } })
const cartNotSafe: Ask = ({ path }) => ({ path: path.replace(CART, 'a%20b') })

/** By the name of an example; a response without an example, by its operation and its status. */
const asks: Record<string, Ask> = {
  'own cart': asOwner,
  'one kept': async ({ storeId }) => {
    await env.DB.prepare('update associations set request_id = ? where store_id = ?')
      .bind(REQUEST, storeId)
      .run()
    return {}
  },
  yours: ({ path }) => ({ path: `${path}?account_id=${ACCOUNT}` }),
  invited: asOwner,
  'asked account not safe': ({ path }) => ({ path: `${path}?account_id=a%20b` }),
  'wrong claim': () => ({ body: invitation('public') }),
  'shopper may not': () => ({ body: invitation('unclaimed') }),
  client_credentials: () => ({ body: JSON.stringify(credentials.value) }),
  'no access token': () => ({ headers: { Authorization: '' } }),
  'account token refused': () => ({ headers: { [ACCOUNT_TOKEN]: 'forged' } }),
  'account token missing': async ({ storeId }) => ({
    headers: { ...(await shopper(ACCOUNT, storeId)), [ACCOUNT_TOKEN]: '' },
  }),
  'slow body': () => ({ body: new ReadableStream<Uint8Array>() }),
  'conditional write': () => ({ headers: { 'If-None-Match': '*' } }),
  'large body': () => ({ body: endlessBody().body }),
  'other type': () => ({ headers: { 'Content-Type': 'text/csv' } }),
  // Serves two limits: that of a shopper, and that of unknown clients.
  'too many': async ({ body, storeId }) => ({
    headers: await shopper(ACCOUNT, storeId),
    ...(body && { body: body.toString().replace('demo-storefront', 'unknown') }),
    changes: { ...issuing, SHOPPER_RATE_LIMIT: exhaustedLimit, FAILURE_RATE_LIMIT: exhaustedLimit },
  }),
  'setting missing': withoutIssuer,
  'not ready': withoutIssuer,
  overloaded: ({ changes }) => ({
    changes: { ...changes, DB: wrapD1(env.DB, failWith('D1 DB is overloaded.')).db },
  }),
  'no filter': async ({ storeId }) => ({
    headers: { ...(await server(storeId)), [ACCOUNT_TOKEN]: '' },
  }),
  'page too large': ({ path }) => ({ path: `${path}?page[limit]=101` }),
  'cart id not safe': cartNotSafe,
  'account id not safe': ({ path }) => ({ path: path.replace(ACCOUNT, 'a%20b') }),
  'wrong type': () => ({ body: JSON.stringify({ data: [{ type: 'customer', id: ACCOUNT }] }) }),
  'new id not safe': () => ({ body: JSON.stringify({ data: { id: 'a b' } }) }),
  'cart of others': async ({ storeId }) => {
    await associate(CART, await server(storeId), 'another-account')
    return {}
  },
  'too many carts': async ({ storeId }) => {
    await associate('another-cart', await shopper(ACCOUNT, storeId), ACCOUNT)
    return { changes: { CARTS_PER_ACCOUNT: 1 } }
  },
  'cart not found': ({ path }) => ({ path: path.replace(CART, 'another-cart') }),
  'another account': () => ({ body: JSON.stringify(accounts('another-account')) }),
  'a shopper': async ({ storeId }) => ({ headers: await shopper(ACCOUNT, storeId) }),
  'other grant': () => ({ body: JSON.stringify({ ...implicit.value, grant_type: 'password' }) }),
  'wrong secret': () => ({
    body: JSON.stringify({ ...credentials.value, client_secret: 'another' }),
  }),
  'other issuer': () => ({ changes: { AUTH_SIGNING_JWK: undefined } }),
  'getCarts 304': withItsETag,
  'getACart 304': withItsETag,
  'getAccountCartAssociations 304': withItsETag,
  'createAccountCartAssociation 204': asOwner,
}

interface Promised {
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

/** Builds the request of an operation as the document shows it, with a cart if it needs one. */
async function requestOf({ operationId, method, path, sent }: Promised): Promise<Request> {
  const storeId = uniqueId('store')
  const asShopper = await shopper(ACCOUNT, storeId)
  if (method !== 'POST' || operationId === 'createCartInvitation') {
    await associate(CART, asShopper, ACCOUNT)
  }
  const isForServers = /^\/v2\/accounts|\/access$/.test(path)
  const caller = isForServers ? await server(storeId) : asShopper
  return {
    method,
    path: path.replace('{cartID}', CART).replace('{accountID}', ACCOUNT),
    headers: { ...caller, 'Content-Type': 'application/json' },
    ...(sent && { body: JSON.stringify(sent) }),
    changes: /AccessToken|Invitation/.test(operationId) ? issuing : {},
    storeId,
  }
}

/** Empties the tokens, which differ each time. */
function withoutTokens(document: object): object {
  const isToken = /^eyJ[\w-]+\.(…|[\w-]+\.[\w-]+)$/
  const empty = (_: string, value: unknown) => (isToken.test(String(value)) ? '' : value)
  return JSON.parse(JSON.stringify(document, empty))
}

interface WithContent {
  content?: Content
}

/** The shared components by their reference. */
const shared: Record<string, WithContent> = Object.fromEntries(
  Object.entries({ responses: sharedResponses, requestBodies }).flatMap(([kind, components]) =>
    Object.entries(components).map(([name, each]) => [`#/components/${kind}/${name}`, each]),
  ),
)

const examplesIn = (part: WithContent | Reference = {}) => {
  const { content = {} } = '$ref' in part ? (shared[part.$ref] ?? {}) : part
  return Object.entries(content['application/json']?.examples ?? {})
}

/** Every example of every response, and every response that has none. */
const promises: Promised[] = Object.entries(openApiDocument.paths).flatMap(([path, item]) =>
  (['get', 'post', 'delete'] as const).flatMap((verb) => {
    const { operationId = '', requestBody, responses = {} } = item[verb] ?? {}
    const [, { value: sent } = { value: undefined }] = examplesIn(requestBody)[0] ?? []
    const operation = { operationId, method: verb.toUpperCase(), path, sent }
    return Object.entries(responses).flatMap(([status, response]): Promised[] => {
      const promise = { ...operation, status: Number(status) }
      const shown = examplesIn(response).map(([name, { value }]) => ({ ...promise, name, value }))
      const name = `${operationId} ${status}`
      return shown.length > 0 ? shown : [{ ...promise, name, value: undefined }]
    })
  }),
)

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
  it.concurrent.each(promises)('promises $operationId $status: $name', async (row) => {
    const request = await requestOf(row)
    const changed = (await asks[row.name]?.(request)) ?? {}
    const { changes, method, path, body } = { ...request, ...changed }
    const headers = { ...request.headers, ...changed.headers }

    const response = await sendWith(changes, method, path, headers, body)

    expect(response.status).toBe(row.status)
    if (row.value === undefined) return
    expect(withoutTokens(Object(await response.json()))).toEqual(withoutTokens(row.value))
  })

  it('has an example of every response with a body of its own', () => {
    const others = promises.filter(({ value, status }) => value === undefined && status !== 304)

    expect(others.filter(({ status }) => status !== 204).map(({ name }) => name)).toEqual([
      'getKeySet 200',
      'getHealth 200',
      'getReadiness 200',
    ])
  })

  it('has the operation ids that Elastic Path publishes', () => {
    expect(promises.map(({ operationId }) => operationId)).toEqual(
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
