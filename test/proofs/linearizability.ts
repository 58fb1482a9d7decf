// Whether some order of operations on a cart, or an account, explains every response.
import { cartModel, isSame, type Model, type Operation, type State } from './race-models.ts'

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
 * Each cart and each account has a history of its own.
 */
export function findUnexplained<Seen extends Operation>(
  history: readonly Seen[],
  model: Model<Seen> = cartModel,
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
    open.push(...successorsOf(operations, here, candidates, model))
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

function successorsOf<Seen extends Operation>(
  operations: readonly Seen[],
  { first, ahead, state }: Configuration,
  candidates: [number, Seen][],
  { after, mayChange }: Model<Seen>,
): Configuration[] {
  const successors: Configuration[] = []
  for (const [index, operation] of candidates) {
    const next = after(state, operation)
    if (next === undefined) continue
    const successor = { ...advance(operations.length, first, [...ahead, index]), state: next }
    // An operation that shows that nothing changed may come now: any order that has it later can have
    // it here.
    if (!mayChange(operation) && isSame(state, next)) return [successor]
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

function byReturn(a: Operation, b: Operation): number {
  return a.returnedAt - b.returnedAt
}
