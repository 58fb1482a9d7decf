// The fault points: the product of operations, states, plans and interferences, or a share of it.
import { expectedOf, type Point } from './fault-model.ts'
import { type Operation, operations } from './fault-operations.ts'
import { newScene, type State } from './fault-scene.ts'
import { faultAt, faultOf, plansOf, reasons, slots } from './faults.ts'

export interface Proof {
  seed: number
  whole: boolean
}

/** How many points `npm test` takes, beside one of each kind of fault to each operation. */
const SHARE = 200

/** All points, or a share that is the same for the same seed. */
export function pointsOf({ seed, whole }: Proof): Point[] {
  const random = randomOf(seed)
  const points = operations.flatMap((operation) => [
    ...everyReason(operation),
    ...operation.states.flatMap((state) => everyPlan(operation, state, random)),
  ])
  if (whole) return points
  const shuffled = points
    .map((point) => ({ point, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ point }) => point)
  const oneOfEach = new Map(shuffled.map((point) => [kindOf(point), point]))
  return [...new Set([...oneOfEach.values(), ...shuffled.slice(0, SHARE)])]
}

/** What tells the points of one operation apart in a share. */
function kindOf({ operation, plan }: Point): string {
  return `${operation.name}: ${plan.faults.at(-1)?.kind}`
}

/** Each message, however it is wrapped, at the first call, before and after it is committed. */
function everyReason(operation: Operation): Point[] {
  const [state] = operation.states
  if (state === undefined) throw new Error(`No states: ${operation.name}`)
  return slots
    .filter(({ afterMs, told }) => afterMs === 0 && told === 'rejected')
    .flatMap((slot) => reasons[slot.kind].map((reason) => faultOf(slot, reason)))
    .map((fault) => {
      const plan = { name: fault.name, faults: [fault], lasts: false }
      return { operation, state, plan, interference: undefined }
    })
}

/** Each way to fail at each call, for a reason that differs from point to point. */
function everyPlan(operation: Operation, state: State, random: () => number): Point[] {
  return slots
    .flatMap((slot) => plansOf(faultOf(slot, oneOf(reasons[slot.kind], random))))
    .map((plan) => ({ operation, state, plan, interference: undefined }))
    .flatMap((point) => [point, ...interferedWith(point)])
}

/** The same point, with another caller between two tries. */
function interferedWith(point: Point): Point[] {
  if (point.operation.kind === 'read') return []
  const { calls } = expectedOf(point, newScene(point.operation.accounts))
  return (
    Array.from({ length: calls - 1 }, (_, index) => index + 2)
      // What is thrown at once leaves no time for anybody.
      .filter((before) => faultAt(point.plan, before)?.told !== 'thrown')
      .flatMap((before) =>
        (['associate', 'take', 'dissociate'] as const).map(
          (kind): Point => ({ ...point, interference: { kind, before } }),
        ),
      )
  )
}

function oneOf<T>(choices: readonly T[], random: () => number): T {
  const choice = choices[Math.floor(random() * choices.length)]
  if (choice === undefined) throw new Error('Nothing to choose from')
  return choice
}

/** Mulberry32: numbers from 0 to 1 that a seed repeats. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
