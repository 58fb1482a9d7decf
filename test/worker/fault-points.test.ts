// The fault points: all combinations of operation, state, plan and interference, or a share.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { storedKey } from './application-keys.ts'
import { expectedOf, newScene, type Operation, type Point, type State } from './fault-model.ts'
import { client, operations } from './fault-operations.ts'
import { isSlow, type Outcome, tryPoint, watchClock } from './fault-trial.ts'
import { faultAt, faultOf, plansOf, reasons, slots } from './faults.ts'
import { figure, forEachOf, seed, whole } from './proof.ts'

/** The size of the share, beyond one point of each operation and kind of fault. */
const SHARE = 160
// Slow points only wait. They start one at a time, so that no start delays a timer.
const QUICK_AT_ONCE = 8
const SLOW_EVERY_MS = 25
// Repeats a point that a busy machine has disturbed, instead of judging it.
const ROUNDS = 3

let outcomes: Outcome[]
let triedAgain = 0

beforeAll(async () => {
  await storedKey('confidential', client)
  outcomes = await tryAll(drawPoints(), ROUNDS)
}, 1_800_000)

/** Returns all points, or a share. The seed chooses the share, the order and the reasons. */
function drawPoints(): Point[] {
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
function kindOf({ operation, plan }: Point): string {
  return `${operation.name}: ${plan.faults.at(-1)?.kind}`
}

/** Fails the first call with each message, wrapped in each way, before and after the commit. */
function everyReason(operation: Operation): Point[] {
  const state = operation.states[0] ?? 'absent'
  return slots
    .filter(({ afterMs, told }) => afterMs === 0 && told === 'rejected')
    .flatMap((slot) => reasons[slot.kind].map((reason) => faultOf(slot, reason)))
    .map((fault) => {
      const plan = { name: fault.name, faults: [fault], lasts: false }
      return { operation, state, plan }
    })
}

/** Fails each call in each way, with a random reason. */
function everyPlan(operation: Operation, state: State, random: Random): Point[] {
  return slots
    .flatMap((slot) => plansOf(faultOf(slot, random.pick(reasons[slot.kind]))))
    .map((plan) => ({ operation, state, plan }))
    .flatMap((point) => [point, ...interferedWith(point)])
}

/** Adds a second caller between two tries of a write. */
function interferedWith(point: Point): Point[] {
  if (point.operation.commit === undefined) return []
  const { calls } = expectedOf(point, newScene(point.operation.accounts))
  return (
    Array.from({ length: calls - 1 }, (_, index) => index + 2)
      // A call that throws at once leaves no time for a second caller.
      .filter((before) => faultAt(point.plan, before)?.told !== 'thrown')
      .flatMap((before) =>
        (['associate', 'take', 'dissociate'] as const).map((kind) => ({
          ...point,
          interference: { kind, before },
        })),
      )
  )
}

async function tryAll(points: readonly Point[], rounds: number): Promise<Outcome[]> {
  const clock = watchClock()
  const tried: Outcome[] = []
  const attempt = async (point: Point) => void tried.push(await tryPoint(point, clock))
  const quick = forEachOf(
    points.filter((point) => !isSlow(point)),
    { atOnce: QUICK_AT_ONCE },
    attempt,
  )
  const waiting = [quick]
  for (const point of points.filter(isSlow)) {
    waiting.push(attempt(point))
    await new Promise((resolve) => setTimeout(resolve, SLOW_EVERY_MS))
  }
  await Promise.all(waiting)
  clock.stop()
  const disturbed = tried.filter((outcome) => outcome.disturbed)
  triedAgain += disturbed.length
  if (disturbed.length === 0 || rounds === 1) return tried
  const again = disturbed.map(({ point }) => point)
  return [...tried.filter((outcome) => !outcome.disturbed), ...(await tryAll(again, rounds - 1))]
}

describe('a request whose calls to the database fail', () => {
  it.each(operations)('gets the right response, and the rows match it: $name', ({ name }) => {
    const wrong = outcomes
      .filter(({ point }) => point.operation.name === name)
      .flatMap(({ point, wrong }) => (wrong === undefined ? [] : [told(point, wrong)]))

    expect(wrong.slice(0, 5)).toEqual([])
  })

  it('meets faults of every kind in every operation', ({ task }) => {
    const met = outcomes.map(({ point }) => kindOf(point))
    task.meta.figures = figures()

    expect(new Set(met).size).toBe(operations.length * 6)
  })
})

function told({ state, plan, interference }: Point, wrong: string): string {
  const between = interference && `, ${interference.kind} before call ${interference.before}`
  return `${state}: ${plan.name}${between ?? ''}: ${wrong}`
}

function figures(): string[] {
  const wrong = outcomes.filter((outcome) => outcome.wrong !== undefined).length
  const again =
    triedAgain === 0 ? '' : `, ${figure(triedAgain)} tried again because timers came late`
  const answers = Object.entries(Object.groupBy(outcomes, ({ status }) => status))
  const counts = answers.map(([status, all = []]) => `${status}: ${figure(all.length)}`)
  return [
    `faults: ${figure(outcomes.length)} fault points over ${operations.length} operations, ${figure(wrong)} wrong answers${again} (seed ${seed})`,
    `faults: answered ${counts.join(', ')}`,
  ]
}
