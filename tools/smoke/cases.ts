// The main cases of the contract, for any deployed address: each with the tokens that it needs.
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import type { SmokeTokens } from './tokens.ts'

export type Need = 'an access token' | 'an implicit token' | 'an account token' | 'a server token'

/** What the contract promises; the response has no body if this has none. */
export interface Answer {
  status: number
  body?: unknown
}

export interface SmokeCase {
  title: string
  method: string
  path: string
  headers: Record<string, string>
  /** Sent as JSON; a string as it is. */
  body?: unknown
  answer: Answer
  /** What of the body of the response is compared; all of it if this is left out. */
  part?: (body: unknown) => unknown
  needs: Need[]
  /** Headers that the response must have, with a pattern for each. */
  expects?: Record<string, RegExp>
  /** The association that it may leave behind. */
  associates?: Association
  /** Compares the status and `expects` alone. */
  statusOnly?: true
}

export interface Association {
  cart: string
  account: string
}

type Rest = Partial<SmokeCase>

const SHOPPER: Need[] = ['an access token', 'an account token']
const SHOPPER_AND_SERVER: Need[] = [...SHOPPER, 'a server token']
const HEADER = 'EP-Account-Management-Authentication-Token'

const OK: Answer = { status: 200 }
const NO_CONTENT: Answer = { status: 204 }
const list = v.object({ data: v.array(v.object({ id: v.string() })) })
const single = v.object({ data: v.object({ id: v.string() }) })

export function accounts(...ids: string[]): { data: { type: string; id: string }[] } {
  return { data: ids.map((id) => ({ type: 'account', id })) }
}

function refusal(status: number, title: string, detail?: string, source?: string): Answer {
  const error = { status, title, ...(detail && { detail }), ...(source && { source }) }
  return { status, body: { errors: [error] } }
}

const REFUSED = {
  accessToken: refusal(401, 'Unable to validate access token'),
  accountToken: refusal(403, 'Unable to validate account management authentication token'),
  implicitAlone: refusal(
    403,
    'Forbidden',
    'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ),
  account: refusal(403, 'Account does not have the required permissions to fulfill this request'),
  cart: refusal(404, 'Not Found', 'Cart not found'),
  typo: refusal(
    400,
    'The type does not exist or is not listed as account',
    'Ensure that the type is account and is present.',
    'data[0].type',
  ),
}

/** A response whose body has what is looked for. */
function having(status: number): Answer {
  return { status, body: { has: true } }
}

/** Looks for a member of the body, whatever is in it. */
function member(name: string): Rest {
  return { part: (body) => ({ has: Object.keys(Object(body)).includes(name) }) }
}

function listing(id: string): Rest {
  return { part: (body) => ({ has: v.parse(list, body).data.some((each) => each.id === id) }) }
}

/** Compares the status and the media type alone. */
function typed(type: RegExp): Rest {
  return { statusOnly: true, expects: { 'content-type': type } }
}

/** Every case, in the order to ask them. They use two carts that nobody had before. */
export function smokeCases({ access, account = '', accountId, server }: SmokeTokens): SmokeCase[] {
  const [cart, foreign, other] = [randomUUID(), randomUUID(), `smoke-${randomUUID()}`]
  const bearer = { Authorization: `Bearer ${access}` }
  const shopper = { ...bearer, [HEADER]: account }
  const accountsOf = (id: string) => `/v2/carts/${id}/relationships/accounts`
  const [own, others] = [accounts(accountId), accounts(other)]
  const associated = (id: string) => ({ status: 200, body: accounts(id) })
  const errors = member('errors')

  const as =
    (needs: Need[], headers: Record<string, string>) =>
    (title: string, request: string, answer: Answer, rest?: Rest, more?: Rest): SmokeCase => {
      const [method = '', path = ''] = request.split(' ')
      return { title, method, path, answer, needs, headers, ...rest, ...more }
    }
  const byAnyone = as([], {})
  const byShopper = as(SHOPPER, shopper)
  const byServer = as(['a server token'], { Authorization: `Bearer ${server}` })

  const running = { status: 200, body: { status: 'ok' } }
  const post = `POST ${accountsOf(cart)}`
  const postForeign = `POST ${accountsOf(foreign)}`

  return [
    byAnyone('The Worker runs', 'GET /healthz', running),
    byAnyone('Its settings and databases are good', 'GET /readyz', running),
    byAnyone('The OpenAPI document', 'GET /openapi.json', OK, typed(/^application\/json/)),
    byAnyone('The reference', 'GET /docs', OK, typed(/^text\/html/)),
    byAnyone('The public keys', 'GET /.well-known/jwks.json', having(200), member('keys')),
    byAnyone('A preflight', `OPTIONS ${accountsOf(cart)}`, NO_CONTENT, {
      headers: {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type',
      },
      expects: {
        'access-control-allow-methods': /POST/,
        'access-control-allow-headers': new RegExp(HEADER, 'i'),
      },
    }),
    byAnyone('Without an access token', post, REFUSED.accessToken, {
      body: own,
      expects: { 'www-authenticate': /^Bearer/ },
    }),
    byAnyone('With a word for an access token', post, REFUSED.accessToken, {
      headers: { Authorization: 'Bearer forged' },
      body: own,
      expects: { 'www-authenticate': /error="invalid_token"/ },
    }),
    byAnyone(
      'A path that is not there',
      `GET /v2/carts/${cart}/nothing`,
      refusal(404, 'Not Found'),
    ),
    byAnyone(
      'A method that is not served',
      `PUT ${accountsOf(cart)}`,
      refusal(405, 'Method Not Allowed'),
      { expects: { allow: /POST/ } },
    ),
    byShopper('With an implicit token alone', post, REFUSED.implicitAlone, {
      needs: ['an implicit token'],
      headers: bearer,
      body: others,
    }),
    byShopper('With a word for an account token', post, REFUSED.accountToken, {
      needs: ['an access token'],
      headers: { ...bearer, [HEADER]: 'forged' },
      body: others,
    }),
    byShopper('A cart id that cannot be one', `POST ${accountsOf('a.b')}`, having(400), errors, {
      body: own,
    }),
    byShopper('A body that is not JSON', post, having(400), errors, { body: '{"data":[' }),
    byShopper('A typo in the body', post, REFUSED.typo, {
      body: { data: [{ type: 'acount', id: accountId }] },
    }),
    byShopper('A body over 64 KiB', post, having(413), errors, { body: ' '.repeat(65_537) }),
    byShopper('A body of another type', post, having(415), errors, {
      headers: { ...shopper, 'Content-Type': 'text/plain' },
      body: own,
    }),
    byShopper('A shopper names another account', post, REFUSED.account, {
      body: others,
      associates: { cart, account: other },
    }),
    byShopper('A new association', post, associated(accountId), {
      body: own,
      associates: { cart, account: accountId },
    }),
    byShopper('The same again', post, NO_CONTENT, { body: own }),
    byShopper('The carts of the account', 'GET /v2/carts', having(200), listing(cart)),
    byShopper(
      'The single cart',
      `GET /v2/carts/${cart}`,
      { ...OK, body: { data: { id: cart } } },
      { part: (body) => v.parse(single, body) },
    ),
    byShopper(
      'The accounts of the cart',
      `GET ${accountsOf(cart)}`,
      { ...OK, body: { data: [{ id: accountId }] } },
      { part: (body) => v.parse(list, body) },
    ),
    byServer('A server shares the cart with another account', post, associated(other), {
      needs: SHOPPER_AND_SERVER,
      body: others,
      associates: { cart, account: other },
    }),
    byServer('Both accounts have it now', post, NO_CONTENT, {
      needs: SHOPPER_AND_SERVER,
      body: accounts(accountId, other),
    }),
    byServer('A server gives a cart to another account', postForeign, associated(other), {
      body: others,
      associates: { cart: foreign, account: other },
    }),
    byShopper('A shopper cannot take it over', postForeign, REFUSED.account, {
      needs: SHOPPER_AND_SERVER,
      body: own,
      associates: { cart: foreign, account: accountId },
    }),
    byShopper('Nor read it', `GET /v2/carts/${foreign}`, REFUSED.cart, {
      needs: SHOPPER_AND_SERVER,
    }),
    byServer(
      'A server lists the carts of an account',
      `GET /v2/carts?filter=contains(account_ids,"${other}")`,
      having(200),
      listing(foreign),
    ),
    byServer('A server dissociates', `DELETE ${accountsOf(foreign)}`, NO_CONTENT, { body: others }),
    byServer('Nobody has the cart then', `GET /v2/carts/${foreign}`, REFUSED.cart),
    byShopper('A shopper dissociates', `DELETE ${accountsOf(cart)}`, NO_CONTENT, { body: own }),
    byShopper('Its cart is gone', `GET /v2/carts/${cart}`, REFUSED.cart),
  ]
}
