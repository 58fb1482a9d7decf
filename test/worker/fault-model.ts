// Predicts a request whose calls to D1 fail, from a model of the database and the contract.
import type { Operation } from './fault-operations.ts'
import {
  type Answer,
  accountsBefore,
  dissociates,
  errorAnswer,
  type Rows,
  type Scene,
  type State,
  serverAssociates,
  shopperAssociates,
} from './fault-scene.ts'
import { faultAt, type Plan } from './faults.ts'

const TRIES = 3
const DEADLINE_MS = 5_000

/** A change by a second caller, made before the call with this number. */
export interface Interference {
  kind: 'associate' | 'take' | 'dissociate'
  before: number
}

export interface Point {
  operation: Operation
  state: State
  plan: Plan
  interference: Interference | undefined
}

export interface Expected {
  answer: Answer
  calls: number
  /** Whether the deadline ends the request. */
  atDeadline: boolean
  rows: Rows
  /** The response to a repeat of the request without faults. */
  again: Answer
  rowsInTheEnd: Rows
}

export function expectedOf(point: Point, scene: Scene): Expected {
  const { operation, plan, state } = point
  const rows: Rows = new Map(
    accountsBefore(state, scene).map((account) => [account, 'before'] as const),
  )
  const first = answered(point, scene, rows)
  const rowsThen = new Map(rows)

  const commits = faultAt(plan, first.calls)?.commits
  if (commits === 'after the answer') operation.commit(rows, scene, 'request')
  const again = repeated(operation, scene, rows)
  if (commits === 'after the next request') operation.commit(rows, scene, 'request')
  return { ...first, rows: rowsThen, again, rowsInTheEnd: rows }
}

function answered(
  { operation, plan, interference }: Point,
  scene: Scene,
  rows: Rows,
): Pick<Expected, 'answer' | 'calls' | 'atDeadline'> {
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
      inserted = operation.commit(rows, scene, 'request') || inserted
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
  const inserted = operation.commit(rows, scene, 'again')
  return operation.answer(rows, scene, inserted) ?? repeated(operation, scene, rows)
}

function interfere({ kind }: Interference, rows: Rows, { mine, rival }: Scene): void {
  if (kind === 'associate') serverAssociates(rows, mine, 'interference')
  if (kind === 'take') shopperAssociates(rows, rival, 'interference')
  if (kind === 'dissociate') dissociates(rows, mine)
}
