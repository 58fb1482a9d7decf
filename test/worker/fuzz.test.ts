import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import { expectOwnWords, isOwnReason } from './error-words.ts'
import { expectCommonHeaders } from './expected.ts'
import { bytesOf, toBodyInit } from './hostile-bodies.ts'
import { type Callers, goodCallers, strangers } from './hostile-callers.ts'
import { type HostileRequest, hostileRequests } from './hostile-requests.ts'
import { logged, loggedReasons } from './logs.ts'
import { figure } from './proof.ts'
import { request, uniqueId } from './requests.ts'
import { insertRows } from './rows.ts'
import { limitExceededAt } from './stubs.ts'

const { seed, whole } = env.TEST_PROOF
const REQUESTS = whole ? 50_000 : 1_500
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
  const [good, bad] = [await goodCallers(accountIds), await strangers()]
  callers = { ...good, ...bad }
  requests = hostileRequests({
    callers: Object.keys(good),
    strangers: Object.keys(bad),
    ...{ carts, accounts: accountIds, client },
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

const byCart = (a: { cart_id: string }, b: { cart_id: string }) => (a.cart_id < b.cart_id ? -1 : 1)

const cartOf = (path: string) => decodeURIComponent(pathnameOf(path).split('/')[3] ?? '')

async function rowsOutside(carts: Set<string>): Promise<object[]> {
  const { results } = await env.DB.prepare(
    'select cart_id, account_id from associations order by cart_id, account_id',
  ).all<{ cart_id: string; account_id: string }>()
  return results.filter(({ cart_id }) => !carts.has(cart_id))
}

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
      expectCommonHeaders(response)
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

    expect(await rowsOutside(written)).toEqual(
      stored.filter(({ cart_id }) => !written.has(cart_id)).toSorted(byCart),
    )
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
