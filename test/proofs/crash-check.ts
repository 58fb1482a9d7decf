// Checks a restarted Worker: acknowledged writes are there, and unanswered ones can be sent again.
import { CommandError } from '../../tools/lib/command-line.ts'
import { type Answer, listAccounts, listCarts } from './carts-client.ts'
import {
  accountsOf,
  acknowledge,
  attempt,
  type Client,
  isAddition,
  PROMISED,
  settle,
  textOf,
  type Write,
} from './crash-client.ts'

/** Reads everything back, repeats what was not answered, and reads the changed carts again. */
export async function checkAfterRestart(url: string, client: Client): Promise<void> {
  await compareAccounts(url, client)
  if (client.pending !== undefined) await retry(url, client, client.pending)
  await compareCarts(url, client, client.touched)
  client.touched.clear()
}

/** Compares each cart with the list of its accounts. */
export async function compareCarts(
  url: string,
  client: Client,
  carts: Iterable<string>,
): Promise<void> {
  for (const cart of carts) {
    const found = await idsOf(listAccounts(url, client.server, cart))
    findDuplicates(client, found, `the accounts of ${cart}`)
    compare(client, cart, new Set(found))
  }
}

/** Compares every cart of the client with the lists of its accounts. */
async function compareAccounts(url: string, client: Client): Promise<void> {
  const { carts, accounts, pending, server } = client
  const listed = new Map<string, Set<string>>()
  for (const account of accounts) {
    const ofAccount = await idsOf(listCarts(url, server, account))
    findDuplicates(client, ofAccount, `the carts of ${account}`)
    for (const cart of ofAccount) listed.set(cart, (listed.get(cart) ?? new Set()).add(account))
  }
  for (const cart of new Set([...carts.keys(), ...listed.keys()])) {
    const found = listed.get(cart) ?? new Set()
    if (cart === pending?.cart && isDone(pending, found)) settle(client, pending)
    compare(client, cart, found)
  }
}

/** An unanswered write was carried out as a whole or not at all. */
function isDone({ action, accounts }: Write, found: ReadonlySet<string>): boolean {
  return accounts.every((account) => found.has(account) === isAddition(action))
}

/** Repeats an unanswered write. The response to an addition says whether it had been committed. */
async function retry(url: string, client: Client, write: Write): Promise<void> {
  const { retried, wrong } = client.tally
  const answer = await attempt(url, write)
  if (answer === undefined) {
    wrong.add(`${textOf(write)} was not answered after the restart`)
    return
  }
  acknowledge(client, write, answer)
  const isNew = answer.status === PROMISED[write.action].isNew
  if (!isAddition(write.action)) retried.removed += 1
  else retried[isNew ? 'created' : 'unchanged'] += 1
}

function compare(client: Client, cart: string, found: ReadonlySet<string>): void {
  const { lost } = client.tally
  const expected = accountsOf(client, cart)
  for (const account of expected.difference(found)) lost.add(`${cart} has lost ${account}`)
  for (const account of found.difference(expected)) {
    lost.add(`${cart} has ${account}, which it has lost or never had`)
  }
}

function findDuplicates(client: Client, ids: readonly string[], where: string): void {
  const seen = new Set<string>()
  for (const id of ids) {
    if (seen.has(id)) client.tally.duplicates.add(`${id} stands twice among ${where}`)
    seen.add(id)
  }
}

async function idsOf(list: Promise<Answer>): Promise<string[]> {
  const { status, named } = await list
  if (status !== 200) throw new CommandError(`A list was answered ${status} after the restart`)
  return named
}
