// The main cases of the contract, for any deployed address: each with the tokens that it needs.
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { SmokeTokens } from './tokens.ts'

type Need = 'an access token' | 'an implicit token' | 'an account token' | 'a server token'

/** What the contract promises. */
interface Answer {
  status: number
  /** Whether this is the body: parsed if it is JSON, and undefined if there is none. */
  accepts: (body: unknown) => boolean
}

export interface SmokeCase extends Answer {
  title: string
  method: string
  path: string
  headers: Record<string, string>
  /** Sent as JSON; a string as it is. */
  body?: Identifiers | string | undefined
  /** The tokens without which it is skipped. */
  lacks: Need[]
  /** Headers that the response must have, with a pattern for each. */
  expects: Record<string, RegExp>
  /** The account that it may leave associated with the cart of its path. */
  associates?: string
}

interface Identifiers {
  data: { type: string; id: string }[]
}

const HEADER = 'EP-Account-Management-Authentication-Token'
/** Every response has these, except the assets, which Cloudflare serves. */
const EVERYWHERE = {
  'x-request-id': /./,
  'access-control-expose-headers': /./,
  'x-content-type-options': /./,
}

function accounts(...ids: string[]): Identifiers {
  return { data: ids.map((id) => ({ type: 'account', id })) }
}

function exactly(status: number, body?: unknown): Answer {
  return { status, accepts: (found) => isDeepStrictEqual(found, body) }
}

function refusal(status: number, title: string, detail?: string, source?: string): Answer {
  const error = { status, title, ...(detail && { detail }), ...(source && { source }) }
  return exactly(status, { errors: [error] })
}

/** A response with this member, whatever is in it. */
function having(status: number, member: string): Answer {
  return { status, accepts: (body) => Object.hasOwn(Object(body), member) }
}

function errors(status: number): Answer {
  return having(status, 'errors')
}

/** A list with this id among others. */
function listing(id: string): Answer {
  return {
    status: 200,
    accepts: (body) => [Object(body).data].flat().some((each) => Object(each).id === id),
  }
}

const NO_CONTENT = exactly(204)
const RUNNING = exactly(200, { status: 'ok' })
const REFUSED = {
  accessToken: refusal(401, 'Unable to validate access token'),
  accountToken: refusal(403, 'Unable to validate account management authentication token'),
  implicitAlone: refusal(
    403,
    'Forbidden',
    'An EP-Account-Management-Authentication-Token header is required unless the access token grant type is client_credentials',
  ),
  path: refusal(404, 'Not Found'),
  method: refusal(405, 'Method Not Allowed'),
  account: refusal(403, 'Account does not have the required permissions to fulfill this request'),
  cart: refusal(404, 'Not Found', 'Cart not found'),
  typo: refusal(
    400,
    'The type does not exist or is not listed as account',
    'Ensure that the type is account and is present.',
    'data[0].type',
  ),
}

/** Every case, in the order to ask them. They use two carts that nobody had before. */
export function smokeCases(tokens: SmokeTokens): SmokeCase[] {
  const { access, account = '', accountId, server } = tokens
  const [cart, foreign, other] = [randomUUID(), randomUUID(), `smoke-${randomUUID()}`]
  const bearer = { Authorization: `Bearer ${access}` }
  const shopper = { ...bearer, [HEADER]: account }
  const [own, others] = [accounts(accountId), accounts(other)]
  const accountsOf = (id: string) => `/v2/carts/${id}/relationships/accounts`
  const [post, postForeign] = [`POST ${accountsOf(cart)}`, `POST ${accountsOf(foreign)}`]
  const shared = exactly(200, others)

  const has: Record<Need, boolean> = {
    'an access token': access !== undefined,
    'an implicit token': tokens.implicit,
    'an account token': tokens.account !== undefined,
    'a server token': server !== undefined,
  }
  const as =
    (headers: Record<string, string>, ...needs: Need[]) =>
    (
      title: string,
      request: string,
      answer: Answer,
      body?: SmokeCase['body'],
      rest: Partial<SmokeCase> = {},
    ): SmokeCase => {
      const [method = '', path = ''] = request.split(' ')
      const lacks = needs.filter((need) => !has[need])
      const expects = { ...EVERYWHERE, ...rest.expects }
      return { title, method, path, headers, body, ...answer, ...rest, lacks, expects }
    }
  const byAnyone = as({})
  const byGuest = as(bearer, 'an implicit token')
  const byForger = as({ ...bearer, [HEADER]: 'forged' }, 'an access token')
  const byShopper = as(shopper, 'an access token', 'an account token')
  const byServer = as({ Authorization: `Bearer ${server}` }, 'a server token')
  const both = ['an access token', 'an account token', 'a server token'] as const
  const byShopperOfTwo = as(shopper, ...both)
  const byServerOfTwo = as({ Authorization: `Bearer ${server}` }, ...both)
  const asset = (title: string, path: string, type: RegExp): SmokeCase => ({
    ...byAnyone(title, `GET ${path}`, { status: 200, accepts: () => true }),
    expects: { 'content-type': type },
  })

  return [
    byAnyone('The Worker runs', 'GET /healthz', RUNNING),
    byAnyone('Its settings and databases are good', 'GET /readyz', RUNNING),
    asset('The OpenAPI document', '/openapi.json', /^application\/json/),
    asset('The reference', '/docs', /^text\/html/),
    byAnyone('The public keys', 'GET /.well-known/jwks.json', having(200, 'keys')),
    byAnyone('A preflight', `OPTIONS ${accountsOf(cart)}`, NO_CONTENT, undefined, {
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
    byAnyone('Without an access token', post, REFUSED.accessToken, own, {
      expects: { 'www-authenticate': /^Bearer/ },
    }),
    byAnyone('With a word for an access token', post, REFUSED.accessToken, own, {
      headers: { Authorization: 'Bearer forged' },
      expects: { 'www-authenticate': /error="invalid_token"/ },
    }),
    byAnyone('A path that is not there', `GET /v2/carts/${cart}/nothing`, REFUSED.path),
    byAnyone('A method that is not served', `PUT ${accountsOf(cart)}`, REFUSED.method, undefined, {
      expects: { allow: /POST/ },
    }),
    byGuest('With an implicit token alone', post, REFUSED.implicitAlone, others),
    byForger('With a word for an account token', post, REFUSED.accountToken, others),
    byShopper('A cart id that cannot be one', `POST ${accountsOf('a.b')}`, errors(400), own),
    byShopper('A body that is not JSON', post, errors(400), '{"data":['),
    byShopper('A typo in the body', post, REFUSED.typo, { data: [{ type: 'acount', id: 'a' }] }),
    byShopper('A body over 64 KiB', post, errors(413), ' '.repeat(65_537)),
    byShopper('A body of another type', post, errors(415), own, {
      headers: { ...shopper, 'Content-Type': 'text/plain' },
    }),
    byShopper('A shopper names another account', post, REFUSED.account, others, {
      associates: other,
    }),
    byShopper('A new association', post, exactly(200, own), own, { associates: accountId }),
    byShopper('The same again', post, NO_CONTENT, own),
    byShopper('The carts of the account', 'GET /v2/carts', listing(cart)),
    byShopper('The single cart', `GET /v2/carts/${cart}`, {
      status: 200,
      accepts: (body) => Object(body).data?.id === cart,
    }),
    byShopper('The accounts of the cart', `GET ${accountsOf(cart)}`, {
      status: 200,
      accepts: (body) => isDeepStrictEqual(Object(body).data, own.data),
    }),
    byServerOfTwo('A server shares the cart with another account', post, shared, others, {
      associates: other,
    }),
    byServerOfTwo('Both accounts have it now', post, NO_CONTENT, accounts(accountId, other)),
    byServer('A server gives a cart to another account', postForeign, shared, others, {
      associates: other,
    }),
    byShopperOfTwo('A shopper cannot take it over', postForeign, REFUSED.account, own, {
      associates: accountId,
    }),
    byShopperOfTwo('Nor read it', `GET /v2/carts/${foreign}`, REFUSED.cart),
    byServer(
      'A server lists the carts of an account',
      `GET /v2/carts?filter=contains(account_ids,"${other}")`,
      listing(foreign),
    ),
    byServer('A server dissociates', `DELETE ${accountsOf(foreign)}`, NO_CONTENT, others),
    byServer('Nobody has the cart then', `GET /v2/carts/${foreign}`, REFUSED.cart),
    byShopper('A shopper dissociates', `DELETE ${accountsOf(cart)}`, NO_CONTENT, own),
    byShopper('Its cart is gone', `GET /v2/carts/${cart}`, REFUSED.cart),
  ]
}
