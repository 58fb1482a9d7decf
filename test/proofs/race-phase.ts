// Plans the calls of a phase from the seed alone: few carts and few accounts, many calls. Runs them, and
// sorts the observations into one history for each cart and each account.
import type { Random } from '../lib/random.ts'
import { type Answer, ask, type Caller, invite } from './carts-client.ts'
import { type AccountOperation, type Call, concerns } from './race-models.ts'

const CLIENTS = 16
const CALLS_OF_A_CLIENT = 30
/** The calls of all clients together. */
export const CALLS_OF_A_PHASE = CLIENTS * CALLS_OF_A_CLIENT
/** Fewer than the carts of a phase, so that accounts get full. */
export const CARTS_PER_ACCOUNT = 2
/** After that many days without a use, associations expire. */
const TTL_DAYS = 1
export const JUMP_MS = 2 * TTL_DAYS * 24 * 60 * 60 * 1000
/** The clock of each isolate is this far ahead of the isolate before. */
const SKEW_MS = 60_000

/** What the Worker must have set. */
export const RACE_BINDINGS = {
  ASSOCIATION_TTL_DAYS: String(TTL_DAYS),
  CARTS_PER_ACCOUNT: String(CARTS_PER_ACCOUNT),
}

/** One call to one of the isolates. */
export interface PlannedCall extends Call {
  action: Parameters<typeof ask>[2]['action']
  cart: string
  isolate: number
}

/** Some hundred calls, to carts and by accounts that no other phase uses. */
export interface Phase {
  carts: string[]
  accounts: string[]
  /** The calls of each client, in order; all associations expire after the first half. */
  clients: PlannedCall[][]
}

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
  carts: Map<string, readonly SeenOperation[]>
  accounts: Map<string, readonly SeenOperation[]>
}

type Callers = (call: Call & { cart: string }) => Caller

/** Does something else while it is asked to go on; its clock must be that of the first isolate. */
type Beside = (isOver: () => boolean, aheadMs: number) => Promise<void>

export function planPhase(random: Random, number: number, isolates: number): Phase {
  const carts = names(`cart-${number}`, 4)
  const accounts = names(`account-${number}`, 4)
  const actor = () => {
    const shopper = random.oneIn(2) ? random.pick(accounts) : undefined
    return {
      cart: random.pick(carts),
      isolate: random.below(isolates),
      claims: random.pick(['open', 'invited'] as const),
      shopper,
      accounts: shopper === undefined ? random.pickSome(accounts, 3) : [shopper],
    }
  }
  const clients = Array.from({ length: CLIENTS }, () =>
    Array.from({ length: CALLS_OF_A_CLIENT }, () => plan(random, actor())),
  )
  return { carts, accounts, clients }
}

/** Keeps carts empty as often as shared: most races are over the first claim. */
function plan(random: Random, actor: Omit<PlannedCall, 'action'>): PlannedCall {
  const action = random.pick([
    ...(['associate', 'associate', 'associate', 'create', 'create'] as const),
    ...(['dissociate', 'dissociate', 'remove', 'remove'] as const),
    ...(['list accounts', 'get cart', 'list carts', 'list carts', 'invite'] as const),
  ])
  // An association needs an account: a server that makes a cart writes nothing.
  if (action === 'create' && actor.shopper === undefined) return { ...actor, action: 'associate' }
  if (action === 'associate' && actor.shopper !== undefined) {
    const invitation = random.pick(['none', 'none', 'shared', 'unclaimed'] as const)
    return { ...actor, action, invitation }
  }
  // A server may always invite; whether an account may open a cart, only a server may ask.
  if (action === 'invite' && actor.shopper === undefined) {
    return { ...actor, action: 'access', accounts: actor.accounts.slice(0, 1) }
  }
  // A list is about the carts of one account.
  if (action === 'list carts') return { ...actor, action, accounts: actor.accounts.slice(0, 1) }
  return { ...actor, action }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`)
}

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
      const invitation = invitations.get(`${call.cart} ${call.invitation}`)
      const caller = withHeaders(callers(call), {
        'X-Ms-Ahead': String(jumpMs + call.isolate * SKEW_MS),
        'X-Claims': call.claims ?? 'open',
        ...(invitation && { 'X-Cart-Invitation': invitation }),
      })
      const answer = await observe(call, urls[call.isolate] ?? '', caller)
      const returnedAt = performance.now()
      seen.push({ ...call, ...answer, client, request: seen.length, invokedAt, returnedAt })
    }
  }
  for (const jumpMs of [0, JUMP_MS]) {
    let isOver = false
    const half = clients.map((calls, index) => {
      const middle = calls.length / 2
      const due = jumpMs === 0 ? calls.slice(0, middle) : calls.slice(middle)
      return run(due, index + 1, jumpMs)
    })
    const running = Promise.all(half).finally(() => {
      isOver = true
    })
    await Promise.all([running, beside(() => isOver, jumpMs)])
    if (jumpMs === 0) seen.push(expiry())
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
      const server = callers({ action: 'invite', shopper: undefined, accounts: [], cart })
      const { token } = await invite(url, server, cart, claim)
      return [`${cart} ${claim}`, token] as const
    }),
  )
  return new Map(await Promise.all(all))
}

export function withHeaders(caller: Caller, headers: Record<string, string>): Caller {
  return { ...caller, headers: { ...caller.headers, ...headers } }
}

/** The clock of all isolates jumps while nothing is under way. */
function expiry(): SeenOperation {
  const now = performance.now()
  const call = { action: 'expire', cart: '', shopper: undefined, accounts: [] } as const
  const answer = { status: 204, named: [], fault: undefined }
  return { ...call, ...answer, client: 0, isolate: 0, request: -1, invokedAt: now, returnedAt: now }
}

async function observe(
  call: PlannedCall,
  url: string,
  caller: Caller,
): Promise<Answer & { fault: string | undefined }> {
  try {
    const answer = await ask(url, caller, call)
    const repeated = answer.named.length > new Set(answer.named).size
    return { ...answer, fault: repeated ? `${answer.named} has a duplicate` : undefined }
  } catch (error) {
    return { status: 0, named: [], fault: String(error) }
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
