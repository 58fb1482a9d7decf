// Whether some order of a cart's operations, one at a time, explains every response.

export type Action = 'associate' | 'dissociate' | 'list accounts' | 'get cart' | 'list carts'

/** A request about a cart. A list of carts asks about each cart whether the account has it. */
export interface Call {
  action: Action
  /** The account of the shopper who asks; `undefined` for a server. */
  shopper: string | undefined
  /** The accounts that the request names. */
  accounts: readonly string[]
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

/** The accounts of a cart, sorted. */
type State = readonly string[]

/** Returns the contract's response to a request that runs alone. */
interface Outcome {
  status: number
  named: readonly string[]
  state: State
}

/** A configuration of the search: which operations have taken effect, and the resulting state. */
interface Configuration {
  /** The first invoked operation that has not taken effect. */
  first: number
  /** Operations invoked after `first` that have taken effect. */
  ahead: readonly number[]
  state: State
}

/**
 * The operation that no order explains, or `undefined` if the history is linearizable: every
 * operation can have taken effect at one moment between its invocation and its return.
 *
 * This is Wing and Gong's search; like Lowe's and Porcupine, it remembers visited configurations.
 * Carts are independent, so each history is searched separately.
 */
export function findUnexplained<Seen extends Operation>(
  history: readonly Seen[],
): Seen | undefined {
  const operations = history.toSorted((a, b) => a.invokedAt - b.invokedAt)
  const visited = new Set<string>()
  const open: Configuration[] = [{ first: 0, ahead: [], state: [] }]
  let furthest = -1
  let unexplained: Seen | undefined
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    const { first, ahead, state } = here
    if (first === operations.length) return undefined
    const key = [first, ahead, state].join(';')
    if (visited.has(key)) continue
    visited.add(key)
    const candidates = candidatesOf(operations, here)
    if (first + ahead.length > furthest) {
      furthest = first + ahead.length
      unexplained = candidates.map(([, operation]) => operation).toSorted(byReturn)[0]
    }
    open.push(...successorsOf(operations, here, candidates))
  }
  return unexplained
}

/** Returns the operations that may be next: no open one returned before they were invoked. */
function candidatesOf<Seen extends Operation>(
  operations: readonly Seen[],
  { first, ahead }: Configuration,
): [number, Seen][] {
  const candidates: [number, Seen][] = []
  let earliestReturn = Number.POSITIVE_INFINITY
  for (const [offset, operation] of operations.slice(first).entries()) {
    if (operation.invokedAt > earliestReturn) break
    if (ahead.includes(first + offset)) continue
    candidates.push([first + offset, operation])
    earliestReturn = Math.min(earliestReturn, operation.returnedAt)
  }
  return candidates
}

function successorsOf(
  operations: readonly Operation[],
  { first, ahead, state }: Configuration,
  candidates: [number, Operation][],
): Configuration[] {
  const successors: Configuration[] = []
  for (const [index, operation] of candidates) {
    const next = stateAfter(state, operation)
    if (next === undefined) continue
    const successor = { ...advance(operations.length, first, [...ahead, index]), state: next }
    // An operation that shows that nothing changed may come now: any order that has it later can have
    // it here. A dissociation shows nothing: later, it may find something to remove.
    if (operation.action !== 'dissociate' && isSame(state, next)) return [successor]
    successors.push(successor)
  }
  return successors
}

/** Adds `next` to the operations that have taken effect, and moves `first` on. */
function advance(
  length: number,
  from: number,
  done: number[],
): Pick<Configuration, 'first' | 'ahead'> {
  let first = from
  while (first < length && done.includes(first)) first += 1
  return { first, ahead: done.filter((index) => index > first).toSorted((a, b) => a - b) }
}

/** Returns `undefined` if the contract promises a different response. */
function stateAfter(before: State, operation: Operation): State | undefined {
  const { status, named, state } = perform(before, operation)
  const asPromised = operation.status === status && isSame(operation.named.toSorted(), named)
  return asPromised ? state : undefined
}

/** Applies an operation to the state, as the contract says. */
function perform(state: State, { action, shopper, accounts }: Call): Outcome {
  const own = shopper === undefined ? state : state.filter((account) => account === shopper)
  switch (action) {
    case 'associate': {
      if (accounts.every((account) => state.includes(account))) {
        return { status: 204, named: [], state }
      }
      const taken = shopper !== undefined && state.length > 0
      if (taken) return { status: 403, named: [], state }
      const union = [...new Set([...state, ...accounts])].toSorted()
      return { status: 200, named: accounts.toSorted(), state: union }
    }
    case 'dissociate': {
      const rest = state.filter((account) => !accounts.includes(account))
      return { status: 204, named: [], state: rest }
    }
    case 'list accounts':
      return { status: 200, named: own, state }
    case 'get cart':
      return { status: own.length > 0 ? 200 : 404, named: own, state }
    case 'list carts':
      return { status: 200, named: state.filter((account) => accounts.includes(account)), state }
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((account, index) => account === b[index])
}

function byReturn(a: Operation, b: Operation): number {
  return a.returnedAt - b.returnedAt
}
