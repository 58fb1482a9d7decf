// The fault points: all combinations of operation, state, plan and interference, or a share.

import { type Random, seededRandom } from '../lib/random.ts'
import { expectedOf, type Point } from './fault-model.ts'
import { type Operation, operations } from './fault-operations.ts'
import { newScene, type State } from './fault-scene.ts'
import { faultAt, faultOf, plansOf, reasons, slots } from './faults.ts'

export interface Proof {
  seed: number
  whole: boolean
}

/** The size of the share, beyond one point of each operation and kind of fault. */
const SHARE = 160

/** Returns all points, or a share. The seed chooses the share, the order and the reasons. */
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

/** Names the operation and the kind of the last fault. */
export function kindOf({ operation, plan }: Point): string {
  return `${operation.name}: ${plan.faults.at(-1)?.kind}`
}

/** Fails the first call with each message, wrapped in each way, before and after the commit. */
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

/** Fails each call in each way, with a random reason. */
function everyPlan(operation: Operation, state: State, random: Random): Point[] {
  return slots
    .flatMap((slot) => plansOf(faultOf(slot, random.pick(reasons[slot.kind]))))
    .map((plan) => ({ operation, state, plan, interference: undefined }))
    .flatMap((point) => [point, ...interferedWith(point)])
}

/** Adds a second caller between two tries. */
function interferedWith(point: Point): Point[] {
  if (point.operation.kind === 'read') return []
  const { calls } = expectedOf(point, newScene(point.operation.accounts))
  return (
    Array.from({ length: calls - 1 }, (_, index) => index + 2)
      // A call that throws at once leaves no time for a second caller.
      .filter((before) => faultAt(point.plan, before)?.told !== 'thrown')
      .flatMap((before) =>
        (['associate', 'take', 'dissociate'] as const).map(
          (kind): Point => ({ ...point, interference: { kind, before } }),
        ),
      )
  )
}
