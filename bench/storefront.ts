// What is measured: the operations of a storefront, as requests that each contestant understands.
import { randomUUID } from 'node:crypto'
import type { BenchRequest, Load } from './load.ts'
import type { Shopper } from './shoppers.ts'

export const OPERATIONS = [
  'new association',
  'repeated association',
  'refused token',
  'list of carts',
  'token request',
] as const

export type OperationName = (typeof OPERATIONS)[number]

/** The client that asks for tokens; its key must be in the database. */
export const CLIENT_ID = 'bench'

/**
 * The five operations, for the shoppers in turn, each of whom has associated its cart once. New carts go
 * to half of them alone: lists would be longer for whoever is quicker at making carts.
 */
export function loadsOf(shoppers: readonly Shopper[]): Record<OperationName, Load> {
  const half = Math.ceil(shoppers.length / 2)
  const gathering = shoppers.slice(0, half).map(associationOf)
  const others = shoppers.length === 1 ? shoppers : shoppers.slice(half)
  const associations = shoppers.map(associationOf)
  const load = (name: OperationName, status: number, requests: BenchRequest[]): Load => ({
    name,
    status,
    requests,
  })
  return {
    'new association': {
      ...load('new association', 200, gathering),
      next: () => ({ path: pathOf(randomUUID()) }),
    },
    'repeated association': load('repeated association', 204, associations),
    'refused token': load('refused token', 401, shoppers.map(refusedOf)),
    'list of carts': load('list of carts', 200, others.map(listOf)),
    'token request': load('token request', 200, [
      {
        method: 'POST',
        path: '/oauth/access_token',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `grant_type=implicit&client_id=${CLIENT_ID}`,
      },
    ]),
  }
}

/** Associates the shopper's one cart. */
export function associationOf({ account, cart, headers }: Shopper): BenchRequest {
  return {
    method: 'POST',
    path: pathOf(cart),
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: [{ type: 'account', id: account }] }),
  }
}

/** With a signature that is not the token's. */
function refusedOf(shopper: Shopper): BenchRequest {
  const [head, claims, signature = ''] = shopper.headers['Authorization']?.split('.') ?? []
  const forged = [head, claims, `AAAAAAAA${signature.slice(8)}`].join('.')
  const headers = { 'Content-Type': 'application/json', Authorization: forged }
  return { ...associationOf(shopper), headers }
}

/** The account in the query is for the floor, which reads no token; the service ignores it. */
function listOf({ account, headers }: Shopper): BenchRequest {
  return { method: 'GET', path: `/v2/carts?account=${account}`, headers }
}

function pathOf(cart: string): string {
  return `/v2/carts/${cart}/relationships/accounts`
}
