// What a cart and an account promise to requests that run one at a time (contract, sections 4 to 7).
import type { Asked } from './carts-client.ts'

/** A request about a cart. A list of carts asks about each cart whether the account has it. */
export interface Call extends Omit<Asked, 'action' | 'cart'> {
  action: Asked['action'] | 'expire'
  /** The account of the shopper who asks; `undefined` for a server. */
  shopper: string | undefined
  /** What the invitation allows that a shopper associates with. */
  invitation?: 'none' | 'shared' | 'unclaimed'
  /** Whether a claim needs an invitation. */
  claims?: 'open' | 'invited'
}

/** A request and its response, as the client saw them. */
export interface Operation extends Call {
  status: number
  /** The accounts that the response names. */
  named: readonly string[]
  /** Both times are on one clock, in milliseconds. */
  invokedAt: number
  returnedAt: number
}

/** An operation as an account sees it: a list of carts names its carts, in order. */
export interface AccountOperation extends Operation {
  cart: string
}

export type State = readonly string[]

export interface Model<Seen> {
  /** Returns the state after an operation, or `undefined` if its response is not as promised. */
  after: (state: State, operation: Seen) => State | undefined
  /** Whether the response leaves open that the operation has changed something. */
  mayChange: (operation: Seen) => boolean
}

/** The contract's response to a request that runs alone. */
interface Outcome {
  status: number
  named: readonly string[]
  state: State
}

/** The state of a cart: its accounts, sorted. Whether an account is full, only the account knows. */
export const cartModel: Model<Operation> = {
  after: (before, operation) => {
    if (operation.status === 409) return mayBeFull(before, operation) ? before : undefined
    const { status, named, state } = perform(before, operation)
    const asPromised = operation.status === status && isSame(operation.named.toSorted(), named)
    return asPromised ? state : undefined
  },
  // A removal shows nothing: later, it may find something to remove.
  mayChange: ({ action, status }) =>
    action === 'expire' || (status === 204 && (action === 'dissociate' || action === 'remove')),
}

/** Applies an operation to the accounts of a cart, as the contract says. */
export function perform(state: State, call: Call): Outcome {
  const { action, shopper, accounts } = call
  const own = shopper === undefined ? state : state.filter((account) => account === shopper)
  switch (action) {
    case 'associate':
    case 'create': {
      const [existing, created] = action === 'create' ? [200, 201] : [204, 200]
      if (accounts.every((account) => state.includes(account))) {
        return { status: existing, named: action === 'create' ? accounts : [], state }
      }
      if (!isAllowed(state, call)) return { status: 403, named: [], state }
      const union = [...new Set([...state, ...accounts])].toSorted()
      return { status: created, named: accounts.toSorted(), state: union }
    }
    case 'dissociate': {
      const rest = state.filter((account) => !accounts.includes(account))
      return { status: 204, named: [], state: rest }
    }
    case 'remove': {
      const ofOthers = shopper !== undefined && state.length > own.length
      if (ofOthers) return { status: 403, named: [], state }
      return { status: 204, named: [], state: [] }
    }
    case 'expire':
      return { status: 204, named: [], state: [] }
    case 'invite':
      return { status: own.length > 0 ? 201 : 404, named: [], state }
    case 'access': {
      const isOwn = accounts.every((account) => state.includes(account))
      const ofOthers = state.length > 0 ? 'others' : 'unclaimed'
      return { status: 200, named: [isOwn ? 'yours' : ofOthers], state }
    }
    case 'list accounts':
      return { status: 200, named: own, state }
    case 'get cart':
      return { status: own.length > 0 ? 200 : 404, named: own, state }
    case 'list carts':
      return { status: 200, named: state.filter((account) => accounts.includes(account)), state }
  }
}

/** Whether the caller may claim the cart, or join the accounts that it has. */
function isAllowed(state: State, { shopper, invitation, claims }: Call): boolean {
  if (shopper === undefined) return true
  if (state.length > 0) return invitation === 'shared'
  return claims !== 'invited' || invitation === 'unclaimed'
}

/** Only what a shopper would be allowed, and has not, is refused to a full account. */
function mayBeFull(state: State, operation: Operation): boolean {
  const { action, shopper, named } = operation
  const isClaim = action === 'associate' || action === 'create'
  if (!isClaim || shopper === undefined || named.length > 0) return false
  return !state.includes(shopper) && isAllowed(state, operation)
}

/** Whether an operation says anything about the account. */
export function concerns(account: string, { action, shopper, accounts }: Call): boolean {
  const isAboutNamed = ['associate', 'dissociate', 'list carts', 'access'].includes(action)
  if (isAboutNamed) return accounts.includes(account)
  return shopper === undefined || shopper === account
}

/**
 * The state of an account: its carts, last used first. Only operations that concern the account may
 * come; whether others have a cart, only the cart knows.
 */
export function accountModel(account: string, cartsPerAccount: number): Model<AccountOperation> {
  const after = (state: State, operation: AccountOperation): State | undefined => {
    const { action, shopper, accounts, cart, status, named } = operation
    const has = state.includes(cart)
    const others = state.filter((each) => each !== cart)
    const used = [cart, ...others]
    const isAlone = shopper !== undefined || accounts.length === 1
    const hasRoom = shopper === undefined || state.length < cartsPerAccount
    const created = !(has && isAlone) && (has || hasRoom) ? used : undefined
    switch (`${action} ${status}`) {
      case 'associate 200':
      case 'create 201':
        return created
      case 'associate 204':
      case 'create 200':
        return has ? used : undefined
      case 'associate 409':
      case 'create 409':
        return has || hasRoom ? undefined : state
      case 'dissociate 204':
      case 'remove 204':
        return others
      case 'remove 403':
        return state
      case 'expire 204':
        return []
      case 'list carts 200':
        return isSame(named, state) ? state : undefined
      case 'access 200':
        return named.includes('yours') === has ? state : undefined
      case 'list accounts 200':
      case 'get cart 200':
        return named.includes(account) === has ? state : undefined
      case 'invite 201':
        return has ? state : undefined
      case 'associate 403':
      case 'create 403':
      case 'invite 404':
      case 'get cart 404':
        return has ? undefined : state
      default:
        return undefined
    }
  }
  // A repeated association may have put its cart before others.
  return { after, mayChange: (operation) => operation.status < 400 && !isRead(operation) }
}

/** An invitation is stored nowhere. */
export function isRead({ action }: Pick<Call, 'action'>): boolean {
  return ['list accounts', 'list carts', 'get cart', 'invite', 'access'].includes(action)
}

export function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index])
}
