import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import { bytesOf, toBodyInit } from './hostile-bodies.ts'
import { type HostileRequest, hostileRequests } from './hostile-requests.ts'
import { logged, loggedReasons } from './logs.ts'
import { amount, figure, seed } from './proof.ts'
import { request, uniqueId } from './requests.ts'
import { insertRows } from './rows.ts'
import { limitExceededAt } from './stubs.ts'
import {
  ACCOUNT_TOKEN,
  accessParts,
  accountParts,
  type Claims,
  newSigningKey,
  now,
  sign,
} from './tokens.ts'

// Every word that an error of this API may contain (contract, sections 4 to 9).
const RULE = '1 to 255 characters of A-Z a-z 0-9 _ -'
const TYPES = ['application/json', 'application/vnd.api+json']

const TITLES = [
  ...['Unable to validate access token', 'Unauthorized', 'Forbidden', 'Not Found', 'Bad Request'],
  'Unable to validate account management authentication token',
  ...['Precondition Failed', 'Conflict'],
  ...['Method Not Allowed', 'Too Many Requests', 'Payload Too Large', 'Unsupported Media Type'],
  ...['Invalid json payload', 'array_min_items', 'array_max_items', 'invalid_type', 'required'],
  ...['pattern', 'The type does not exist or is not listed as account'],
  'Cannot associate more than one account',
  'Account does not have the required permissions to fulfill this request',
]

const DETAILS = [
  'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ...['The access token has expired', 'The client id or the client secret is wrong'],
  ...['Cart not found', 'The request body is not valid JSON'],
  'The request body must be a form or a JSON object that names each parameter once',
  'The request body must be at most 65536 bytes',
  `Content-Type must be ${TYPES.join(' or ')}`,
  `Content-Type must be ${['application/x-www-form-urlencoded', ...TYPES].join(' or ')}`,
  'Content-Encoding must be identity',
  'Conditional writes are not supported, and repeats are harmless',
  'Authorization must be Basic and the base64 of ID:SECRET',
  'client_id must be that of the Authorization header',
  'client_secret must be left out beside HTTP Basic',
  'A filter is required: contains(account_ids,"ID")',
  'Could not parse the supplied filter',
  'page[limit] must be a whole number from 1 to 100',
  'page[offset] must be a whole number from 0 to 10000',
  ...['filter', 'page[limit]', 'page[offset]', 'page[after]'].map(
    (parameter) => `${parameter} must be given once`,
  ),
  ...['data must be an array of resource identifiers', 'data must be an object'],
  'The account has too many carts',
  ...['Array must have at least 1 items', 'Array must have at most 100 items'],
  'Ensure that the type is account and is present.',
  'grant_type must be implicit or client_credentials',
  ...['id', 'cartID', 'accountID', 'client_id', 'page[after]'].map(
    (member) => `${member} must be ${RULE}`,
  ),
  ...['id', 'client_id', 'client_secret'].map((member) => `${member} is required`),
  ...['object', 'string'].flatMap((expected) =>
    ['null', 'boolean', 'number', 'string', 'array', 'object'].map(
      (given) => `Invalid type. Expected: ${expected}, given: ${given}`,
    ),
  ),
]

const SOURCE =
  /^(data(\[\d{1,2}\](\.(type|id))?|\.id)?|id|cartID|accountID|filter|page\[(limit|offset|after)\]|grant_type|client_(id|secret)|Authorization)$/

const titles = new Set(TITLES)
const details = new Set<string | undefined>([undefined, ...DETAILS])

/** Whether the log may give this reason for a refusal. */
function isOwnReason(reason: unknown): boolean {
  const text = String(reason)
  return titles.has(text) || details.has(text) || /^[A-Z]\w+: [A-Za-z_]+$/.test(text)
}

/** Expects an error document that repeats nothing from the request. */
function expectOwnWords(body: string): void {
  const { errors, ...others } = Object(JSON.parse(body))
  expect(others).toEqual({})
  const foreign = errors.filter(
    ({ status: _, title, detail, source, ...more }: Record<string, unknown>) =>
      !titles.has(String(title)) ||
      !details.has(detail === undefined ? undefined : String(detail)) ||
      !SOURCE.test(String(source ?? 'data')) ||
      Object.keys(more).length > 0,
  )
  expect(foreign).toEqual([])
}

/** The algorithm that verifies fastest. */
const FAST = 'HS256'
const IMPLICIT = { grant_type: 'implicit' }

const bearer = async (claims: Claims = {}, alg = FAST) => ({
  Authorization: `Bearer ${await sign(accessParts(claims, alg))}`,
})

const accountToken = async (claims: Claims = {}) => ({
  [ACCOUNT_TOKEN]: await sign(accountParts(claims, FAST)),
})

const withAccount = async (access: Claims, account: Claims) => ({
  ...(await bearer(access)),
  ...(await accountToken(account)),
})

/** The headers of callers by their names. */
type Callers = Record<string, Record<string, string>>

/** Servers, and a shopper of each account. */
async function goodCallers(): Promise<Callers> {
  const callers: Callers = { server: await bearer() }
  for (const alg of ['ES256', 'RS256', 'EdDSA']) callers[`server by ${alg}`] = await bearer({}, alg)
  for (const id of accountIds) {
    callers[`shopper of ${id}`] = await withAccount(IMPLICIT, { account_id: id })
  }
  return callers
}

/** Callers that are refused, whatever they ask for. */
async function strangers(): Promise<Callers> {
  const forged = await sign({ ...accessParts(), key: await newSigningKey('test-ES256') })
  const account = await sign(accountParts({}, FAST))
  return {
    nobody: {},
    'implicit alone': await bearer(IMPLICIT),
    forged: { Authorization: `Bearer ${forged}` },
    expired: await bearer({ iat: now() - 7200, exp: now() - 3600 }),
    'account token for access token': { Authorization: `Bearer ${account}` },
    'account token of another store': await withAccount({}, { store_id: 'other' }),
    'account of an unsafe id': await withAccount({}, { account_id: '__proto__.x' }),
    'store of an unsafe id': await bearer({ store_id: '\u0000' }),
  }
}

const REQUESTS = amount({ share: 1_500, whole: 50_000 })
/** How many properties run at once: while one waits for the database, others go on. */
const LANES = 25

const accountIds = ['account-0', 'account-1', 'account-2', 'account-3']
const carts = Array.from({ length: 5_000 }, (_, index) => `cart-${index}`)
const client = { clientId: 'hostile-client', secret: 'hostile-secret' }
/** Gives every second cart to an account, now and then to one of the callers'. */
const stored = carts.flatMap((cart_id, index) =>
  index % 2 === 0 ? [{ cart_id, account_id: `account-${(index / 2) % 40}` }] : [],
)

const bindings = {
  ...env,
  ...issuing,
  SHOPPER_RATE_LIMIT: limitExceededAt(50),
  FAILURE_RATE_LIMIT: limitExceededAt(50),
}

let callers: Callers
let requests: fc.Arbitrary<HostileRequest>
beforeAll(async () => {
  const [good, bad] = [await goodCallers(), await strangers()]
  callers = { ...good, ...bad }
  requests = hostileRequests({
    callers: Object.keys(good),
    strangers: Object.keys(bad),
    carts,
    accounts: accountIds,
    client,
  })
  await insertRows(stored)
  await storedKey('confidential', client)
})

async function ask({ method, path, caller, headers, body }: HostileRequest): Promise<Response> {
  const address = { 'CF-Connecting-IP': uniqueId('address') }
  const all = { ...address, ...callers[caller], ...headers }
  const init = body === undefined ? undefined : toBodyInit(body)
  return await request(bindings, method, path, all, init)
}

/** Whether no write may accept the body. */
function isUnreadable(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
    return bytes.length > 65_536
  } catch {
    return true
  }
}

/** Whether the response is a cart that was made, with or without a body. */
const isCartIn = (text: string) => text.startsWith('{"data":{"type":"cart",')

/** Without the query, and without a fragment, which is never sent. */
const pathnameOf = (path: string) => new URL(`https://api.example${path}`).pathname

const isRemovalOfCart = ({ method, path }: HostileRequest) =>
  /^delete$/i.test(method) && /^\/v2\/[^/]+\/[^/]+$/.test(pathnameOf(path))

/** Whether the request removes a cart, or all carts of an account that has none. */
const takesNoBody = (asked: HostileRequest) =>
  isRemovalOfCart(asked) || pathnameOf(asked.path).endsWith('/carts')

const cartOf = (path: string) => decodeURIComponent(pathnameOf(path).split('/')[3] ?? '')

/** The pairs of cart and account, without these carts. */
const pairsOutside = (carts: Set<string>, rows: Record<string, unknown>[]) =>
  rows
    .filter(({ cart_id }) => !carts.has(String(cart_id)))
    .map(({ cart_id, account_id }) => `${cart_id} ${account_id}`)
    .sort()

const prototypes = () =>
  [Object.prototype, Array.prototype, String.prototype, Function.prototype].map(Reflect.ownKeys)

describe('hostile requests', () => {
  it('get the responses of the contract, and change nothing if they are refused', async ({
    task,
  }) => {
    const before = prototypes()
    const tally = new Map<number, number>()
    const written = new Set<string>()

    // test/worker/setup.ts holds every response to the OpenAPI document.
    const property = fc.asyncProperty(requests, async (asked) => {
      const response = await ask(asked)
      const { status } = response
      tally.set(status, (tally.get(status) ?? 0) + 1)
      expect(status).toBeLessThan(500)
      const text = await response.text()
      if (status >= 400 && asked.method !== 'HEAD') expectOwnWords(text)
      if (status >= 300 || !/^(post|delete)$/i.test(asked.method)) return
      if (isCartIn(text)) written.add(JSON.parse(text).data.id)
      if (isRemovalOfCart(asked)) written.add(cartOf(asked.path))
      if (takesNoBody(asked) || isCartIn(text)) return
      expect(asked.body === undefined || isUnreadable(bytesOf(asked.body))).toBe(false)
      written.add(cartOf(asked.path))
    })
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      fc.assert(property, { seed: seed * LANES + lane, numRuns: REQUESTS / LANES }),
    )
    await Promise.all(lanes)

    const { results } = await env.DB.prepare('select * from associations').all()
    expect(pairsOutside(written, results)).toEqual(pairsOutside(written, stored))
    expect(prototypes()).toEqual(before)
    expect(logged).toHaveLength(REQUESTS)
    expect([...new Set(loggedReasons())].filter((reason) => !isOwnReason(reason))).toEqual([])
    const statuses = [...tally].toSorted(([a], [b]) => a - b)
    task.meta.figures = [
      `fuzz: ${figure(REQUESTS)} hostile requests, 0 answers outside the contract, 0 of 5xx (seed ${seed})`,
      `fuzz: ${statuses.map(([status, times]) => `${figure(times)} of ${status}`).join(', ')}`,
    ]
  }, 900_000)
})
