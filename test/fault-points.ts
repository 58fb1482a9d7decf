// The fault points: the product of operations, states, plans and interferences, or a share of it.
import { expectedOf, type Point } from './fault-model.ts'
import { type Operation, operations } from './fault-operations.ts'
import { newScene, type State } from './fault-scene.ts'
import { faultAt, faultOf, plansOf, reasons, slots } from './faults.ts'
import { type Random, seededRandom } from './random.ts'

export interface Proof {
  seed: number
  whole: boolean
}

/** How many are drawn, beside one of each way to fail of each operation where it is the whole. */
const DRAWN = { whole: 1_000, share: 160 }

/** What is tried, and how many points it was drawn from. */
export interface Drawn {
  points: Point[]
  of: number
}

/** Points drawn from the product, by the seed: another seed draws others. */
export function drawPoints({ seed, whole }: Proof): Drawn {
  const random = seededRandom(seed)
  const all = operations.flatMap((operation) => [
    ...everyReason(operation),
    ...operation.states.flatMap((state) => everyPlan(operation, state, random)),
  ])
  const shuffled = random.shuffle(all)
  const keyOf = whole ? wayOf : kindOf
  const oneOfEach = new Map(shuffled.map((point) => [keyOf(point), point])).values()
  const some = shuffled.slice(0, whole ? DRAWN.whole : DRAWN.share)
  return { points: [...new Set([...oneOfEach, ...some])], of: all.length }
}

/** The operation, and of what kind the last fault is. */
export function kindOf({ operation, plan }: Point): string {
  return `${operation.name}: ${plan.faults.at(-1)?.kind}`
}

/** The same, and how and at which call it is told and committed. */
function wayOf(point: Point): string {
  const { faults, lasts } = point.plan
  const last = faults.at(-1)
  const ways = [faults.length, lasts, last?.told, last?.afterMs, last?.commits]
  return `${kindOf(point)}, ${ways.join(', ')}`
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
      // What is thrown at once leaves no time for anybody.
      .filter((before) => faultAt(point.plan, before)?.told !== 'thrown')
      .flatMap((before) =>
        (['associate', 'take', 'dissociate'] as const).map(
          (kind): Point => ({ ...point, interference: { kind, before } }),
        ),
      )
  )
}
