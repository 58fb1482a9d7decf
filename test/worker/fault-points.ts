// The fault points: the product of operations, states, plans and interferences, and a share of it.

import { type Random, seededRandom } from '../lib/random.ts'
import { expectedOf, type Point } from './fault-model.ts'
import { type Operation, operations } from './fault-operations.ts'
import { newScene, type State } from './fault-scene.ts'
import { faultAt, faultOf, plansOf, reasons, slots } from './faults.ts'

export interface Proof {
  seed: number
  whole: boolean
}

/** Beside one of each operation and kind of fault. */
const SHARE = 160

/** All points; or a share of them, and the reasons that differ from point to point, by the seed. */
export function drawPoints({ seed, whole }: Proof): Point[] {
  const random = seededRandom(seed)
  const all = operations.flatMap((operation) => [
    ...everyReason(operation),
    ...operation.states.flatMap((state) => everyPlan(operation, state, random)),
  ])
  const shuffled = random.shuffle(all)
  if (whole) return shuffled
  const oneOfEach = new Map(shuffled.map((point) => [kindOf(point), point])).values()
  return [...new Set([...oneOfEach, ...shuffled.slice(0, SHARE)])]
}

/** The operation, and of what kind the last fault is. */
export function kindOf({ operation, plan }: Point): string {
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
function everyPlan(operation: Operation, state: State, random: Random): Point[] {
  return slots
    .flatMap((slot) => plansOf(faultOf(slot, random.pick(reasons[slot.kind]))))
    .map((plan) => ({ operation, state, plan, interference: undefined }))
    .flatMap((point) => [point, ...interferedWith(point)])
}

/** The same point, with another caller between two tries. */
function interferedWith(point: Point): Point[] {
  if (point.operation.kind === 'read') return []
  const { calls } = expectedOf(point, newScene(point.operation.accounts))
  return (
    Array.from({ length: calls - 1 }, (_, index) => index + 2)
      // A call that throws at once leaves no time for another caller.
      .filter((before) => faultAt(point.plan, before)?.told !== 'thrown')
      .flatMap((before) =>
        (['associate', 'take', 'dissociate'] as const).map(
          (kind): Point => ({ ...point, interference: { kind, before } }),
        ),
      )
  )
}
