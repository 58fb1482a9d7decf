// The front door: sends requests as clients do, and makes the ids that keep tests apart.
import { env } from 'cloudflare:workers'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { shopper, signingKey } from './tokens.ts'
import { type Around, type WrappedD1, wrapD1 } from './wrapped-d1.ts'

/** The bodies of requests that were sent as text: a stream could not be read twice. */
export const sentBodies = new WeakMap<Request, string>()

let ids = 0

/** Makes an id that no other test has. */
export function uniqueId(prefix: string): string {
  ids += 1
  return `${prefix}-${ids}-${crypto.randomUUID()}`
}

export const accountsOf = (cartId: string): string => `/v2/carts/${cartId}/relationships/accounts`

export const cartOf = (cartId: string): string => `/v2/carts/${cartId}`

export const accessOf = (cartId: string, query = ''): string => `/v2/carts/${cartId}/access${query}`

export const invitationsOf = (cartId: string): string => `/v2/carts/${cartId}/invitations`

/** The path at which a server erases an account. */
export const erasureOf = (accountId: string): string =>
  `/v2/accounts/${accountId}/relationships/carts`

/** The path of an account's carts, as a server lists them. */
export function cartsOf(accountId: string, page: Record<string, string> = {}): string {
  const query = new URLSearchParams({ filter: `contains(account_ids,"${accountId}")`, ...page })
  return `/v2/carts?${query}`
}

export function accounts(...ids: string[]): { data: { type: 'account'; id: string }[] } {
  return { data: ids.map((id) => ({ type: 'account', id })) }
}

let addresses = 0

/** Gives each request an address of its own, so that no test exhausts a limit that others share. */
function ownAddress(): Record<string, string> {
  addresses += 1
  return { 'CF-Connecting-IP': `address-${addresses}` }
}

const json = { 'Content-Type': 'application/json' }

export async function send(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: BodyInit,
): Promise<Response> {
  return await request(env, method, path, { ...ownAddress(), ...headers }, body)
}

export async function sendJson(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Response> {
  return await send(method, path, { ...json, ...headers }, JSON.stringify(body))
}

/** The bindings to change for this request. */
export type Changes = { [Name in keyof Bindings]?: Bindings[Name] | undefined }

/** Sends a JSON request to a Worker with changed bindings. */
export async function sendJsonWith(
  changes: Changes,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Response> {
  return await sendWith(changes, method, path, { ...json, ...headers }, JSON.stringify(body))
}

/** What a request cost in the database, beside its response. */
export interface Counted extends Pick<WrappedD1, 'sessions'> {
  response: Response
  status: number
  trips: number
  rowsRead: number
  rowsWritten: number
}

/** Sends a JSON request, and counts what it costs in the database. */
export async function sendCounted(
  method: string,
  path: string,
  headers: Record<string, string>,
  {
    body,
    changes,
    around,
  }: { body?: unknown; changes?: Changes; around?: Around | undefined } = {},
): Promise<Counted> {
  const { db, sessions, calls, rowsRead, rowsWritten } = wrapD1(env.DB, around)
  const response = await sendJsonWith({ ...changes, DB: db }, method, path, headers, body)
  const cost = { trips: calls(), rowsRead: rowsRead(), rowsWritten: rowsWritten() }
  return { response, status: response.status, sessions, ...cost }
}

export async function sendWith(
  changes: Changes,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: BodyInit,
): Promise<Response> {
  return await request({ ...env, ...changes }, method, path, { ...ownAddress(), ...headers }, body)
}

/** Sends a request to a Worker with exactly these bindings. */
export async function request(
  bindings: object,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: BodyInit | undefined,
): Promise<Response> {
  const init = { method, headers, ...(body === undefined ? {} : { body }) }
  const asked = new Request(`https://api.example${path}`, init)
  if (typeof body === 'string') sentBodies.set(asked, body)
  return await app.request(asked, undefined, bindings)
}

export async function associate(
  cartId: string,
  caller: Record<string, string>,
  ...accountIds: string[]
): Promise<Response> {
  return await sendJson('POST', accountsOf(cartId), caller, accounts(...accountIds))
}

/** Returns the ids of the resources that a response lists. */
export async function idsIn(response: Response): Promise<string[]> {
  return Object(await response.json()).data.map(({ id }: { id: string }) => id)
}

/** Sends this many requests at once. */
export async function atOnce<Answer>(
  times: number,
  ask: (index: number) => Promise<Answer>,
): Promise<Answer[]> {
  return await Promise.all(Array.from({ length: times }, (_, index) => ask(index)))
}

/** Counts how often each status came. */
export function tally(responses: { status: number }[]): Record<number, number> {
  const groups = Map.groupBy(responses, ({ status }) => status)
  return Object.fromEntries([...groups].map(([status, { length }]) => [status, length]))
}

/** Makes a shopper whose account has a cart. */
export async function customer(): Promise<{
  cart: string
  account: string
  headers: Record<string, string>
}> {
  const [cart, account] = [uniqueId('cart'), uniqueId('account')]
  const headers = await shopper(account)
  await associate(cart, headers, account)
  return { cart, account, headers }
}

/** Makes an endless body, and counts how often it is asked for more. */
export function endlessBody(): { body: ReadableStream<Uint8Array>; pulls: () => number } {
  let pulls = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulls += 1
        controller.enqueue(new Uint8Array(1_000))
      },
    },
    { highWaterMark: 0 },
  )
  return { body, pulls: () => pulls }
}

export interface ProtectedRoute {
  name: string
  send: (headers: Record<string, string>, cartId: string, accountId: string) => Promise<Response>
}

function route(
  name: string,
  pathOf: (cartId: string, accountId: string) => string,
): ProtectedRoute {
  const [method = ''] = name.split(' ')
  return { name, send: (headers, ...ids) => send(method, pathOf(...ids), headers) }
}

/** Every route that authenticates its caller; the refusal matrix runs over all of them. */
export const protectedRoutes: ProtectedRoute[] = [
  ...['POST', 'DELETE'].map((method) => ({
    name: `${method} /v2/carts/:cartID/relationships/accounts`,
    send: (headers: Record<string, string>, cartId: string, accountId: string) =>
      sendJson(method, accountsOf(cartId), headers, accounts(accountId)),
  })),
  route('GET /v2/carts/:cartID/relationships/accounts', accountsOf),
  route('GET /v2/carts/:cartID', cartOf),
  route('GET /v2/carts', (_, accountId) => cartsOf(accountId)),
  route('DELETE /v2/carts/:cartID', cartOf),
  route('GET /v2/carts/:cartID/access', (cartId) => accessOf(cartId)),
  {
    name: 'POST /v2/carts/:cartID/invitations',
    send: (headers, cartId) => {
      const signing = { AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')) }
      return sendWith(signing, 'POST', invitationsOf(cartId), headers)
    },
  },
  ...['GET', 'DELETE'].map((method) =>
    route(`${method} /v2/accounts/:accountID/relationships/carts`, (_, id) => erasureOf(id)),
  ),
]

/** The reads that a shopper and a server may both send. */
export const reads = [
  { name: 'a list of carts', pathOf: () => '/v2/carts' },
  { name: 'a cart', pathOf: cartOf },
  { name: 'a list of accounts', pathOf: accountsOf },
]
