// The operations that only read: lists, a cart, tokens for clients, and readiness.
import { expect } from 'vitest'
import { issuing, storedKey, type TestKey } from './application-keys.ts'
import { cartDocument } from './expected.ts'
import type { Asked, Operation } from './fault-operations.ts'
import { type Answer, errorAnswer, type Rows, type Scene } from './fault-scene.ts'
import {
  accessOf,
  accounts,
  accountsOf,
  cartOf,
  cartsOf,
  erasureOf,
  invitationsOf,
} from './requests.ts'
import { server, shopper } from './tokens.ts'

const asShopper = ({ mine: [account] }: Scene) => shopper(account)
const asServer = () => server()

/** Sorts by id: the rows are all of one age. */
const all = (rows: Rows) => [...rows.keys()].sort()
const cartStates = ['absent', 'present', 'shared', 'taken'] as const
const anyTokenUntil = { token: expect.any(String), expires_at: expect.any(String) }

const own = (rows: Rows, { mine: [account] }: Scene) => all(rows).filter((id) => id === account)

const carts = [
  {
    name: 'a shopper lists the accounts of a cart',
    path: ({ cart }: Scene) => accountsOf(cart),
    headers: asShopper,
    answer: (rows: Rows, scene: Scene) => list(accounts(...own(rows, scene)).data),
  },
  {
    name: 'a server lists the accounts of a cart',
    path: ({ cart }: Scene) => accountsOf(cart),
    headers: asServer,
    answer: (rows: Rows) => list(accounts(...all(rows)).data),
  },
  {
    name: 'a shopper reads a cart',
    path: ({ cart }: Scene) => cartOf(cart),
    headers: asShopper,
    answer: (rows: Rows, scene: Scene) => cartOrNone(scene, own(rows, scene)),
  },
  {
    name: 'a server reads a cart',
    path: ({ cart }: Scene) => cartOf(cart),
    headers: asServer,
    answer: (rows: Rows, scene: Scene) => cartOrNone(scene, all(rows)),
  },
  {
    name: 'a shopper lists its carts',
    path: () => '/v2/carts',
    headers: asShopper,
    answer: (rows: Rows, scene: Scene) =>
      list(own(rows, scene).map((account) => cartDocument(scene.cart, account))),
  },
  {
    name: 'a server lists the carts of an account',
    path: ({ mine: [account] }: Scene) => cartsOf(account),
    headers: asServer,
    answer: (rows: Rows, scene: Scene) =>
      list(own(rows, scene).map((account) => cartDocument(scene.cart, account))),
  },
  {
    name: 'a server asks what is kept of an account',
    path: ({ mine: [account] }: Scene) => erasureOf(account),
    headers: asServer,
    answer: (rows: Rows, scene: Scene) => ({
      status: 200,
      body: {
        data: own(rows, scene).map(() =>
          expect.objectContaining({
            id: scene.cart,
            meta: expect.objectContaining({ created_by: 'test', request_id: 'test' }),
          }),
        ),
        links: { next: null },
      },
    }),
  },
  {
    name: 'a server asks whether an account may open a cart',
    path: ({ cart, mine: [account] }: Scene) => accessOf(cart, `?account_id=${account}`),
    headers: asServer,
    answer: (rows: Rows, scene: Scene) =>
      access(own(rows, scene).length > 0 ? 'yours' : accessOfNobody(rows)),
  },
  {
    name: 'a server asks whether a cart is unclaimed',
    path: ({ cart }: Scene) => accessOf(cart),
    headers: asServer,
    answer: (rows: Rows) => access(accessOfNobody(rows)),
  },
].map(({ name, path, headers, answer }) => ({
  ...reads(name, async (scene) => ({
    method: 'GET',
    path: path(scene),
    headers: await headers(scene),
  })),
  states: cartStates,
  answer,
}))

const invitation = {
  ...reads('a shopper invites to its cart', async (scene) => ({
    method: 'POST',
    path: invitationsOf(scene.cart),
    headers: await asShopper(scene),
    changes: issuing,
  })),
  states: cartStates,
  answer: (rows: Rows, scene: Scene) => {
    if (own(rows, scene).length === 0) return cartOrNone(scene, [])
    const data = { type: 'cart_invitation', claim: 'shared', ...anyTokenUntil }
    return { status: 201, body: { data } }
  },
}

let key: Promise<TestKey> | undefined

const tokenRequests = [
  {
    name: 'a client asks for an implicit token',
    grant: ({ clientId }: TestKey) => ({ grant_type: 'implicit', client_id: clientId }),
    answer: issued('implicit'),
  },
  {
    name: 'a client asks for a token with its secret',
    grant: ({ clientId, secret }: TestKey) => credentials(clientId, secret),
    answer: issued('client_credentials'),
  },
  {
    name: 'a client asks for a token with a wrong secret',
    grant: ({ clientId }: TestKey) => credentials(clientId, 'wrong'),
    answer: errorAnswer(401, 'Unauthorized', 'The client id or the client secret is wrong'),
  },
].map(({ name, grant, answer }) => ({
  ...reads(name, async () => {
    key ??= storedKey('confidential')
    return {
      method: 'POST',
      path: '/oauth/access_token',
      headers: {},
      body: grant(await key),
      changes: issuing,
    }
  }),
  answer: () => answer,
}))

const unready = errorAnswer(
  503,
  'Service Unavailable',
  'DB must answer, with every migration applied',
)

const readiness = {
  ...reads('readiness is asked', async () => ({ method: 'GET', path: '/readyz', headers: {} })),
  answer: () => ({ status: 200, body: { status: 'ok' } }),
  unavailable: unready,
  closed: errorAnswer(
    503,
    'Service Unavailable',
    'DB cannot answer: an export or an import runs, it is full, or a daily limit is reached',
  ),
  broken: unready,
}

const gets: Operation[] = [...carts, readiness]

export const faultReads: readonly Operation[] = [
  ...gets,
  ...gets.map(head),
  invitation,
  ...tokenRequests,
]

/** What all reads share: one account, and rows that do not change. */
function reads(name: string, ask: (scene: Scene) => Promise<Asked>): Omit<Operation, 'answer'> {
  return { name, kind: 'read', states: ['present'], accounts: 1, ask, commit: () => false }
}

/** Asks in one state only: GET and HEAD share the code that makes headers. */
function head(get: Operation): Operation {
  const ask = async (scene: Scene) => ({ ...(await get.ask(scene)), method: 'HEAD' })
  return { ...get, name: `${get.name}, by HEAD`, states: ['present'], ask }
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

function credentials(clientId: string, secret: string): Record<string, string> {
  return { grant_type: 'client_credentials', client_id: clientId, client_secret: secret }
}

function issued(identifier: string): Answer {
  const body = { access_token: expect.any(String), identifier, token_type: 'Bearer' }
  return { status: 200, body: expect.objectContaining(body) }
}
