// The operations that use the database: how each is requested, what it does and how it responds.
import { expect } from 'vitest'
import { issuing } from './application-keys.ts'
import { cartDocument } from './expected.ts'
import {
  type Answer,
  dissociates,
  errorAnswer,
  type Operation,
  type Rows,
  type Scene,
  type Source,
  serverAssociates,
  shopperAssociates,
} from './fault-model.ts'
import {
  accessOf,
  accounts,
  accountsOf,
  cartOf,
  cartsOf,
  erasureOf,
  invitationsOf,
} from './requests.ts'
import { invitationParts, server, shopper, sign } from './tokens.ts'

/** The application key that asks for tokens. */
export const client = { clientId: 'fault-client', secret: 'fault-secret' }

const asServer = () => server()
const asShopper = ({ mine: [account] }: Scene) => shopper(account)
const asNobody = async () => ({})

const oneStates = ['absent', 'present', 'shared', 'taken'] as const
const severalStates = ['absent', 'partly present', 'present', 'taken'] as const
const one = { headers: asServer, accounts: 1, states: oneStates }
const several = { headers: asServer, accounts: 3, states: severalStates }

const nothing: Answer = { status: 204, body: undefined }
const notPermitted = errorAnswer(
  403,
  'Account does not have the required permissions to fulfill this request',
)

const relationshipPath = ({ cart }: Scene) => accountsOf(cart)
const cartPath = ({ cart }: Scene) => cartOf(cart)
const erasurePath = ({ mine: [account] }: Scene) => erasureOf(account)

const association = {
  method: 'POST',
  path: relationshipPath,
  body: ({ mine }: Scene) => accounts(...mine),
  commit: (rows: Rows, { mine }: Scene, by: Source) => serverAssociates(rows, mine, by),
  /** 200 if this request inserted a row, 204 if all rows were there, 403 if they are not. */
  answer: (rows: Rows, { mine }: Scene, inserted: boolean): Answer => {
    if (inserted) return { status: 200, body: accounts(...mine) }
    return mine.every((account) => rows.has(account)) ? nothing : notPermitted
  },
}

const claim = {
  headers: asShopper,
  commit: (rows: Rows, { mine: [account] }: Scene, by: Source) =>
    shopperAssociates(rows, account, by),
}

const removal = {
  ...one,
  method: 'DELETE',
  commit: (rows: Rows, { mine }: Scene) => dissociates(rows, mine),
  answer: () => nothing,
}

const dissociation = { ...removal, path: relationshipPath, body: association.body }

const writes: Operation[] = [
  { ...one, ...association, ...claim, name: 'a shopper associates its account' },
  { ...one, ...association, name: 'a server associates an account' },
  { ...several, ...association, name: 'a server associates several accounts' },
  { ...dissociation, name: 'a shopper dissociates its account', headers: asShopper },
  { ...dissociation, ...several, name: 'a server dissociates several accounts' },
  {
    ...one,
    ...claim,
    name: 'a shopper makes a cart',
    method: 'POST',
    path: () => '/v2/carts',
    body: ({ cart }) => ({ data: { id: cart } }),
    answer: (rows, { cart, mine: [account] }, inserted) => {
      if (!rows.has(account)) return notPermitted
      return { status: inserted ? 201 : 200, body: { data: cartDocument(cart, account) } }
    },
  },
  // Where claims need an invitation: one lets an account join a cart that others have, one claim it.
  ...(['shared', 'unclaimed'] as const).map(
    (invitation): Operation => ({
      ...one,
      ...association,
      name: `a shopper comes with an invitation that is ${invitation}`,
      headers: async (scene) => {
        const parts = invitationParts({ cart_id: scene.cart, claim: invitation })
        return { ...(await asShopper(scene)), 'X-Cart-Invitation': await sign(parts) }
      },
      changes: { ...issuing, CLAIMS: 'invited' },
      commit: (rows, { mine: [account] }, by) => {
        const isAllowed = rows.has(account) || rows.size > 0 === (invitation === 'shared')
        return isAllowed && serverAssociates(rows, [account], by)
      },
    }),
  ),
  { ...removal, name: 'a server has an account forgotten', path: erasurePath },
  {
    ...removal,
    name: 'a server removes a cart',
    path: cartPath,
    commit: (rows) => dissociates(rows, [...rows.keys()]),
  },
  {
    ...removal,
    name: 'a shopper removes its cart',
    path: cartPath,
    headers: asShopper,
    commit: (rows, scene) => !isOfOthers(rows, scene) && dissociates(rows, scene.mine),
    answer: (rows, scene) => (isOfOthers(rows, scene) ? notPermitted : nothing),
  },
]

/** Sorts by id: the rows are all of one age. */
const all = (rows: Rows) => [...rows.keys()].sort()
const own = (rows: Rows, { mine: [account] }: Scene) => all(rows).filter((id) => id === account)
const ownCarts = (rows: Rows, scene: Scene) =>
  list(own(rows, scene).map((account) => cartDocument(scene.cart, account)))

const get = (
  name: string,
  headers: Operation['headers'],
  path: Operation['path'],
  answer: Operation['answer'],
): Operation => ({ ...one, name, method: 'GET', headers, path, answer })

const unready = errorAnswer(
  503,
  'Service Unavailable',
  'DB must answer, with every migration applied',
)

const gets: Operation[] = [
  get('a shopper lists the accounts of a cart', asShopper, relationshipPath, (rows, scene) =>
    list(accounts(...own(rows, scene)).data),
  ),
  get('a server lists the accounts of a cart', asServer, relationshipPath, (rows) =>
    list(accounts(...all(rows)).data),
  ),
  get('a shopper reads a cart', asShopper, cartPath, (rows, scene) =>
    cartOrNone(scene, own(rows, scene)),
  ),
  get('a server reads a cart', asServer, cartPath, (rows, scene) => cartOrNone(scene, all(rows))),
  get('a shopper lists its carts', asShopper, () => '/v2/carts', ownCarts),
  get('a server lists the carts of an account', asServer, ({ mine }) => cartsOf(mine[0]), ownCarts),
  get('a server asks what is kept of an account', asServer, erasurePath, (rows, scene) => {
    const meta = expect.objectContaining({ created_by: 'test', request_id: 'test' })
    const data = own(rows, scene).map(() => expect.objectContaining({ id: scene.cart, meta }))
    return { status: 200, body: { data, links: { next: null } } }
  }),
  get(
    'a server asks whether an account may open a cart',
    asServer,
    ({ cart, mine: [account] }) => accessOf(cart, `?account_id=${account}`),
    (rows, scene) => access(own(rows, scene).length > 0 ? 'yours' : accessOfNobody(rows)),
  ),
  get(
    'a server asks whether a cart is unclaimed',
    asServer,
    ({ cart }) => accessOf(cart),
    (rows) => access(accessOfNobody(rows)),
  ),
  {
    ...get(
      'readiness is asked',
      asNobody,
      () => '/readyz',
      () => ({
        status: 200,
        body: { status: 'ok' },
      }),
    ),
    states: ['present'],
    unavailable: unready,
    closed: errorAnswer(
      503,
      'Service Unavailable',
      'DB cannot answer: an export or an import runs, it is full, or a daily limit is reached',
    ),
    broken: unready,
  },
]

/** In one state only: GET and HEAD share the code that makes headers. */
const heads = gets.map(
  (get): Operation => ({
    ...get,
    name: `${get.name}, by HEAD`,
    method: 'HEAD',
    states: ['present'],
  }),
)

const invitation: Operation = {
  ...one,
  name: 'a shopper invites to its cart',
  method: 'POST',
  path: ({ cart }) => invitationsOf(cart),
  headers: asShopper,
  changes: issuing,
  answer: (rows, scene) => {
    if (own(rows, scene).length === 0) return cartOrNone(scene, [])
    const anyTokenUntil = { token: expect.any(String), expires_at: expect.any(String) }
    const data = { type: 'cart_invitation', claim: 'shared', ...anyTokenUntil }
    return { status: 201, body: { data } }
  },
}

const issued = (identifier: string): Answer => {
  const body = { access_token: expect.any(String), identifier, token_type: 'Bearer' }
  return { status: 200, body: expect.objectContaining(body) }
}

const tokenRequest = (name: string, grant: object, answer: Answer): Operation => ({
  ...one,
  name,
  method: 'POST',
  path: () => '/oauth/access_token',
  headers: asNobody,
  body: () => ({ client_id: client.clientId, ...grant }),
  changes: issuing,
  states: ['present'],
  answer: () => answer,
})

const bySecret = (secret: string) => ({ grant_type: 'client_credentials', client_secret: secret })
const unauthorized = errorAnswer(401, 'Unauthorized', 'The client id or the client secret is wrong')

export const operations = [
  ...[...writes, ...gets, ...heads, invitation],
  tokenRequest(
    'a client asks for an implicit token',
    { grant_type: 'implicit' },
    issued('implicit'),
  ),
  tokenRequest(
    'a client asks for a token with its secret',
    bySecret(client.secret),
    issued('client_credentials'),
  ),
  tokenRequest('a client asks for a token with a wrong secret', bySecret('wrong'), unauthorized),
]

function isOfOthers(rows: Rows, { mine: [account] }: Scene): boolean {
  return [...rows.keys()].some((id) => id !== account)
}

function list(data: unknown[]): Answer {
  return { status: 200, body: { data, meta: expect.any(Object), links: expect.any(Object) } }
}

function cartOrNone({ cart }: Scene, visible: string[]): Answer {
  if (visible.length === 0) return errorAnswer(404, 'Not Found', 'Cart not found')
  return { status: 200, body: { data: cartDocument(cart, ...visible) } }
}

function access(said: 'yours' | 'unclaimed' | 'others'): Answer {
  return { status: 200, body: { data: { access: said } } }
}

function accessOfNobody(rows: Rows): 'unclaimed' | 'others' {
  return rows.size === 0 ? 'unclaimed' : 'others'
}
