// What bench:world says: the model, the tables, and the plot.
import { barChart } from './chart.ts'
import { REGIONS, SOURCES, TO_EDGE, WITHIN_REGION_MS } from './round-trips.ts'
import { markdownTable } from './table.ts'
import {
  type CityTimes,
  DERIVED,
  type Operation,
  type Quantiles,
  type Route,
  type World,
} from './world-model.ts'

export const DEFAULT_WORLD: World = {
  primary: 'enam',
  seed: 1,
  samples: 10_000,
  workerMs: 1,
  d1Ms: 2,
}

const COLUMNS: readonly (readonly [Operation, string])[] = [
  ['refused', 'edge: refused (401)'],
  ['nearest', 'edge: read, nearest copy'],
  ['primary', 'edge: read at the primary, write'],
  ['serverRefused', 'server: refused'],
  ['server', 'server: read, write'],
]

/** The whole of it, as Markdown. */
export function worldReport(world: World, times: readonly CityTimes[]): string {
  return `${modelOf(world)}
Round trips that it starts from, in ms: median, and the 95th percentile in brackets.

${routes(times)}
**With a connection that is open**, p50 / p99 in ms:

${table(times, ({ open }) => open)}
**With a new connection** (TCP and TLS 1.3: two round trips to the edge, or to the server), p50 / p99 in ms:

${table(times, ({ fresh }) => fresh)}
† Derived: great-circle distance, there and back at 200,000 km/s, times ${DERIVED.pathFactor.toFixed(2)}, which is the median of the same ratio over the published pairs; its spread is theirs too.

Sources, read on 2026-11-23:

${Object.entries(SOURCES)
  .map(([what, where]) => `- ${what}: ${where}\n`)
  .join('')}`
}

function modelOf({ primary, seed, samples, workerMs, d1Ms }: World): string {
  const [edgeMs, edgeP95] = TO_EDGE
  return `A simulation of the network, not a measurement: ${samples.toLocaleString('en')} requests a city (seed ${seed}), D1's primary and the one server in ${primary}, ${REGIONS[primary].azure}, a copy of D1 in every region.

- Shopper to the edge: median ${edgeMs} ms (assumed), 95th percentile ${edgeP95} ms (published), log-normal. The server is reached by the same way and the round trip from there on.
- Edge to D1: one round trip, ${WITHIN_REGION_MS} ms where both are in one city. Half of them take the published median, the others more, so that the published 95th percentile is kept. Connections from the edge to D1 are taken to be open.
- Our own time is assumed: ${workerMs} ms at the Worker or at the server, and ${d1Ms} ms at the database, a read or a write; the server has its database beside it.
- Left out: loss, queues, how long D1 takes to make a commit durable, and a copy that waits until it has caught up with a bookmark.
`
}

function routes(times: readonly CityTimes[]): string {
  return markdownTable(
    ['shopper in', 'continent', 'nearest D1', 'edge to the nearest', 'edge to the primary'],
    times.map(({ city, nearestRegion, toNearest, toPrimary }) => [
      city.name,
      city.continent,
      nearestRegion,
      routeCell(toNearest),
      routeCell(toPrimary),
    ]),
  )
}

function routeCell({ medianMs, sigma, derived }: Route): string {
  const p95 = medianMs * Math.exp(sigma * 1.645)
  return `${medianMs.toFixed(0)} (${p95.toFixed(0)})${derived ? ' †' : ''}`
}

function table(
  times: readonly CityTimes[],
  cells: (times: CityTimes) => Record<Operation, Quantiles>,
): string {
  return markdownTable(
    ['shopper in', ...COLUMNS.map(([, heading]) => heading)],
    times.map((row) => [
      `${row.city.name}${row.toNearest.derived ? ' †' : ''}`,
      ...COLUMNS.map(([operation]) => quantilesCell(cells(row)[operation])),
    ]),
  )
}

function quantilesCell({ p50, p99 }: Quantiles): string {
  return `${p50.toFixed(0)} / ${p99.toFixed(0)}`
}

export function worldPlot({ primary, samples }: World, times: readonly CityTimes[]): string {
  return barChart({
    title: `Time to an answer over an open connection, the primary in ${primary}`,
    subtitle: `Simulated from published round trips, ${samples.toLocaleString('en')} requests a city: bar and number are the median, the whisker goes to p99. † derived from the distance`,
    unit: 'ms',
    groups: times.map((row) => ({
      label: `${row.city.name}${row.toNearest.derived ? ' †' : ''}`,
      bars: COLUMNS.map(([operation, label]) => {
        const { p50, p99 } = row.open[operation]
        return { label, value: Math.round(p50), low: p50, high: p99 }
      }),
    })),
  })
}
