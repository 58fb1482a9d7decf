// Runs the planned calls of a phase, and sorts the observations into one history for each cart.
import {
  type Answer,
  associate,
  type Caller,
  dissociate,
  getCart,
  listAccounts,
  listCarts,
} from './carts-client.ts'
import type { Operation } from './linearizability.ts'
import type { Phase, PlannedCall } from './race-workload.ts'

/** An operation on one cart, with its client and its isolate. */
export interface SeenOperation extends Operation {
  cart: string
  client: number
  isolate: number
  /** The number of the request: one list of carts is an operation on several carts. */
  request: number
  /** Why there was no response, or no readable one. */
  fault: string | undefined
}

/** The histories by cart. */
export type Histories = Map<string, SeenOperation[]>

type Callers = (shopper: string | undefined) => Caller

/** Runs all clients concurrently, and the calls of each in sequence. */
export async function runPhase(
  { carts, clients }: Phase,
  urls: readonly string[],
  callers: Callers,
): Promise<Histories> {
  const histories: Histories = new Map(carts.map((cart) => [cart, []]))
  let requests = 0
  await Promise.all(
    clients.map(async (calls, index) => {
      for (const call of calls) {
        const request = requests++
        const invokedAt = performance.now()
        const seen = await observe(call, urls[call.isolate] ?? '', callers(call.shopper))
        const returnedAt = performance.now()
        const where = { client: index + 1, request, invokedAt, returnedAt }
        for (const cart of call.action === 'list carts' ? carts : [call.cart]) {
          histories.get(cart)?.push({ ...call, ...where, cart, ...ofCart(cart, call, seen) })
        }
      }
    }),
  )
  return histories
}

type Observation = Answer & { fault: string | undefined }

async function observe(call: PlannedCall, url: string, caller: Caller): Promise<Observation> {
  try {
    const answer = await ask(call, url, caller)
    const repeated = answer.named.length > new Set(answer.named).size
    return { ...answer, fault: repeated ? `${answer.named} has a duplicate` : undefined }
  } catch (error) {
    return { status: 0, named: [], fault: String(error) }
  }
}

function ask(
  { action, cart, accounts }: PlannedCall,
  url: string,
  caller: Caller,
): Promise<Answer> {
  switch (action) {
    case 'associate':
      return associate(url, caller, cart, accounts)
    case 'dissociate':
      return dissociate(url, caller, cart, accounts)
    case 'list accounts':
      return listAccounts(url, caller, cart)
    case 'get cart':
      return getCart(url, caller, cart)
    case 'list carts':
      return listCarts(url, caller, accounts.join())
  }
}

/** Turns a list of carts into one operation for each cart: whether the account has it. */
function ofCart(cart: string, { action, accounts }: PlannedCall, seen: Observation): Observation {
  if (action !== 'list carts') return seen
  return { ...seen, named: seen.named.includes(cart) ? [...accounts] : [] }
}
