// Shoppers with tokens of their own, and the requests that a storefront sends for them.
import { randomUUID } from 'node:crypto'
import { asShopper } from '../test/proofs/carts-client.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'

export interface BenchRequest {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

/** Requests of one kind, whose responses all have the same status. */
export interface Load {
  /** Stands in error messages. */
  name: string
  status: number
  /** Each connection sends them in turn, and begins again. */
  requests: readonly BenchRequest[]
  /** Changes each request, if no two may be alike. */
  next?: (() => Partial<BenchRequest>) | undefined
}

/** An account, one cart that it keeps asking for, and the headers with its tokens. */
export interface Shopper {
  account: string
  cart: string
  headers: Record<string, string>
}

export const OPERATIONS = [
  'new association',
  'repeated association',
  'refused token',
  'list of carts',
  'token request',
] as const

export type OperationName = (typeof OPERATIONS)[number]

/** Makes the application key that token requests name. */
export const KEY_OF_CLIENT = `insert into application_keys (client_id, store_id, name, created_at)
  values ('bench', 'proofs', 'Benchmark', 0)`

/** Each has an access token and an account token that nobody else has. */
export async function newShoppers(settings: LocalSettings, number: number): Promise<Shopper[]> {
  return await Promise.all(
    Array.from({ length: number }, async () => {
      const account = randomUUID()
      const { headers } = await asShopper(settings, account)
      return { account, cart: randomUUID(), headers }
    }),
  )
}

/**
 * The five operations, for shoppers who have associated their carts. Only half of the shoppers make
 * new carts: otherwise a faster contestant would have longer lists to read.
 */
export function loadsOf(shoppers: readonly Shopper[]): Record<OperationName, Load> {
  const half = Math.ceil(shoppers.length / 2)
  const gathering = shoppers.slice(0, half).map(associationOf)
  const others = shoppers.length === 1 ? shoppers : shoppers.slice(half)
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
    'repeated association': load('repeated association', 204, shoppers.map(associationOf)),
    'refused token': load('refused token', 401, shoppers.map(refusedOf)),
    'list of carts': load('list of carts', 200, others.map(listOf)),
    'token request': load('token request', 200, [
      {
        method: 'POST',
        path: '/oauth/access_token',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: 'grant_type=implicit&client_id=bench',
      },
    ]),
  }
}

/** Associates the shopper's cart. */
export function associationOf({ account, cart, headers }: Shopper): BenchRequest {
  return {
    method: 'POST',
    path: pathOf(cart),
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: [{ type: 'account', id: account }] }),
  }
}

/** An association whose access token has a wrong signature. */
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

export function pathOf(cart: string): string {
  return `/v2/carts/${cart}/relationships/accounts`
}
