// The rounds: every contestant does the same in each, one after the other, so that what disturbs the
// machine disturbs them alike.
import { CommandError } from '../tools/lib/command-line.ts'
import { type Contestant, FLOOR } from './contestants.ts'
import { type Load, type Measurement, measure } from './load.ts'
import { associationOf, loadsOf, OPERATIONS, type OperationName } from './operations.ts'
import type { Shopper } from './shoppers.ts'
import { medianOf, type Spread, spreadOf } from './statistics.ts'

export const CONNECTIONS = [1, 16] as const

/** Until V8 has compiled what is hot, in both. */
const WARM_UP_SECONDS = 5

export interface RoundsPlan {
  rounds: number
  /** Of one measurement. */
  seconds: number
  /** Hears of each step. */
  progress: (line: string) => void
}

/** One operation of one contestant at so many connections, over all rounds. */
export interface Result {
  operation: OperationName
  connections: number
  contestant: string
  requestsPerSecond: Spread
  /** Milliseconds, the median of the rounds. */
  p50: number
  p99: number
  errors: number
  cpuMicros?: number | undefined
  /** Requests a second to the floor's in the same round, the median of the rounds. */
  ratio: number
}

interface Seen {
  operation: OperationName
  connections: number
  contestant: string
  measurement: Measurement
}

/** @throws CommandError when a contestant gives a wrong answer */
export async function runRounds(
  contestants: readonly Contestant[],
  shoppers: readonly Shopper[],
  { rounds, seconds, progress }: RoundsPlan,
): Promise<Result[]> {
  const loads = loadsOf(shoppers)
  for (const contestant of contestants) {
    progress(`Warming up: ${contestant.name}`)
    await prepare(contestant, shoppers, Object.values(loads))
  }
  const seen: Seen[] = []
  for (let round = 1; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      for (const operation of OPERATIONS) {
        progress(`Round ${round} of ${rounds}: ${operation}, connections: ${connections}`)
        // Whoever comes second may find the machine warmer.
        for (const contestant of round % 2 === 1 ? contestants : contestants.toReversed()) {
          const load = loads[operation]
          const measurement = await measure(contestant, load, connections, { seconds })
          seen.push({ operation, connections, contestant: contestant.name, measurement })
        }
      }
    }
  }
  return CONNECTIONS.flatMap((connections) =>
    OPERATIONS.flatMap((operation) =>
      contestants.map(({ name }) => summarize(seen, operation, connections, name)),
    ),
  )
}

/** Associates every shopper's cart, and runs each operation for a while. */
async function prepare(
  contestant: Contestant,
  shoppers: readonly Shopper[],
  loads: readonly Load[],
): Promise<void> {
  for (const shopper of shoppers) {
    const { method, path, headers, body = '' } = associationOf(shopper)
    const { status } = await fetch(new URL(path, contestant.url), { method, headers, body })
    if (status !== 200) {
      throw new CommandError(`${contestant.name}: a first association was answered with ${status}`)
    }
  }
  for (const load of loads) await measure(contestant, load, 16, { seconds: WARM_UP_SECONDS })
}

function summarize(
  seen: readonly Seen[],
  operation: OperationName,
  connections: number,
  contestant: string,
): Result {
  const of = (name: string) =>
    seen.flatMap((each) =>
      each.operation === operation && each.connections === connections && each.contestant === name
        ? each.measurement
        : [],
    )
  const own = of(contestant)
  const floor = of(FLOOR)
  const cpu = own.flatMap(({ cpuMicros }) => cpuMicros ?? [])
  return {
    operation,
    connections,
    contestant,
    requestsPerSecond: spreadOf(own.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50: medianOf(own.map(({ p50 }) => p50)),
    p99: medianOf(own.map(({ p99 }) => p99)),
    errors: own.reduce((sum, { errors }) => sum + errors, 0),
    cpuMicros: cpu.length === 0 ? undefined : medianOf(cpu),
    ratio: medianOf(
      own.map(
        ({ requestsPerSecond }, round) =>
          requestsPerSecond / (floor[round]?.requestsPerSecond ?? Number.NaN),
      ),
    ),
  }
}
