// Plans the calls of the races from the seed alone: few carts and few accounts, many calls.

import type { Random } from '../lib/random.ts'
import type { Call } from './race-models.ts'

export const CLIENTS = 16
const CALLS_OF_A_CLIENT = 30
/** The calls of all clients together. */
export const CALLS_OF_A_PHASE = CLIENTS * CALLS_OF_A_CLIENT
/** Fewer than the carts of a phase, so that accounts get full. */
export const CARTS_PER_ACCOUNT = 2

/** One call to one of the isolates. The `cart` of a list of carts has no meaning. */
export interface PlannedCall extends Call {
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

type Actor = Omit<PlannedCall, 'action'>

export function planPhase(random: Random, number: number, isolates: number): Phase {
  const carts = names(`cart-${number}`, 4)
  const accounts = names(`account-${number}`, 4)
  const actor = (): Actor => {
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
function plan(random: Random, actor: Actor): PlannedCall {
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
