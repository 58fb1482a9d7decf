// Predicts a request whose calls to D1 fail, from a model of the database and the contract.
import { faultAt, type Plan } from './faults.ts'
import { type Changes, uniqueId } from './requests.ts'

/** The cart of a fault point, the accounts that the request names, and two others. */
export interface Scene {
  cart: string
  /** The accounts that the request names: one, or several for a server. */
  mine: readonly [string, ...string[]]
  /** The account that has the cart before the request. */
  owner: string
  /** The account that tries to take the cart. */
  rival: string
}

/** The state of the cart before the request; `shared` is both `taken` and `present`. */
export type State = 'absent' | 'partly present' | 'present' | 'shared' | 'taken'

/**
 * Who inserted a row: an earlier request, the request itself, its repeat, or a second caller. `touched`:
 * an earlier request, and it has been used since.
 */
export type Source = 'before' | 'touched' | 'request' | 'again' | 'interference'

/** The accounts of the cart. */
export type Rows = Map<string, Source>

export interface Answer {
  status: number
  /** `undefined` if there is none. */
  body: unknown
}

/** A request that uses the database: what it sends, what it does and how it is answered. */
export interface Operation {
  name: string
  method: string
  path: (scene: Scene) => string
  headers: (scene: Scene) => Promise<Record<string, string>>
  body?: (scene: Scene) => unknown
  changes?: Changes
  /** The states that the cart may be in before the request. */
  states: readonly State[]
  /** How many accounts the request names. */
  accounts: number
  /** Applies a committed call to the rows; returns whether it inserted any. A read has none. */
  commit?: (rows: Rows, scene: Scene, by: Source) => boolean
  /**
   * Returns the response after a call that succeeds, given whether the request has inserted rows;
   * `undefined` if a further call follows, with three tries of its own.
   */
  answer: (rows: Rows, scene: Scene, inserted: boolean) => Answer | undefined
  /** The 503, if it says more than usual. */
  unavailable?: Answer
  /** The 503, if only time helps. */
  closed?: Answer
  /** The response to an unknown error, if it is not the usual 500. */
  broken?: Answer
}

/** A change by a second caller, made before the call with this number. */
export interface Interference {
  kind: 'associate' | 'take' | 'dissociate'
  before: number
}

export interface Point {
  operation: Operation
  state: State
  plan: Plan
  interference?: Interference
}

interface Answered {
  answer: Answer
  calls: number
  /** Whether the deadline ends the request. */
  atDeadline: boolean
}

export interface Expected extends Answered {
  rows: Rows
  /** The response to a repeat of the request without faults. */
  again: Answer
  rowsInTheEnd: Rows
}

const TRIES = 3
export const DEADLINE_MS = 5_000

export function newScene(accounts: number): Scene {
  const more = Array.from({ length: accounts - 1 }, () => uniqueId('account'))
  return {
    cart: uniqueId('cart'),
    mine: [uniqueId('account'), ...more],
    owner: uniqueId('owner'),
    rival: uniqueId('rival'),
  }
}

export function accountsBefore(state: State, { mine, owner }: Scene): string[] {
  const before = {
    absent: [],
    'partly present': [mine[0]],
    present: [...mine],
    shared: [...mine, owner],
    taken: [owner],
  }
  return before[state]
}

export function expectedOf({ operation, state, ...point }: Point, scene: Scene): Expected {
  const rows: Rows = new Map(accountsBefore(state, scene).map((account) => [account, 'before']))
  const first = answered(operation, point, scene, rows)
  const rowsThen = new Map(rows)

  const commits = faultAt(point.plan, first.calls)?.commits
  if (commits === 'after the answer') operation.commit?.(rows, scene, 'request')
  const again = repeated(operation, scene, rows)
  if (commits === 'after the next request') operation.commit?.(rows, scene, 'request')
  return { ...first, rows: rowsThen, again, rowsInTheEnd: rows }
}

function answered(
  operation: Operation,
  { plan, interference }: Pick<Point, 'plan' | 'interference'>,
  scene: Scene,
  rows: Rows,
): Answered {
  const { unavailable = errorAnswer(503, 'Service Unavailable') } = operation
  const { closed = unavailable } = operation
  const { broken = errorAnswer(500, 'Internal Server Error') } = operation
  let inserted = false
  let elapsedMs = 0
  let tries = 0
  for (let calls = 1; ; calls += 1) {
    tries += 1
    if (interference?.before === calls) interfere(interference, rows, scene)
    const fault = faultAt(plan, calls)
    if (fault === undefined || fault.commits === 'first') {
      inserted = operation.commit?.(rows, scene, 'request') || inserted
    }
    if (fault === undefined) {
      const answer = operation.answer(rows, scene, inserted)
      if (answer !== undefined) return { answer, calls, atDeadline: false }
      tries = 0
      continue
    }
    elapsedMs += fault.afterMs
    if (elapsedMs >= DEADLINE_MS) return { answer: unavailable, calls, atDeadline: true }
    if (fault.kind === 'lasting') return { answer: closed, calls, atDeadline: false }
    if (fault.kind === 'fault') return { answer: broken, calls, atDeadline: false }
    if (fault.kind !== 'transient' || tries === TRIES) {
      return { answer: unavailable, calls, atDeadline: false }
    }
  }
}

function repeated(operation: Operation, scene: Scene, rows: Rows): Answer {
  const inserted = operation.commit?.(rows, scene, 'again') ?? false
  return operation.answer(rows, scene, inserted) ?? repeated(operation, scene, rows)
}

function interfere({ kind }: Interference, rows: Rows, { mine, rival }: Scene): void {
  if (kind === 'associate') serverAssociates(rows, mine, 'interference')
  if (kind === 'take') shopperAssociates(rows, rival, 'interference')
  if (kind === 'dissociate') dissociates(rows, mine)
}

/** Adds the missing accounts as a server, and uses the others; returns whether any was missing. */
export function serverAssociates(rows: Rows, accounts: readonly string[], by: Source): boolean {
  const missing = accounts.filter((account) => !rows.has(account))
  for (const account of accounts) {
    if (rows.get(account) === 'before') rows.set(account, 'touched')
  }
  for (const account of missing) rows.set(account, by)
  return missing.length > 0
}

/** Claims the cart as a shopper, if no account has it, or uses it; returns whether it did claim. */
export function shopperAssociates(rows: Rows, account: string, by: Source): boolean {
  return (rows.size === 0 || rows.has(account)) && serverAssociates(rows, [account], by)
}

export function dissociates(rows: Rows, accounts: Iterable<string>): boolean {
  for (const account of accounts) rows.delete(account)
  return false
}

/** The document of one error, which says nothing of its cause. */
export function errorAnswer(status: number, title: string, detail?: string): Answer {
  const told = detail === undefined ? {} : { detail }
  return { status, body: { errors: [{ status, title, ...told }] } }
}
