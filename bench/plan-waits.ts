// bench plan: how long shoppers on six continents wait, by published round trips that were read on 2026-11-23.
//
// Microsoft, "Azure network round-trip latency statistics", 30 days ending 2026-07-30,
// https://learn.microsoft.com/azure/networking/azure-network-latency: the 95th percentiles of
// https://github.com/mbender-ms/azure-docs at 5b3e2055 (its author), and the medians of an earlier
// state of that file, seen without its commit.
import { badArgument } from '../tools/lib/command-line.ts'
import { markdownTable, medianOf } from './figures.ts'

/**
 * D1's location hints, which are also the regions of its copies.
 * https://developers.cloudflare.com/d1/best-practices/read-replication/#read-replica-locations
 */
export const REGION_NAMES = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const
export type Region = (typeof REGION_NAMES)[number]

/** Degrees, north and east. */
interface Place {
  latitude: number
  longitude: number
}

/** Milliseconds. */
interface RoundTrip {
  median: number
  p95: number
}

interface City extends Place {
  name: string
  continent: string
  published: Partial<Record<Region, RoundTrip>>
}

/** Milliseconds. Sums of 99th percentiles are an upper bound: all legs have their bad moment at once. */
interface Wait {
  p50: number
  p99: number
}

/** Assumed: Cloudflare does not publish which of its data centres hold databases, so an Azure region stands for each. */
export const REGIONS: Readonly<Record<Region, Place & { azure: string }>> = {
  wnam: { azure: 'West US (California)', latitude: 37.78, longitude: -122.42 },
  enam: { azure: 'East US (Virginia)', latitude: 38.9, longitude: -77.04 },
  weur: { azure: 'West Europe (Amsterdam)', latitude: 52.37, longitude: 4.9 },
  eeur: { azure: 'Poland Central (Warsaw)', latitude: 52.23, longitude: 21.01 },
  apac: { azure: 'Southeast Asia (Singapore)', latitude: 1.28, longitude: 103.83 },
  oc: { azure: 'Australia East (Sydney)', latitude: -33.86, longitude: 151.21 },
}

/**
 * To a database in the city itself. Microsoft: "less than 2ms" between the zones of a region,
 * https://learn.microsoft.com/azure/availability-zones/az-overview
 */
const WITHIN_REGION: RoundTrip = { median: 2, p95: 2 }

/**
 * From a shopper to the edge. The median is assumed; Cloudflare: 95% of the Internet-connected
 * population within about 50 ms, https://www.cloudflare.com/network/, as quoted in July 2026.
 */
const TO_EDGE: RoundTrip = { median: 20, p95: 50 }

/**
 * Median and 95th percentile from the Azure region of the city to each region of D1, in the order of
 * REGION_NAMES. Nothing is published for a city without an Azure region, or within one city.
 */
export const CITIES: readonly City[] = `
Washington    | North America |  38.90  -77.04 | 69/74   -       83/89   100/104 224/229 201/207
San Francisco | North America |  37.78 -122.42 | -       67/72   145/151 161/167 170/172 140/142
São Paulo     | South America | -23.55  -46.63 | 169/170 118/121 185/191 203/211 331/337 295/298
Buenos Aires  | South America | -34.60  -58.38 | -       -       -       -       -       -
London        | Europe        |  51.51   -0.13 | 140/144 78/80   11/12   29/34   167/183 261/277
Madrid        | Europe        |  40.42   -3.70 | 134/143 81/84   28/30   47/50   166/227 255/272
Johannesburg  | Africa        | -26.20   28.05 | 272/278 220/225 166/171 185/198 177/211 328/348
Lagos         | Africa        |   6.45    3.39 | -       -       -       -       -       -
Dubai         | Asia          |  25.20   55.27 | 236/257 176/191 111/124 116/138 83/87   173/182
Pune          | Asia          |  18.52   73.86 | 217/224 201/218 139/153 147/169 53/59   145/152
Tokyo         | Asia          |  35.68  139.77 | 107/109 162/165 234/242 250/260 72/74   103/105
Auckland      | Oceania       | -36.85  174.76 | 138/145 188/200 266/273 285/294 119/126 28/30`
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', continent = '', place = '', trips = ''] = line.split(/ *\| */)
    const [latitude = Number.NaN, longitude = Number.NaN] = place.split(/ +/).map(Number)
    const pairs = trips.split(/ +/).flatMap((trip, index) => {
      const [median = Number.NaN, p95 = Number.NaN] = trip.split('/').map(Number)
      return trip === '-' ? [] : [[REGION_NAMES[index], { median, p95 }]]
    })
    return { name, continent, latitude, longitude, published: Object.fromEntries(pairs) }
  })

export const DEFAULT_PRIMARY: Region = 'enam'

const EARTH_RADIUS_KM = 6_371
/** Light in fibre. */
const FIBRE_KM_PER_MS = 200
/** A log-normal distribution: 95% lie below 1.645 standard deviations, 99% below 2.326. */
const P99_TO_P95 = 2.326 / 1.645
/** Assumed, for the Worker and for the server, and for the database of each. */
const WORKER: Wait = { p50: 1, p99: 1 }
const D1: Wait = { p50: 2, p99: 2 }
const NOWHERE: Wait = { p50: 0, p99: 0 }

/** @throws CommandError if there is no such region */
export function regionFrom(text: string): Region {
  const region = REGION_NAMES.find((name) => name === text)
  if (region !== undefined) return region
  const names = REGION_NAMES.join(', ')
  throw badArgument(`--primary must be one of ${names}, not ${JSON.stringify(text)}`)
}

/** What a shopper waits for, with D1's primary, and a server with its database, in this region. */
export function waitsOf(city: City, primary: Region): Record<string, Wait> {
  const routes = REGION_NAMES.map((region) => routeBetween(city, region))
  const [nearest = TO_EDGE] = routes.toSorted((a, b) => a.median - b.median)
  const [edge, toNearest] = [waitFor(TO_EDGE), waitFor(nearest)]
  const toPrimary = waitFor(routeBetween(city, primary))
  // A server in the shopper's own city is as near as the edge.
  const server = sum(edge, isIn(city, primary) ? NOWHERE : toPrimary)
  const [write, served] = [sum(edge, WORKER, toPrimary, D1), sum(server, WORKER, D1)]
  return {
    'edge: refused': sum(edge, WORKER),
    'edge: read, nearest copy': sum(edge, WORKER, toNearest, D1),
    'edge: write': write,
    'server: refused': sum(server, WORKER),
    'server: read, write': served,
    // Two round trips more, for TCP and TLS 1.3.
    'edge: first write': sum(edge, edge, write),
    'server: first write': sum(server, server, served),
  }
}

/** The round trip from a city's edge to a region of D1; derived from the distance if none is published. */
export function routeBetween(city: City, region: Region): RoundTrip {
  const published = isIn(city, region) ? WITHIN_REGION : city.published[region]
  if (published !== undefined) return published
  const { pathFactor, spread } = derivation()
  const median = pathFactor * straightMs(city, REGIONS[region])
  return { median, p95: median * spread }
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
export function derivation(): { pathFactor: number; spread: number } {
  const pairs = CITIES.flatMap((city) =>
    REGION_NAMES.flatMap((region) => {
      const trip = city.published[region]
      return trip === undefined ? [] : [{ ...trip, straight: straightMs(city, REGIONS[region]) }]
    }),
  )
  return {
    pathFactor: medianOf(pairs.map(({ median, straight }) => median / straight)),
    spread: medianOf(pairs.map(({ median, p95 }) => p95 / median)),
  }
}

function isIn(city: Place, region: Region): boolean {
  return straightMs(city, REGIONS[region]) === 0
}

function waitFor({ median, p95 }: RoundTrip): Wait {
  return { p50: median, p99: median * (p95 / median) ** P99_TO_P95 }
}

function sum(...waits: Wait[]): Wait {
  return waits.reduce((a, b) => ({ p50: a.p50 + b.p50, p99: a.p99 + b.p99 }))
}

/** The table and the chart, as Markdown. */
export function waits(primary: Region): string {
  const cities = CITIES.map((city) => ({ ...city, waits: waitsOf(city, primary) }))
  const medians = (wait: string): number[] =>
    cities.map(({ waits }) => Math.round(waits[wait]?.p50 ?? Number.NaN))
  const [edge, server] = [medians('edge: first write'), medians('server: first write')]
  const longest = Math.ceil(Math.max(...edge, ...server) / 100) * 100
  return `Computed, not measured: D1's primary and the server in ${primary}, ${REGIONS[primary].azure}. Milliseconds, p50 / p99, over an open connection; a first write opens one. A read at the primary takes as long as a write.

${markdownTable(
  ['shopper in', ...Object.keys(cities[0]?.waits ?? {})],
  cities.map(({ name, published, waits }) => [
    `${name}${Object.keys(published).length === 0 ? ' †' : ''}`,
    ...Object.values(waits).map(({ p50, p99 }) => `${p50.toFixed(0)} / ${p99.toFixed(0)}`),
  ]),
)}
\`\`\`mermaid
xychart-beta horizontal
  title "A first write: bars at the edge, line at a server in ${primary}"
  x-axis [${cities.map(({ name }) => JSON.stringify(name)).join(', ')}]
  y-axis "ms" 0 --> ${longest}
  bar [${edge.join(', ')}]
  line [${server.join(', ')}]
\`\`\`

† Nothing is published for this city: its round trips are the great-circle distance, there and back at 200,000 km/s, times ${derivation().pathFactor.toFixed(2)}, the median of this ratio over the published pairs.
`
}
