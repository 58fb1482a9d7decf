// The main cases of the contract, for any deployed address: each with the tokens that it needs.
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { type Answer, accounts, associated, REFUSED, UNCHANGED } from './expected.ts'
import type { SmokeTokens } from './tokens.ts'

export type Need = 'an access token' | 'an implicit token' | 'an account token' | 'a server token'

export interface SmokeCase {
  title: string
  method: string
  path: string
  headers: Record<string, string>
  /** Sent as JSON; a string as it is. */
  body?: unknown
  answer: Answer
  /** What of the body of the answer is compared; all of it if this is left out. */
  part?: (body: unknown) => unknown
  needs: Need[]
  /** Headers that the answer must have, and what of each is looked for. */
  expects?: Record<string, RegExp>
  /** What it may leave behind: an account of a cart. */
  associates?: Association
  /** Where the answer is a page, or is compared by its status and headers alone. */
  statusOnly?: true
}

export interface Association {
  cart: string
  account: string
}

/** Of the whole body, only that it has this member. */
const having = (name: string) => (body: unknown) => ({
  has: Object.keys(Object(body)).includes(name),
})
const HAS = { has: true }
const SHOPPER_AND_SERVER: Need[] = ['an access token', 'an account token', 'a server token']
const ids = v.object({ data: v.array(v.object({ id: v.string() })) })

/** In the order in which they are to be asked; two carts, which nobody had before. */
export function smokeCases({ access, account, accountId, server }: SmokeTokens): SmokeCase[] {
  const [cart, foreign, other] = [randomUUID(), randomUUID(), `smoke-${randomUUID()}`]
  const bearer = { Authorization: `Bearer ${access}` }
  const shopper = { ...bearer, 'EP-Account-Management-Authentication-Token': account ?? '' }
  const asServer = { Authorization: `Bearer ${server}` }
  const accountsOf = (id: string) => `/v2/carts/${id}/relationships/accounts`
  const own = accounts(accountId)

  const shopperCase = (
    title: string,
    method: string,
    path: string,
    answer: Answer,
    rest: Partial<SmokeCase> = {},
  ): SmokeCase => ({
    ...{ title, method, path, answer, headers: shopper },
    needs: ['an access token', 'an account token'],
    ...rest,
  })
  const serverCase = (...[title, method, path, answer, rest]: Parameters<typeof shopperCase>) =>
    shopperCase(title, method, path, answer, {
      headers: asServer,
      needs: ['a server token'],
      ...rest,
    })
  const openCase = (...[title, method, path, answer, rest]: Parameters<typeof shopperCase>) =>
    shopperCase(title, method, path, answer, { headers: {}, needs: [], ...rest })

  const listed = (id: string) => (body: unknown) => ({
    has: v.parse(ids, body).data.some((each) => each.id === id),
  })
  const data = (body: unknown) => v.parse(ids, body)
  const single = v.object({ data: v.object({ id: v.string() }) })
  const refused = (status: number): Answer => ({ status, body: HAS })
  const errors = { part: having('errors') }

  return [
    openCase('The Worker runs', 'GET', '/healthz', { status: 200, body: { status: 'ok' } }),
    openCase('Its settings and databases are good', 'GET', '/readyz', {
      status: 200,
      body: { status: 'ok' },
    }),
    openCase(
      'The OpenAPI document',
      'GET',
      '/openapi.json',
      { status: 200 },
      { statusOnly: true, expects: { 'content-type': /^application\/json/ } },
    ),
    openCase(
      'The reference',
      'GET',
      '/docs',
      { status: 200 },
      {
        statusOnly: true,
        expects: { 'content-type': /^text\/html/ },
      },
    ),
    openCase(
      'The public keys',
      'GET',
      '/.well-known/jwks.json',
      { status: 200, body: HAS },
      {
        part: having('keys'),
      },
    ),
    openCase('A preflight', 'OPTIONS', accountsOf(cart), UNCHANGED, {
      headers: {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,content-type',
      },
      expects: {
        'access-control-allow-methods': /POST/,
        'access-control-allow-headers': /EP-Account-Management-Authentication-Token/i,
      },
    }),
    openCase('Without an access token', 'POST', accountsOf(cart), REFUSED.accessToken, {
      body: own,
      expects: { 'www-authenticate': /^Bearer/ },
    }),
    openCase('With a word for an access token', 'POST', accountsOf(cart), REFUSED.accessToken, {
      headers: { Authorization: 'Bearer forged' },
      body: own,
      expects: { 'www-authenticate': /error="invalid_token"/ },
    }),
    openCase('A path that is not there', 'GET', `/v2/carts/${cart}/nothing`, REFUSED.path),
    openCase('A method that is not served', 'PUT', accountsOf(cart), REFUSED.method, {
      expects: { allow: /POST/ },
    }),
    shopperCase('With an implicit token alone', 'POST', accountsOf(cart), REFUSED.implicitAlone, {
      needs: ['an implicit token'],
      headers: bearer,
      body: accounts(other),
    }),
    shopperCase(
      'With a word for an account token',
      'POST',
      accountsOf(cart),
      REFUSED.accountToken,
      {
        needs: ['an access token'],
        headers: { ...shopper, 'EP-Account-Management-Authentication-Token': 'forged' },
        body: accounts(other),
      },
    ),
    shopperCase('A cart id that cannot be one', 'POST', accountsOf('a.b'), refused(400), {
      body: own,
      ...errors,
    }),
    shopperCase('A body that is not JSON', 'POST', accountsOf(cart), refused(400), {
      body: '{"data":[',
      ...errors,
    }),
    shopperCase('A typo in the body', 'POST', accountsOf(cart), REFUSED.typo, {
      body: { data: [{ type: 'acount', id: accountId }] },
    }),
    shopperCase('A body over 64 KiB', 'POST', accountsOf(cart), refused(413), {
      body: ' '.repeat(64 * 1024 + 1),
      ...errors,
    }),
    shopperCase('A body of another type', 'POST', accountsOf(cart), refused(415), {
      headers: { ...shopper, 'Content-Type': 'text/plain' },
      body: own,
      ...errors,
    }),
    shopperCase('A shopper names another account', 'POST', accountsOf(cart), REFUSED.account, {
      body: accounts(other),
      associates: { cart, account: other },
    }),
    shopperCase('A new association', 'POST', accountsOf(cart), associated(accountId), {
      body: own,
      associates: { cart, account: accountId },
    }),
    shopperCase('The same again', 'POST', accountsOf(cart), UNCHANGED, { body: own }),
    shopperCase(
      'The carts of the account',
      'GET',
      '/v2/carts',
      { status: 200, body: HAS },
      {
        part: listed(cart),
      },
    ),
    shopperCase(
      'The single cart',
      'GET',
      `/v2/carts/${cart}`,
      { status: 200, body: { data: { id: cart } } },
      { part: (body) => v.parse(single, body) },
    ),
    shopperCase(
      'The accounts of the cart',
      'GET',
      accountsOf(cart),
      { status: 200, body: { data: [{ id: accountId }] } },
      { part: data },
    ),
    serverCase(
      'A server shares the cart with another account',
      'POST',
      accountsOf(cart),
      associated(other),
      {
        needs: SHOPPER_AND_SERVER,
        body: accounts(other),
        associates: { cart, account: other },
      },
    ),
    serverCase('Both accounts have it now', 'POST', accountsOf(cart), UNCHANGED, {
      needs: SHOPPER_AND_SERVER,
      body: accounts(accountId, other),
    }),
    serverCase(
      'A server gives a cart to another account',
      'POST',
      accountsOf(foreign),
      associated(other),
      {
        body: accounts(other),
        associates: { cart: foreign, account: other },
      },
    ),
    shopperCase('A shopper cannot take it over', 'POST', accountsOf(foreign), REFUSED.account, {
      needs: SHOPPER_AND_SERVER,
      body: own,
      associates: { cart: foreign, account: accountId },
    }),
    shopperCase('Nor read it', 'GET', `/v2/carts/${foreign}`, REFUSED.cart, {
      needs: SHOPPER_AND_SERVER,
    }),
    serverCase(
      'A server lists the carts of an account',
      'GET',
      `/v2/carts?filter=contains(account_ids,"${other}")`,
      { status: 200, body: HAS },
      { part: listed(foreign) },
    ),
    serverCase('A server dissociates', 'DELETE', accountsOf(foreign), UNCHANGED, {
      body: accounts(other),
    }),
    serverCase('Nobody has the cart then', 'GET', `/v2/carts/${foreign}`, REFUSED.cart),
    shopperCase('A shopper dissociates', 'DELETE', accountsOf(cart), UNCHANGED, { body: own }),
    shopperCase('Its cart is gone', 'GET', `/v2/carts/${cart}`, REFUSED.cart),
  ]
}
