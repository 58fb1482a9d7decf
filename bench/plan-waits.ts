// bench plan: how long shoppers on six continents wait, drawn at random around published round trips.
import { seededRandom } from '../test/lib/random.ts'
import { badArgument } from '../tools/lib/command-line.ts'
import { grouped } from '../tools/lib/options.ts'
import { markdownTable, medianOf, quantile } from './figures.ts'
import {
  CITIES,
  type City,
  type Place,
  REGION_NAMES,
  REGIONS,
  type Region,
  type RoundTrip,
  TO_EDGE,
  WITHIN_REGION,
} from './plan-round-trips.ts'

/** Half of the requests take the median, the others more. */
export interface Route {
  median: number
  sigma: number
  /** Computed from the distance, because nothing is published. */
  derived: boolean
}

/** One request, in milliseconds: from the shopper to the edge or to the server, and from the edge to D1. */
interface Draw {
  edge: number
  server: number
  nearest: number
  primary: number
}

/** Milliseconds. */
interface Quantiles {
  p50: number
  p99: number
}

export interface CityWaits {
  city: City
  toNearest: Route
  /** By the names of WAITS. */
  times: Record<string, Quantiles>
}

export const DEFAULT_PRIMARY: Region = 'enam'

/** Assumed, for the Worker and for the server, and for the database of each. */
const WORKER_MS = 1
const D1_MS = 2
/** TCP and TLS 1.3. */
const HANDSHAKES = 2
const DRAWS = 10_000
const EARTH_RADIUS_KM = 6_371
/** Light in fibre. */
const FIBRE_KM_PER_MS = 200
/** 95% of a normal distribution lie below this many standard deviations. */
const Z95 = 1.645

/** What a shopper may wait for. The server has its database beside it. */
const WAITS: Readonly<Record<string, (draw: Draw) => number>> = {
  'edge: refused': ({ edge }) => edge + WORKER_MS,
  'edge: read, nearest copy': ({ edge, nearest }) => edge + WORKER_MS + nearest + D1_MS,
  'edge: write': ({ edge, primary }) => edge + WORKER_MS + primary + D1_MS,
  'server: refused': ({ server }) => server + WORKER_MS,
  'server: read, write': ({ server }) => server + WORKER_MS + D1_MS,
  'edge: first write': ({ edge, primary }) => (1 + HANDSHAKES) * edge + WORKER_MS + primary + D1_MS,
  'server: first write': ({ server }) => (1 + HANDSHAKES) * server + WORKER_MS + D1_MS,
}

/** @throws CommandError if there is no such region */
export function regionFrom(text: string): Region {
  const region = REGION_NAMES.find((name) => name === text)
  if (region !== undefined) return region
  const names = REGION_NAMES.join(', ')
  throw badArgument(`--primary must be one of ${names}, not ${JSON.stringify(text)}`)
}

/** With D1's primary, and the one server that the edge is compared with, in this region. */
export function simulate(primary: Region): CityWaits[] {
  return CITIES.map((city, index) => {
    const byDistance = REGION_NAMES.toSorted(
      (a, b) => routeBetween(city, a).median - routeBetween(city, b).median,
    )
    const nearest = byDistance[0] ?? primary
    const [toNearest, toPrimary] = [routeBetween(city, nearest), routeBetween(city, primary)]
    // A server in the shopper's own city is as near as the edge.
    const toServer = isIn(city, primary) ? { ...toPrimary, median: 0 } : toPrimary
    const normal = normalNumbers(index)
    const draws = Array.from({ length: DRAWS }, () => {
      // One draw for all routes: a bad moment of the network slows each of them.
      const [atHome, underWay] = [normal(), normal()]
      const edge = TO_EDGE.median * Math.exp(sigmaOf(TO_EDGE) * atHome)
      return {
        edge,
        server: edge + timeOf(toServer, underWay),
        nearest: timeOf(toNearest, underWay),
        primary: timeOf(toPrimary, underWay),
      }
    })
    const times = Object.entries(WAITS).map(([name, wait]) => {
      const values = draws.map(wait)
      return [name, { p50: quantile(values, 0.5), p99: quantile(values, 0.99) }] as const
    })
    return { city, toNearest, times: Object.fromEntries(times) }
  })
}

/** From a city's edge to a region of D1. */
export function routeBetween(city: City, region: Region): Route {
  const published = isIn(city, region) ? WITHIN_REGION : city.published[region]
  if (published !== undefined) {
    return { median: published.median, sigma: sigmaOf(published), derived: false }
  }
  const { pathFactor, sigma } = derivation()
  return { median: pathFactor * straightMs(city, REGIONS[region]), sigma, derived: true }
}

/** There and back along the great circle, at the speed of light in fibre. */
export function straightMs(from: Place, to: Place): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const [φ1, φ2] = [radians(from.latitude), radians(to.latitude)]
  const Δλ = radians(to.longitude - from.longitude)
  const haversine =
    Math.sin((φ2 - φ1) / 2) ** 2 + Math.cos(φ1) * Math.cos(φ2) * Math.sin(Δλ / 2) ** 2
  return (4 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(haversine))) / FIBRE_KM_PER_MS
}

/** How much longer and more spread than straight fibre the published round trips are: their medians. */
export function derivation(): { pathFactor: number; sigma: number } {
  const pairs = CITIES.flatMap((city) =>
    REGION_NAMES.flatMap((region) => {
      const trip = city.published[region]
      return trip === undefined ? [] : [{ trip, straight: straightMs(city, REGIONS[region]) }]
    }),
  )
  return {
    pathFactor: medianOf(pairs.map(({ trip, straight }) => trip.median / straight)),
    sigma: medianOf(pairs.map(({ trip }) => sigmaOf(trip))),
  }
}

function isIn(city: Place, region: Region): boolean {
  return straightMs(city, REGIONS[region]) === 0
}

/** The spread of a log-normal distribution with these two quantiles. */
function sigmaOf({ median, p95 }: RoundTrip): number {
  return Math.log(p95 / median) / Z95
}

function timeOf({ median, sigma }: Route, normal: number): number {
  // No packet is faster than the cable, so only what is slower than the median is spread.
  return median * Math.exp(sigma * Math.max(0, normal))
}

/** Normally distributed numbers (Box and Muller), the same at each run. */
function normalNumbers(index: number): () => number {
  const { below } = seededRandom(1, index)
  const uniform = (): number => (below(2 ** 32) + 0.5) / 2 ** 32
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** The table and the chart, as Markdown. */
export function waits(primary: Region): string {
  const cities = simulate(primary)
  const medians = (wait: string): number[] =>
    cities.map(({ times }) => Math.round(times[wait]?.p50 ?? Number.NaN))
  const [edge, server] = [medians('edge: first write'), medians('server: first write')]
  const longest = Math.ceil(Math.max(...edge, ...server) / 100) * 100
  return `A simulation, not a measurement: ${grouped(DRAWS)} requests a city, D1's primary and the server in ${primary}, ${REGIONS[primary].azure}. Milliseconds, p50 / p99, over an open connection; a first write opens one. A read at the primary takes as long as a write.

${markdownTable(
  ['shopper in', ...Object.keys(WAITS)],
  cities.map(({ city, toNearest, times }) => [
    `${city.name}${toNearest.derived ? ' †' : ''}`,
    ...Object.values(times).map(({ p50, p99 }) => `${p50.toFixed(0)} / ${p99.toFixed(0)}`),
  ]),
)}
\`\`\`mermaid
xychart-beta horizontal
  title "A first write: bars at the edge, line at a server in ${primary}"
  x-axis [${cities.map(({ city }) => JSON.stringify(city.name)).join(', ')}]
  y-axis "ms" 0 --> ${longest}
  bar [${edge.join(', ')}]
  line [${server.join(', ')}]
\`\`\`

† Nothing is published for this city: its round trips are the great-circle distance, there and back at 200,000 km/s, times ${derivation().pathFactor.toFixed(2)}, the median of this ratio over the published pairs.
`
}
