// The operations that use the database: how each is requested, what it does and how it responds.
import { issuing } from './application-keys.ts'
import { cartDocument } from './expected.ts'
import { faultReads } from './fault-reads.ts'
import {
  type Answer,
  dissociates,
  errorAnswer,
  type Rows,
  type Scene,
  type Source,
  type State,
  serverAssociates,
  shopperAssociates,
} from './fault-scene.ts'
import { accounts, accountsOf, type Changes, cartOf, erasureOf } from './requests.ts'
import { invitationParts, server, shopper, sign } from './tokens.ts'

export interface Asked {
  method: string
  path: string
  headers: Record<string, string>
  body?: unknown
  changes?: Changes
}

export interface Operation {
  name: string
  kind: 'write' | 'read'
  /** The states that the cart may be in before the request. */
  states: readonly State[]
  /** How many accounts the request names. */
  accounts: number
  ask: (scene: Scene) => Promise<Asked>
  /** Applies a committed call to the rows; returns whether it inserted any. */
  commit: (rows: Rows, scene: Scene, by: Source) => boolean
  /**
   * Returns the response after a call that succeeds, given whether the request has inserted rows;
   * `undefined` if a further call follows, with three tries of its own.
   */
  answer: (rows: Rows, scene: Scene, inserted: boolean) => Answer | undefined
  /** The 503, if it says more than usual. */
  unavailable?: Answer
  /** The 503, if only time helps. */
  closed?: Answer
  /** The response to an unknown error, if it is not the usual 500. */
  broken?: Answer
}

type Headers = (scene: Scene) => Promise<Record<string, string>>

const asServer: Headers = () => server()
const asShopper: Headers = ({ mine: [account] }) => shopper(account)

const one = { accounts: 1, states: ['absent', 'present', 'shared', 'taken'] } as const
const several = { accounts: 3, states: ['absent', 'partly present', 'present', 'taken'] } as const

const nothing: Answer = { status: 204, body: undefined }
const notPermitted = errorAnswer(
  403,
  'Account does not have the required permissions to fulfill this request',
)

const associations: Operation[] = [
  {
    ...one,
    name: 'a shopper associates its account',
    kind: 'write',
    ask: request('POST', asShopper),
    commit: (rows, { mine: [account] }, by) => shopperAssociates(rows, account, by),
    answer: associated,
  },
  ...[
    { ...one, name: 'a server associates an account' },
    { ...several, name: 'a server associates several accounts' },
  ].map(
    (row): Operation => ({
      ...row,
      kind: 'write',
      ask: request('POST', asServer),
      commit: (rows, { mine }, by) => serverAssociates(rows, mine, by),
      answer: associated,
    }),
  ),
]

const dissociations: Operation[] = [
  { ...one, name: 'a shopper dissociates its account', headers: asShopper },
  { ...several, name: 'a server dissociates several accounts', headers: asServer },
].map(({ headers, ...row }) => ({
  ...row,
  kind: 'write',
  ask: request('DELETE', headers),
  commit: (rows, { mine }) => dissociates(rows, mine),
  answer: () => nothing,
}))

const creation: Operation = {
  ...one,
  name: 'a shopper makes a cart',
  kind: 'write',
  ask: async (scene) => ({
    method: 'POST',
    path: '/v2/carts',
    headers: await asShopper(scene),
    body: { data: { id: scene.cart } },
  }),
  commit: (rows, { mine: [account] }, by) => shopperAssociates(rows, account, by),
  answer: (rows, { cart, mine: [account] }, inserted) => {
    if (!rows.has(account)) return notPermitted
    return { status: inserted ? 201 : 200, body: { data: cartDocument(cart, account) } }
  },
}

/** Where claims need an invitation: one lets an account join a cart that others have, one claim it. */
const invited = (['shared', 'unclaimed'] as const).map(
  (claim): Operation => ({
    ...one,
    name: `a shopper comes with an invitation that is ${claim}`,
    kind: 'write',
    ask: async (scene) => ({
      ...(await request('POST', asShopper)(scene)),
      headers: {
        ...(await asShopper(scene)),
        'X-Cart-Invitation': await sign(invitationParts({ cart_id: scene.cart, claim })),
      },
      changes: { ...issuing, CLAIMS: 'invited' },
    }),
    commit: (rows, { mine: [account] }, by) => {
      const isAllowed = rows.has(account) || rows.size > 0 === (claim === 'shared')
      return isAllowed && serverAssociates(rows, [account], by)
    },
    answer: associated,
  }),
)

const removals: Operation[] = [
  {
    name: 'a server has an account forgotten',
    path: ({ mine: [account] }: Scene) => erasureOf(account),
    headers: asServer,
    commit: (rows: Rows, { mine }: Scene) => dissociates(rows, mine),
    answer: () => nothing,
  },
  {
    name: 'a server removes a cart',
    path: ({ cart }: Scene) => cartOf(cart),
    headers: asServer,
    commit: (rows: Rows) => dissociates(rows, [...rows.keys()]),
    answer: () => nothing,
  },
  {
    name: 'a shopper removes its cart',
    path: ({ cart }: Scene) => cartOf(cart),
    headers: asShopper,
    commit: (rows: Rows, scene: Scene) => !isOfOthers(rows, scene) && dissociates(rows, scene.mine),
    answer: (rows: Rows, scene: Scene) => (isOfOthers(rows, scene) ? notPermitted : nothing),
  },
].map(({ path, headers, ...row }) => ({
  ...one,
  ...row,
  kind: 'write',
  ask: async (scene) => ({
    method: 'DELETE',
    path: path(scene),
    headers: await headers(scene),
  }),
}))

export const operations: readonly Operation[] = [
  ...associations,
  ...dissociations,
  creation,
  ...invited,
  ...removals,
  ...faultReads,
]

/** 200 if this request inserted a row, 204 if all rows were there, 403 if they are not. */
function associated(rows: Rows, { mine }: Scene, inserted: boolean): Answer {
  if (inserted) return { status: 200, body: accounts(...mine) }
  if (mine.every((account) => rows.has(account))) return nothing
  return notPermitted
}

function isOfOthers(rows: Rows, { mine: [account] }: Scene): boolean {
  return [...rows.keys()].some((id) => id !== account)
}

function request(method: string, headers: Headers): Operation['ask'] {
  return async (scene) => ({
    method,
    path: accountsOf(scene.cart),
    headers: await headers(scene),
    body: accounts(...scene.mine),
  })
}
