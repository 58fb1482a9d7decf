// bench requests: the built Worker, also with its rate limiters, beside a floor over D1, in rounds by turns.
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer } from '../test/proofs/carts-client.ts'
import {
  associationOf,
  loadsOf,
  type Measurement,
  measure,
  moduleAt,
  newShoppers,
  OPERATIONS,
  send,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measuredToday, medianOf, type Outcome } from './figures.ts'

interface RequestsPlan {
  rounds: number
  /** How long one measurement lasts. */
  seconds: number
  progress: (line: string) => void
}

interface Seen extends Measurement {
  operation: string
  connections: number
  contestant: string
}

const CONNECTIONS = [1, 16] as const
/** So many a minute that none is refused. */
const LIMITS = Object.fromEntries(
  ['SHOPPER_RATE_LIMIT', 'FAILURE_RATE_LIMIT', 'TOKEN_RATE_LIMIT'].map((name) => [name, 1e9]),
)
const LIMITED = ['repeated association', 'refused token', 'token request']
const SHOPPERS = 100
/** Until V8 has compiled what is hot, in both. */
const WARM_UP_SECONDS = 5

/** @throws CommandError if a contestant gives a wrong response */
export async function measureRequests(worker: BuiltWorker, plan: RequestsPlan): Promise<Outcome> {
  const { rounds, seconds, progress } = plan
  const shoppers = await newShoppers(worker.settings, SHOPPERS)
  const loads = loadsOf(shoppers, await asServer(worker.settings))
  const service = await serve(worker, 'service')
  const floor = await serve(worker, 'floor', { modules: [moduleAt('floor.ts')] })
  const limited = await serve(worker, 'service with limiters', { limits: LIMITS })
  for (const contestant of [service, floor, limited]) {
    progress(`Warming up: ${contestant.name}`)
    for (const shopper of shoppers) await send(contestant.url, associationOf(shopper), 200)
    for (const load of Object.values(loads)) {
      await measure(contestant, load, 16, { duration: WARM_UP_SECONDS })
    }
  }
  const seen: Seen[] = []
  for (let round = 1; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      for (const operation of OPERATIONS) {
        progress(`Round ${round} of ${rounds}: ${operation}, connections: ${connections}`)
        const order = LIMITED.includes(operation) ? [service, floor, limited] : [service, floor]
        // A later contestant may find the machine warmer.
        for (const contestant of round % 2 === 1 ? order : order.toReversed()) {
          const extent = { duration: seconds }
          const measurement = await measure(contestant, loads[operation], connections, extent)
          seen.push({ ...measurement, operation, connections, contestant: contestant.name })
        }
      }
    }
  }
  const tables = CONNECTIONS.map((connections) => tableOf(seen, connections))
  const ratios = OPERATIONS.map((operation) => [
    `requests a second to the floor: ${operation}`,
    ratioOf(seen, operation, 16, 'service'),
  ])
  const how = `${rounds} rounds, ${seconds} s a measurement`
  return {
    parts: { requests: `${measuredToday(how)}${tables.join('\n')}` },
    judged: judge(Object.fromEntries(ratios)),
  }
}

function tableOf(all: readonly Seen[], connections: number): string {
  const noun = connections === 1 ? 'connection' : 'connections'
  const speeds = ['requests/s min', 'median', 'max', 'p50 ms', 'p99 ms']
  return markdownTable(
    [`${connections} ${noun}`, ...speeds, 'CPU µs a request', 'to the floor'],
    OPERATIONS.flatMap((operation) =>
      ['service', 'service with limiters', 'floor'].flatMap((contestant) => {
        const seen = seenOf(all, operation, connections, contestant)
        if (seen.length === 0) return []
        const median = (name: keyof Measurement) => medianOf(seen.map((each) => each[name]))
        const speeds = seen.map(({ requestsPerSecond }) => requestsPerSecond)
        const row = [
          `${operation}: ${contestant}`,
          Math.min(...speeds).toFixed(0),
          median('requestsPerSecond').toFixed(0),
          Math.max(...speeds).toFixed(0),
          median('p50').toFixed(2),
          median('p99').toFixed(2),
          median('cpuMicros').toFixed(0),
          ratioOf(all, operation, connections, contestant).toFixed(2),
        ]
        return [row]
      }),
    ),
  )
}

/** Requests a second to the floor's of each round, the median of the rounds. */
function ratioOf(
  all: readonly Seen[],
  operation: string,
  connections: number,
  contestant: string,
): number {
  const floor = seenOf(all, operation, connections, 'floor')
  return medianOf(
    seenOf(all, operation, connections, contestant).map(
      ({ requestsPerSecond }, round) =>
        requestsPerSecond / (floor[round]?.requestsPerSecond ?? Number.NaN),
    ),
  )
}

/** One measurement a round. */
function seenOf(all: readonly Seen[], operation: string, connections: number, contestant: string) {
  return all.filter(
    (each) =>
      each.operation === operation &&
      each.connections === connections &&
      each.contestant === contestant,
  )
}
