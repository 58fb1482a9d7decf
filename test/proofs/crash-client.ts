// A client of the Worker that is killed: what it writes, and what it knows of its carts.
import type { EventEmitter } from 'node:events'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'
import type { Random } from '../lib/random.ts'
import {
  type Answer,
  asShopper,
  associate,
  type Caller,
  dissociate,
  UnansweredError,
} from './carts-client.ts'

export interface Write {
  action: 'associate' | 'dissociate'
  caller: Caller
  cart: string
  accounts: string[]
}

/** The counts of all clients together. The sets hold sentences that name the cart. */
export interface Tally {
  acknowledged: number
  unanswered: number
  /** Unanswered writes by what they were answered when they were sent again. */
  retried: { created: number; unchanged: number; dissociated: number }
  /** Acknowledged, and not so after the restart. */
  lost: Set<string>
  duplicates: Set<string>
  /** Not answered as the contract says. */
  wrong: Set<string>
}

/** No other client has its carts or its accounts: it alone knows what must be there. */
export interface Client {
  name: string
  random: Random
  tally: Tally
  server: Caller
  shopper: Caller
  /** The shopper's is the first. */
  accounts: string[]
  /** The accounts of each cart, by the writes that were acknowledged. */
  carts: Map<string, Set<string>>
  /** The carts that were written to since the last restart. */
  touched: Set<string>
  /** Sent, and not answered. */
  pending: Write | undefined
}

/** The event of an answer that has come. */
export const ACKNOWLEDGED = 'acknowledged'

const ACCOUNTS = 3
/** Older carts are left alone: those of every round must be there at the end. */
const REVISITED = 8

export async function makeClient(
  settings: LocalSettings,
  server: Caller,
  name: string,
  random: Random,
  tally: Tally,
): Promise<Client> {
  const accounts = Array.from({ length: ACCOUNTS }, (_, index) => `${name}-account-${index + 1}`)
  const shopper = await asShopper(settings, `${name}-account-1`)
  const known = { carts: new Map(), touched: new Set<string>(), pending: undefined }
  return { name, random, tally, server, shopper, accounts, ...known }
}

/** Writes, one after the other, until one is not answered or `killed` is aborted. */
export async function writeUntil(
  killed: AbortSignal,
  client: Client,
  url: string,
  acknowledgements: EventEmitter,
): Promise<void> {
  const { tally } = client
  while (!killed.aborted) {
    const write = nextWrite(client)
    client.pending = write
    client.touched.add(write.cart)
    const answer = await attempt(url, write)
    if (answer === undefined) {
      tally.unanswered += 1
      if (!killed.aborted) tally.wrong.add(`${textOf(write)} was not answered before the kill`)
      return
    }
    acknowledgements.emit(ACKNOWLEDGED)
    tally.acknowledged += 1
    acknowledge(client, write, answer)
  }
}

/** The answer, or `undefined` if none came. */
export async function attempt(url: string, write: Write): Promise<Answer | undefined> {
  const send = write.action === 'associate' ? associate : dissociate
  try {
    return await send(url, write.caller, write.cart, write.accounts)
  } catch (error) {
    if (error instanceof UnansweredError) return undefined
    throw error
  }
}

/** From now on it must be there, and its answer the one that the contract says. */
export function acknowledge(client: Client, write: Write, { status }: Answer): void {
  const { action, cart, accounts } = write
  const present = accountsOf(client, cart)
  const isNew = action === 'associate' && accounts.some((account) => !present.has(account))
  const promised = isNew ? 200 : 204
  if (status !== promised) {
    client.tally.wrong.add(`${textOf(write)} was answered ${status}, not ${promised}`)
  }
  settle(client, write)
  client.pending = undefined
}

/** The write has been done, as far as this client knows. */
export function settle(client: Client, { action, cart, accounts }: Write): void {
  const before = accountsOf(client, cart)
  const named = new Set(accounts)
  client.carts.set(cart, action === 'associate' ? before.union(named) : before.difference(named))
}

export function accountsOf({ carts }: Client, cart: string): Set<string> {
  return carts.get(cart) ?? new Set()
}

export function textOf({ action, caller, cart, accounts }: Write): string {
  const who = caller.account === undefined ? 'a server' : `the shopper ${caller.account}`
  return `${action} ${cart} with ${accounts.join(' ')} by ${who}`
}

/** Half of the writes to a new cart, the others to one of the last few: again, or back. */
function nextWrite(client: Client): Write {
  const { random, name, carts, accounts, server, shopper } = client
  const recent = [...carts.keys()].slice(-REVISITED)
  const isNew = recent.length === 0 || random.oneIn(2)
  const cart = isNew ? `${name}-cart-${carts.size + 1}` : random.pick(recent)
  const action = isNew || random.oneIn(2) ? 'associate' : 'dissociate'
  const own = accounts.slice(0, 1)
  const present = accountsOf(client, cart)
  // A shopper may not claim a cart that only others have: no write is lost there.
  const isRefused =
    action === 'associate' && present.size > 0 && present.isDisjointFrom(new Set(own))
  if (!isRefused && random.oneIn(2)) return { action, caller: shopper, cart, accounts: own }
  return { action, caller: server, cart, accounts: random.pickSome(accounts, ACCOUNTS) }
}
