// Runs the planned calls of a phase, and sorts the observations into one history for each cart.
import {
  type Answer,
  accessTo,
  associate,
  type Caller,
  createCart,
  dissociate,
  getCart,
  invite,
  listAccounts,
  listCarts,
  removeCart,
} from './carts-client.ts'
import { type AccountOperation, concerns } from './race-models.ts'
import type { Phase, PlannedCall } from './race-workload.ts'

/** An operation on one cart, with its client and its isolate. */
export interface SeenOperation extends AccountOperation {
  client: number
  isolate: number
  /** The number of the request: a list of carts is an operation on each of them. */
  request: number
  /** Why there was no response, or no readable one. */
  fault: string | undefined
}

/** The same operations as each cart and each account saw them. */
export interface Histories {
  carts: Map<string, SeenOperation[]>
  accounts: Map<string, SeenOperation[]>
}

/** After that many days without a use, associations expire. */
export const TTL_DAYS = 1
export const JUMP_MS = 2 * TTL_DAYS * 24 * 60 * 60 * 1000
/** The clock of each isolate is this far ahead of the isolate before. */
const SKEW_MS = 60_000

type Callers = (call: PlannedCall) => Caller

/** Does something else while it is asked to go on; its clock must be that of the first isolate. */
type Beside = (isOver: () => boolean, aheadMs: number) => Promise<void>

/** Runs all clients concurrently, and the calls of each in sequence; the clock jumps at half. */
export async function runPhase(
  { carts, accounts, clients }: Phase,
  urls: readonly string[],
  callers: Callers,
  beside: Beside = async () => undefined,
): Promise<Histories> {
  const seen: SeenOperation[] = []
  const invitations = await invitationsTo(carts, urls[0] ?? '', callers)
  const run = async (half: readonly PlannedCall[], client: number, jumpMs: number) => {
    for (const call of half) {
      const invokedAt = performance.now()
      const aheadMs = jumpMs + call.isolate * SKEW_MS
      const { headers, ...caller } = callers(call)
      const invitation = invitations.get(`${call.cart} ${call.invitation}`)
      const also = {
        'X-Ms-Ahead': String(aheadMs),
        'X-Claims': call.claims ?? 'open',
        ...(invitation && { 'X-Cart-Invitation': invitation }),
      }
      const asking = { ...caller, headers: { ...headers, ...also } }
      const answer = await observe(call, urls[call.isolate] ?? '', asking)
      const returnedAt = performance.now()
      seen.push({ ...call, ...answer, client, request: seen.length, invokedAt, returnedAt })
    }
  }
  const inTwo = clients.map((calls) => [
    calls.slice(0, calls.length / 2),
    calls.slice(calls.length / 2),
  ])
  for (const [index, jumpMs] of [0, JUMP_MS].entries()) {
    let isOver = false
    const half = inTwo.map((halves, client) => run(halves[index] ?? [], client + 1, jumpMs))
    const running = Promise.all(half).finally(() => {
      isOver = true
    })
    await Promise.all([running, beside(() => isOver, jumpMs)])
    if (index === 0) seen.push(expiry())
  }
  return {
    carts: new Map(carts.map((cart) => [cart, seen.flatMap((each) => ofCart(cart, each))])),
    accounts: new Map(
      accounts.map((account) => [account, seen.filter((each) => concerns(account, each))]),
    ),
  }
}

/** Returns an invitation of a server for each cart and claim. */
async function invitationsTo(
  carts: readonly string[],
  url: string,
  callers: Callers,
): Promise<Map<string, string>> {
  const all = carts.flatMap((cart) =>
    (['shared', 'unclaimed'] as const).map(async (claim) => {
      const call = { action: 'invite', shopper: undefined, accounts: [], cart, isolate: 0 } as const
      const { token } = await invite(url, callers(call), cart, claim)
      return [`${cart} ${claim}`, token] as const
    }),
  )
  return new Map(await Promise.all(all))
}

/** The clock of all isolates jumps while nothing is under way. */
function expiry(): SeenOperation {
  const now = performance.now()
  const call = { action: 'expire', cart: '', shopper: undefined, accounts: [] } as const
  const answer = { status: 204, named: [], fault: undefined }
  return { ...call, ...answer, client: 0, isolate: 0, request: -1, invokedAt: now, returnedAt: now }
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
    case 'create':
      return createCart(url, caller, cart)
    case 'remove':
      return removeCart(url, caller, cart)
    case 'expire':
      throw new Error('Nobody asks for an expiry')
    case 'invite':
      return invite(url, caller, cart, 'shared')
    case 'access':
      return accessTo(url, caller, cart, accounts.join())
    case 'list accounts':
      return listAccounts(url, caller, cart)
    case 'get cart':
      return getCart(url, caller, cart)
    case 'list carts':
      return listCarts(url, caller, accounts.join())
  }
}

/** An operation as a cart sees it; a list of carts says whether the account has it. */
function ofCart(cart: string, seen: SeenOperation): SeenOperation[] {
  const { action, accounts, named } = seen
  if (action === 'list carts') {
    return [{ ...seen, cart, named: named.includes(cart) ? [...accounts] : [] }]
  }
  return action === 'expire' || seen.cart === cart ? [seen] : []
}
