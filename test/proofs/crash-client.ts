// A client of the Worker that is killed: it writes, remembers what its carts must hold, and checks that
// they do after a restart.
import { CARTS_PER_ACCOUNT } from '../../src/limits.ts'
import { CommandError } from '../../tools/lib/command-line.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'
import type { Random } from '../lib/random.ts'
import {
  type Answer,
  type Asked,
  ask,
  asShopper,
  type Caller,
  UnansweredError,
} from './carts-client.ts'
import { isSame, perform, type State } from './race-models.ts'

interface Write extends Asked {
  /** The account of the shopper who writes; `undefined` for a server. */
  shopper: string | undefined
}

/** The counts of all clients together. The sets hold sentences that name the cart. */
export interface Tally {
  acknowledged: number
  unanswered: number
  /** Repeats of unanswered writes, by what the response said. */
  retried: { created: number; unchanged: number; removed: number }
  /** Expired rows that the sweep has removed. */
  swept: number
  /** Acknowledged writes that are not there after the restart. */
  lost: Set<string>
  duplicates: Set<string>
  /** Responses that the contract does not allow. */
  wrong: Set<string>
}

/** Has carts and accounts that no other client uses, so it knows what must be there. */
export interface Client {
  name: string
  random: Random
  tally: Tally
  server: Caller
  shopper: Caller
  /** The shopper's account comes first. */
  accounts: string[]
  /** The accounts of each cart, according to the acknowledged writes. */
  carts: Map<string, State>
  /** The carts that were written to since the last restart. */
  touched: Set<string>
  /** The write that was sent and not answered. */
  pending: Write | undefined
}

const ACCOUNTS = 3
/** Writes only to the newest carts: the older ones must be unchanged at the end. */
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

/** Writes in sequence, until a request gets no response or `killed` is aborted. */
export async function writeUntil(
  killed: AbortSignal,
  client: Client,
  url: string,
  acknowledgements: EventTarget,
): Promise<void> {
  const { tally } = client
  while (!killed.aborted) {
    const write = nextWrite(client)
    client.pending = write
    client.touched.add(write.cart)
    const answer = await attempt(url, client, write)
    if (answer === undefined) {
      tally.unanswered += 1
      if (!killed.aborted) tally.wrong.add(`${textOf(write)} was not answered before the kill`)
      return
    }
    acknowledgements.dispatchEvent(new Event('acknowledged'))
    tally.acknowledged += 1
    acknowledge(client, write, answer)
  }
}

/** Makes the next write: half go to a new cart, half add accounts to a recent one, or remove some. */
function nextWrite(client: Client): Write {
  const { random, name, carts, accounts } = client
  const recent = [...carts.keys()].slice(-REVISITED)
  const isNew = recent.length === 0 || random.oneIn(2)
  const cart = isNew ? `${name}-cart-${carts.size + 1}` : random.pick(recent)
  const adds = isNew || random.oneIn(2)
  const [shopper = ''] = accounts
  const present = stateOf(client, cart)
  // Skips what is refused, so that no write could be lost: a cart that only others have, a full account.
  const isTaken = adds && present.length > 0 && !present.includes(shopper)
  const mayBeFull = adds && carts.size >= CARTS_PER_ACCOUNT.max
  if (!isTaken && !mayBeFull && random.oneIn(2)) {
    const action = adds ? random.pick(['associate', 'create'] as const) : 'dissociate'
    return { action, shopper, cart, accounts: [shopper] }
  }
  const byServer = { shopper: undefined, cart }
  if (!adds && random.oneIn(2)) return { ...byServer, action: 'remove', accounts: [] }
  const action = adds ? 'associate' : 'dissociate'
  return { ...byServer, action, accounts: random.pickSome(accounts, ACCOUNTS) }
}

/** Returns the response, or `undefined` if none came. */
async function attempt(
  url: string,
  { server, shopper }: Client,
  write: Write,
): Promise<Answer | undefined> {
  try {
    return await ask(url, write.shopper === undefined ? server : shopper, write)
  } catch (error) {
    if (error instanceof UnansweredError) return undefined
    throw error
  }
}

/** Notes an acknowledged write: it must be there from now on. Checks its response, too. */
function acknowledge(client: Client, write: Write, { status, named }: Answer): void {
  const promised = perform(stateOf(client, write.cart), write)
  if (status !== promised.status || !isSame(named.toSorted(), promised.named)) {
    const answer = [status, ...named].join(' ')
    client.tally.wrong.add(`${textOf(write)} was answered ${answer}, not ${promised.status}`)
  }
  client.carts.set(write.cart, promised.state)
  client.pending = undefined
}

/** Reads everything back, repeats what was not answered, and reads the changed carts again. */
export async function checkAfterRestart(url: string, client: Client): Promise<void> {
  const { touched, pending } = client
  await compareAccounts(url, client)
  if (pending !== undefined) await retry(url, client, pending)
  await compareCarts(url, client, touched)
  touched.clear()
}

/** Compares every cart of the client with the lists of its accounts. */
async function compareAccounts(url: string, client: Client): Promise<void> {
  const { carts, accounts, pending } = client
  const listed = new Map<string, string[]>()
  for (const account of accounts) {
    for (const cart of await list(url, client, 'list carts', '', account)) {
      listed.set(cart, [...(listed.get(cart) ?? []), account])
    }
  }
  for (const cart of new Set([...carts.keys(), ...listed.keys()])) {
    const found = listed.get(cart)?.toSorted() ?? []
    // An unanswered write was carried out as a whole or not at all.
    const written = cart === pending?.cart && perform(stateOf(client, cart), pending).state
    if (written && isSame(written, found)) carts.set(cart, written)
    compare(client, cart, found)
  }
}

/** Compares each cart with the list of its accounts. */
export async function compareCarts(
  url: string,
  client: Client,
  carts: Iterable<string>,
): Promise<void> {
  for (const cart of carts) {
    compare(client, cart, await list(url, client, 'list accounts', cart))
  }
}

function compare(client: Client, cart: string, found: readonly string[]): void {
  const { lost } = client.tally
  const expected = stateOf(client, cart)
  for (const account of expected) {
    if (!found.includes(account)) lost.add(`${cart} has lost ${account}`)
  }
  for (const account of found) {
    if (!expected.includes(account))
      lost.add(`${cart} has ${account}, which it has lost or never had`)
  }
}

async function list(
  url: string,
  { server, tally }: Client,
  action: 'list accounts' | 'list carts',
  cart: string,
  ...accounts: string[]
): Promise<string[]> {
  const { status, named } = await ask(url, server, { action, cart, accounts })
  if (status !== 200) throw new CommandError(`A list was answered ${status} after the restart`)
  const seen = new Set<string>()
  for (const id of named) {
    if (seen.has(id)) tally.duplicates.add(`${id} stands twice in: ${action} ${cart}${accounts}`)
    seen.add(id)
  }
  return named
}

/** Repeats an unanswered write. The response to an addition says whether it had been committed. */
async function retry(url: string, client: Client, write: Write): Promise<void> {
  const { retried, wrong } = client.tally
  const answer = await attempt(url, client, write)
  if (answer === undefined) {
    wrong.add(`${textOf(write)} was not answered after the restart`)
    return
  }
  acknowledge(client, write, answer)
  const isNew = answer.status === (write.action === 'create' ? 201 : 200)
  if (write.action !== 'associate' && write.action !== 'create') retried.removed += 1
  else retried[isNew ? 'created' : 'unchanged'] += 1
}

function stateOf({ carts }: Client, cart: string): State {
  return carts.get(cart) ?? []
}

function textOf({ action, shopper, cart, accounts }: Write): string {
  const who = shopper === undefined ? 'a server' : `the shopper ${shopper}`
  return `${action} ${cart} with ${accounts.join(' ')} by ${who}`
}
