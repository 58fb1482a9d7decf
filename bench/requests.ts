// bench requests: the built Worker, also with its rate limiters, beside a floor over D1, in rounds by turns.
import { showProgress } from '../test/lib/options.ts'
import type { BuiltWorker } from '../test/proofs/built-worker.ts'
import { asServer } from '../test/proofs/carts-client.ts'
import {
  associationOf,
  eachOf,
  type Load,
  loadsOf,
  measure,
  measureByTurns,
  moduleAt,
  newShoppers,
  type Series,
  send,
  serve,
} from './contestant.ts'
import { judge, markdownTable, measured, medianOf, medianRatio, type Outcome } from './figures.ts'

/** An operation over this many connections, by each contestant; the floor is the last. */
interface Comparison {
  operation: string
  load: Load
  connections: number
  all: Series[]
}

/** So many a minute that none is refused. */
const LIMITS = { SHOPPER_RATE_LIMIT: 1e9, FAILURE_RATE_LIMIT: 1e9, TOKEN_RATE_LIMIT: 1e9 }
const LIMITED = ['repeated association', 'refused token', 'token request']
const SHOPPERS = 100
/** Until V8 has compiled what is hot, in both. */
const WARM_UP_SECONDS = 5

/** @throws CommandError if a contestant gives a wrong response */
export async function measureRequests(
  worker: BuiltWorker,
  { rounds, seconds }: { rounds: number; seconds: number },
): Promise<Outcome> {
  const shoppers = await newShoppers(worker.settings, SHOPPERS)
  const loads = Object.entries<Load>(loadsOf(shoppers, await asServer(worker.settings)))
  const service = await serve(worker, 'service')
  const limited = await serve(worker, 'service with limiters', { limits: LIMITS })
  const floor = await serve(worker, 'floor', { modules: [moduleAt('floor.ts')] })
  for (const contestant of [service, limited, floor]) {
    showProgress(`Warming up: ${contestant.name}`)
    for (const shopper of shoppers) await send(contestant.url, associationOf(shopper), 200)
    const how = { connections: 16, duration: WARM_UP_SECONDS }
    for (const [, load] of loads) await measure(contestant, load, how)
  }
  const compare = (connections: number) =>
    loads.map(([operation, load]): Comparison => {
      const contestants = LIMITED.includes(operation) ? [service, limited, floor] : [service, floor]
      const all = contestants.map((contestant): Series => ({ contestant, rounds: [] }))
      return { operation, load, connections, all }
    })
  const [one, sixteen] = [compare(1), compare(16)]
  for (let round = 1; round <= rounds; round += 1) {
    for (const { operation, load, connections, all } of [...one, ...sixteen]) {
      showProgress(`Round ${round} of ${rounds}: ${operation}, connections: ${connections}`)
      await measureByTurns(all, load, { connections, duration: seconds })
    }
  }
  const ratios = sixteen.map(({ operation, all }) => [
    `requests a second to the floor: ${operation}`,
    toFloor(all[0], all),
  ])
  const tables = [tableOf('1 connection', one), tableOf('16 connections', sixteen)]
  return {
    part: 'requests',
    text: measured(`${rounds} rounds, ${seconds} s a measurement`, ...tables),
    judged: judge(Object.fromEntries(ratios)),
  }
}

function tableOf(title: string, comparisons: readonly Comparison[]): string {
  const speeds = ['requests/s min', 'median', 'max', 'p50 ms', 'p99 ms']
  return markdownTable(
    [title, ...speeds, 'CPU µs a request', 'to the floor'],
    comparisons.flatMap(({ operation, all }) =>
      all.map((series) => {
        const speeds = eachOf(series, 'requestsPerSecond')
        return [
          `${operation}: ${series.contestant.name}`,
          Math.min(...speeds).toFixed(0),
          medianOf(speeds).toFixed(0),
          Math.max(...speeds).toFixed(0),
          medianOf(eachOf(series, 'p50')).toFixed(2),
          medianOf(eachOf(series, 'p99')).toFixed(2),
          medianOf(eachOf(series, 'cpuMicros')).toFixed(0),
          toFloor(series, all).toFixed(2),
        ]
      }),
    ),
  )
}

function toFloor(series: Series | undefined, all: readonly Series[]): number {
  const [own, floor] = [series, all.at(-1)].map((each) => eachOf(each, 'requestsPerSecond'))
  return medianRatio(own ?? [], floor ?? [])
}
