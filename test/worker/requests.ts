// The front door: sends requests as clients do, and makes the ids that keep tests apart.
import { env } from 'cloudflare:workers'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { shopper, signingKey } from './tokens.ts'

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
  body: unknown,
): Promise<Response> {
  return await send(
    method,
    path,
    { 'Content-Type': 'application/json', ...headers },
    JSON.stringify(body),
  )
}

/** The bindings to change for this request. */
export type Changes = { [Name in keyof Bindings]?: Bindings[Name] | undefined }

/** Sends a JSON request to a Worker with changed bindings. */
export async function sendJsonWith(
  changes: Changes,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: unknown,
): Promise<Response> {
  const json = body === undefined ? undefined : JSON.stringify(body)
  const withType = { 'Content-Type': 'application/json', ...headers }
  return await sendWith(changes, method, path, withType, json)
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

/** Every route that authenticates its caller; the refusal matrix runs over all of them. */
export const protectedRoutes: ProtectedRoute[] = [
  ...['POST', 'DELETE'].map((method) => ({
    name: `${method} /v2/carts/:cartID/relationships/accounts`,
    send: (headers: Record<string, string>, cartId: string, accountId: string) =>
      sendJson(method, accountsOf(cartId), headers, accounts(accountId)),
  })),
  {
    name: 'GET /v2/carts/:cartID/relationships/accounts',
    send: (headers, cartId) => send('GET', accountsOf(cartId), headers),
  },
  {
    name: 'GET /v2/carts/:cartID',
    send: (headers, cartId) => send('GET', cartOf(cartId), headers),
  },
  {
    name: 'GET /v2/carts',
    send: (headers, _, accountId) => send('GET', cartsOf(accountId), headers),
  },
  {
    name: 'DELETE /v2/carts/:cartID',
    send: (headers, cartId) => send('DELETE', cartOf(cartId), headers),
  },
  {
    name: 'GET /v2/carts/:cartID/access',
    send: (headers, cartId) => send('GET', accessOf(cartId), headers),
  },
  {
    name: 'POST /v2/carts/:cartID/invitations',
    send: (headers, cartId) => {
      const signing = { AUTH_SIGNING_JWK: JSON.stringify(signingKey('ES256')) }
      return sendWith(signing, 'POST', invitationsOf(cartId), headers)
    },
  },
  {
    name: 'GET /v2/accounts/:accountID/relationships/carts',
    send: (headers, _, accountId) => send('GET', erasureOf(accountId), headers),
  },
  {
    name: 'DELETE /v2/accounts/:accountID/relationships/carts',
    send: (headers, _, accountId) => send('DELETE', erasureOf(accountId), headers),
  },
]
