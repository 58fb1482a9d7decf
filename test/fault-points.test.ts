import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { operations } from './fault-operations.ts'
import { pointsOf } from './fault-points.ts'
import { isSlow, type Outcome, tryPoint } from './fault-trial.ts'

// Quick points keep the machine busy; slow ones wait, and are started one after the other, so that
// their clocks are not held up by the work of starting them.
const QUICK_AT_ONCE = 24
const SLOW_EVERY_MS = 20

let outcomes: Outcome[]

beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const points = pointsOf(env.TEST_PROOF)
  const { quick = [], slow = [] } = Object.groupBy(points, (point) =>
    isSlow(point) ? 'slow' : 'quick',
  )
  const queue = quick.values()
  const workers = Array.from({ length: QUICK_AT_ONCE }, async () => {
    const done: Outcome[] = []
    for (const point of queue) done.push(await tryPoint(point))
    return done
  })
  const waiting: Promise<Outcome>[] = []
  for (const point of slow) {
    waiting.push(tryPoint(point))
    await new Promise((resolve) => setTimeout(resolve, SLOW_EVERY_MS))
  }
  outcomes = [...(await Promise.all(workers)).flat(), ...(await Promise.all(waiting))]
}, 600_000)

describe('whatever befalls the calls to the database', () => {
  it.each(operations)('the answer is right and the rows are as it says: $name', ({ name }) => {
    const wrong = outcomes
      .filter(({ point }) => point.operation.name === name)
      .flatMap(({ point, wrong }) => (wrong === undefined ? [] : [told(point, wrong)]))

    expect(wrong.slice(0, 5)).toEqual([])
  })

  it('every operation has met faults of every kind', ({ task }) => {
    const met = outcomes.map(
      ({ point }) => `${point.operation.name}: ${point.plan.faults.at(-1)?.kind}`,
    )
    task.meta.figures = figures()

    expect(new Set(met).size).toBe(operations.length * 4)
  })
})

function told({ state, plan, interference }: Outcome['point'], wrong: string): string {
  const between =
    interference === undefined ? '' : `, ${interference.kind} before call ${interference.before}`
  return `${state}: ${plan.name}${between}: ${wrong}`
}

function figures(): string[] {
  const count = (number: number) => number.toLocaleString('en')
  const wrong = outcomes.filter((outcome) => outcome.wrong !== undefined).length
  const answers = Map.groupBy(outcomes, ({ status }) => status)
  const counts = [...answers]
    .sort(([a], [b]) => a - b)
    .map(([status, { length }]) => `${status}: ${count(length)}`)
  return [
    `faults: ${count(outcomes.length)} fault points over ${operations.length} operations, ${wrong} wrong answers (seed ${env.TEST_PROOF.seed})`,
    `faults: answered ${counts.join(', ')}`,
  ]
}
