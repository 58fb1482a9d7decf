import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Point } from './fault-model.ts'
import { operations } from './fault-operations.ts'
import { drawPoints, kindOf } from './fault-points.ts'
import { isSlow, type Outcome, tryPoint, watchClock } from './fault-trial.ts'
import { figure } from './proof.ts'

// Slow points only wait. They start one at a time, so that no start delays a timer.
const QUICK_AT_ONCE = 8
const SLOW_EVERY_MS = 25
// Repeats a point that a busy machine has disturbed, instead of judging it.
const ROUNDS = 3

let outcomes: Outcome[]
let triedAgain = 0

beforeAll(async () => {
  outcomes = await tryAll(drawPoints(env.TEST_PROOF), ROUNDS)
}, 1_800_000)

async function tryAll(points: readonly Point[], rounds: number): Promise<Outcome[]> {
  const clock = watchClock()
  const { quick = [], slow = [] } = Object.groupBy(points, (point) =>
    isSlow(point) ? 'slow' : 'quick',
  )
  const queue = quick.values()
  const workers = Array.from({ length: QUICK_AT_ONCE }, async () => {
    const done: Outcome[] = []
    for (const point of queue) done.push(await tryPoint(point, clock))
    return done
  })
  const waiting: Promise<Outcome>[] = []
  for (const point of slow) {
    waiting.push(tryPoint(point, clock))
    await new Promise((resolve) => setTimeout(resolve, SLOW_EVERY_MS))
  }
  const tried = [...(await Promise.all(workers)).flat(), ...(await Promise.all(waiting))]
  clock.stop()
  const disturbed = tried.filter((outcome) => outcome.disturbed)
  triedAgain += disturbed.length
  if (disturbed.length === 0 || rounds === 1) return tried
  const judged = tried.filter((outcome) => !disturbed.includes(outcome))
  return [
    ...judged,
    ...(await tryAll(
      disturbed.map(({ point }) => point),
      rounds - 1,
    )),
  ]
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

function told({ state, plan, interference }: Outcome['point'], wrong: string): string {
  const between =
    interference === undefined ? '' : `, ${interference.kind} before call ${interference.before}`
  return `${state}: ${plan.name}${between}: ${wrong}`
}

function figures(): string[] {
  const wrong = outcomes.filter((outcome) => outcome.wrong !== undefined).length
  const again =
    triedAgain === 0 ? '' : `, ${figure(triedAgain)} tried again because timers came late`
  const answers = Map.groupBy(outcomes, ({ status }) => status)
  const counts = [...answers]
    .sort(([a], [b]) => a - b)
    .map(([status, { length }]) => `${status}: ${figure(length)}`)
  return [
    `faults: ${figure(outcomes.length)} fault points over ${operations.length} operations, ${figure(wrong)} wrong answers${again} (seed ${env.TEST_PROOF.seed})`,
    `faults: answered ${counts.join(', ')}`,
  ]
}
