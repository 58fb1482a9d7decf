// What bench:scale measures: requests of every kind, for ordinary carts and accounts and hot ones.
import { randomUUID } from 'node:crypto'
import { OFFSET } from '../src/limits.ts'
import type { Random } from '../test/lib/random.ts'
import { asShopper, type Caller } from '../test/proofs/carts-client.ts'
import type { LocalSettings } from '../tools/tokens/local-settings.ts'
import type { BenchRequest } from './load.ts'
import { associationOf } from './operations.ts'
import {
  backgroundKey,
  CARTS_OF_ACCOUNT,
  hotAccountKey,
  hotCartKey,
  type Key,
  kindsIn,
} from './scale-rows.ts'

/** Where the operations find what they ask for. */
export interface Scene {
  settings: LocalSettings
  server: Caller
  /** Associations in the database. */
  size: number
  random: Random
}

export interface ScaleOperation {
  name: string
  status: number
  caller: 'server' | 'shopper'
  /** Another each time; a shopper is the account of it. */
  key: () => Key
  request: (key: Key, headers: Record<string, string>) => BenchRequest
}

export function operationsIn({ size, random }: Scene): ScaleOperation[] {
  const { accounts, hotCarts, hotAccounts } = kindsIn(size)
  const known = () => backgroundKey(random.below(accounts * CARTS_OF_ACCOUNT))
  const cartOfHot = () => hotAccountKey(random.below(hotCarts))
  const accountOfHot = () => hotCartKey(random.below(hotAccounts))
  const withNewCart = (key: Key) => ({ ...key, cart: randomUUID() })
  const withNewAccount = (key: Key) => ({ ...key, account: randomUUID() })
  const farPage = { 'page[offset]': String(Math.min(OFFSET.max, Math.floor(hotCarts / 10))) }
  return [
    read('single cart', 'server', known, singleCart),
    read('list of carts', 'server', known, listOfCarts),
    read('list of accounts', 'server', known, listOfAccounts),
    write('new association', 200, 'server', () => withNewCart(known())),
    write('new association by a shopper', 200, 'shopper', () => withNewCart(known())),
    write('repeated association', 204, 'server', known),
    write('repeated association by a shopper', 204, 'shopper', known),
    write('cart of others', 403, 'shopper', () => withNewAccount(known())),

    read('hot account: list of carts', 'server', cartOfHot, listOfCarts),
    read('hot account: list of carts, far page', 'server', cartOfHot, (key, headers) =>
      listOfCarts(key, headers, farPage),
    ),
    write('hot account: new association', 200, 'server', () => withNewCart(cartOfHot())),
    write('hot account: repeated association', 204, 'server', cartOfHot),

    read('hot cart: single cart', 'server', accountOfHot, singleCart),
    read('hot cart: single cart by a shopper', 'shopper', accountOfHot, singleCart),
    read('hot cart: list of accounts', 'server', accountOfHot, listOfAccounts),
    read('hot cart: list of accounts by a shopper', 'shopper', accountOfHot, listOfAccounts),
    write('hot cart: new association', 200, 'server', () => withNewAccount(accountOfHot())),
    write('hot cart: repeated association', 204, 'server', accountOfHot),
    write('hot cart: repeated association by a shopper', 204, 'shopper', accountOfHot),
    write('hot cart: cart of others', 403, 'shopper', () => withNewAccount(accountOfHot())),
  ]
}

/** Who sends a request for this key. */
export async function callerFor(
  { caller }: ScaleOperation,
  { settings, server }: Scene,
  { account }: Key,
): Promise<Caller> {
  return caller === 'server' ? server : await asShopper(settings, account)
}

function read(
  name: string,
  caller: ScaleOperation['caller'],
  key: ScaleOperation['key'],
  request: ScaleOperation['request'],
): ScaleOperation {
  return { name, status: 200, caller, key, request }
}

function write(
  name: string,
  status: number,
  caller: ScaleOperation['caller'],
  key: ScaleOperation['key'],
): ScaleOperation {
  const request = (each: Key, headers: Record<string, string>) =>
    associationOf({ ...each, headers })
  return { name, status, caller, key, request }
}

function singleCart({ cart }: Key, headers: Record<string, string>): BenchRequest {
  return { method: 'GET', path: `/v2/carts/${cart}`, headers }
}

function listOfAccounts({ cart }: Key, headers: Record<string, string>): BenchRequest {
  return { method: 'GET', path: `/v2/carts/${cart}/relationships/accounts`, headers }
}

function listOfCarts(
  { account }: Key,
  headers: Record<string, string>,
  page: Record<string, string> = {},
): BenchRequest {
  const query = new URLSearchParams({ filter: `contains(account_ids,"${account}")`, ...page })
  return { method: 'GET', path: `/v2/carts?${query}`, headers }
}
