// bench plan: how long shoppers on six continents wait, by published round trips that were read on 2026-11-23.
//
// Microsoft, "Azure network round-trip latency statistics", 30 days ending 2026-07-30,
// https://learn.microsoft.com/azure/networking/azure-network-latency: the 95th percentiles of
// https://github.com/mbender-ms/azure-docs at 5b3e2055 (its author), and the medians of an earlier
// state of that file, seen without its commit.
import { badArgument } from '../tools/lib/command-line.ts'
import { markdownTable } from './figures.ts'

/**
 * D1's location hints, which are also the regions of its copies.
 * https://developers.cloudflare.com/d1/best-practices/read-replication/#read-replica-locations
 */
export const REGION_NAMES = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const
export type Region = (typeof REGION_NAMES)[number]

/** Milliseconds. */
interface RoundTrip {
  median: number
  p95: number
}

interface City {
  name: string
  continent: string
  roundTrips: Record<Region, RoundTrip>
}

/** Milliseconds. Sums of 99th percentiles are an upper bound: all legs have their bad moment at once. */
interface Wait {
  p50: number
  p99: number
}

/** Assumed: Cloudflare does not publish which of its data centres hold databases, so an Azure region stands for each. */
const REGIONS: Readonly<Record<Region, string>> = {
  wnam: 'West US (California)',
  enam: 'East US (Virginia)',
  weur: 'West Europe (Amsterdam)',
  eeur: 'Poland Central (Warsaw)',
  apac: 'Southeast Asia (Singapore)',
  oc: 'Australia East (Sydney)',
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
 * REGION_NAMES; a dash stands for the region of the city itself.
 */
export const CITIES: readonly City[] = `
Washington    | North America | 69/74   -       83/89   100/104 224/229 201/207
San Francisco | North America | -       67/72   145/151 161/167 170/172 140/142
São Paulo     | South America | 169/170 118/121 185/191 203/211 331/337 295/298
London        | Europe        | 140/144 78/80   11/12   29/34   167/183 261/277
Madrid        | Europe        | 134/143 81/84   28/30   47/50   166/227 255/272
Johannesburg  | Africa        | 272/278 220/225 166/171 185/198 177/211 328/348
Dubai         | Asia          | 236/257 176/191 111/124 116/138 83/87   173/182
Pune          | Asia          | 217/224 201/218 139/153 147/169 53/59   145/152
Tokyo         | Asia          | 107/109 162/165 234/242 250/260 72/74   103/105
Auckland      | Oceania       | 138/145 188/200 266/273 285/294 119/126 28/30`
  .trim()
  .split('\n')
  .map((line) => {
    const [name = '', continent = '', trips = ''] = line.split(/ *\| */)
    const cells = trips.split(/ +/)
    const to = (region: Region) => roundTrip(cells[REGION_NAMES.indexOf(region)])
    const west = { wnam: to('wnam'), enam: to('enam'), weur: to('weur') }
    const roundTrips = { ...west, eeur: to('eeur'), apac: to('apac'), oc: to('oc') }
    return { name, continent, roundTrips }
  })

function roundTrip(text = ''): RoundTrip {
  if (text === '-') return WITHIN_REGION
  const [median = Number.NaN, p95 = Number.NaN] = text.split('/').map(Number)
  return { median, p95 }
}

export const DEFAULT_PRIMARY: Region = 'enam'

/** A log-normal distribution: 95% lie below 1.645 standard deviations, 99% below 2.326. */
const P99_TO_P95 = 2.326 / 1.645
/** Assumed, for the Worker and for the server, and for the database of each. */
const WORKER: Wait = { p50: 1, p99: 1 }
const D1: Wait = { p50: 2, p99: 2 }

/** @throws CommandError if there is no such region */
export function regionFrom(text: string): Region {
  const region = REGION_NAMES.find((name) => name === text)
  if (region !== undefined) return region
  const names = REGION_NAMES.join(', ')
  throw badArgument(`--primary must be one of ${names}, not ${JSON.stringify(text)}`)
}

/** What a shopper waits for, with D1's primary, and a server with its database, in this region. */
export function waitsOf(city: City, primary: Region): Record<string, Wait> {
  const { roundTrips } = city
  const [nearest = TO_EDGE] = Object.values(roundTrips).toSorted((a, b) => a.median - b.median)
  const [edge, toNearest] = [waitFor(TO_EDGE), waitFor(nearest)]
  const toPrimary = waitFor(roundTrips[primary])
  // A server in the shopper's own city is as near as the edge.
  const server = roundTrips[primary] === WITHIN_REGION ? edge : sum(edge, toPrimary)
  const [write, served] = [writeOf(city, primary), sum(server, WORKER, D1)]
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

function waitFor({ median, p95 }: RoundTrip): Wait {
  return { p50: median, p99: median * (p95 / median) ** P99_TO_P95 }
}

function sum(...waits: Wait[]): Wait {
  return waits.reduce((a, b) => ({ p50: a.p50 + b.p50, p99: a.p99 + b.p99 }))
}

/** The table, as Markdown. */
export function waits(primary: Region): string {
  const cities = CITIES.map((city) => ({ ...city, waits: waitsOf(city, primary) }))
  const rows = cities.map(({ name, waits }) => [name, ...Object.values(waits).map(inWords)])
  return `Computed, not measured: D1's primary and the server in ${primary}, ${REGIONS[primary]}. Milliseconds, p50 / p99, over an open connection; a first write opens one. A read at the primary takes as long as a write.

${markdownTable(['shopper in', ...Object.keys(cities[0]?.waits ?? {})], rows)}`
}

/** Three databases, each for the stores near it. */
const PLACED: readonly Region[] = ['enam', 'weur', 'apac']

/** A city of each continent. */
const EXAMPLES = ['Washington', 'São Paulo', 'London', 'Johannesburg', 'Tokyo', 'Auckland']

function writeOf({ roundTrips }: City, primary: Region): Wait {
  return sum(waitFor(TO_EDGE), WORKER, waitFor(roundTrips[primary]), D1)
}

function inWords({ p50, p99 }: Wait): string {
  return `${p50.toFixed(0)} / ${p99.toFixed(0)}`
}

/** What a write takes with one database, and with the store in the nearest of three, as Markdown. */
export function placement(primary: Region): string {
  const rows = CITIES.filter(({ name }) => EXAMPLES.includes(name)).map((city) => {
    const { name, continent, roundTrips } = city
    const [home = primary] = PLACED.toSorted((a, b) => roundTrips[a].median - roundTrips[b].median)
    return { name, continent, home, one: writeOf(city, primary), placed: writeOf(city, home) }
  })
  const cells = rows.map(({ name, continent, home, one, placed }) => [
    ...[name, continent, inWords(one), home, inWords(placed)],
    (one.p50 - placed.p50).toFixed(0),
  ])
  const bars = (which: 'one' | 'placed') => rows.map((row) => row[which].p50.toFixed(0)).join(', ')
  const heads = [
    'shopper in',
    'continent',
    `one in ${primary}`,
    'placed in',
    'placed',
    'p50 sooner',
  ]
  return `Computed, not measured: a write, or a read at the primary, by a shopper of a store whose database is in ${primary}, or is the nearest of ${PLACED.join(', ')}. Milliseconds, p50 / p99, over an open connection.

${markdownTable(heads, cells)}
\`\`\`mermaid
xychart-beta
  title "p50 of a write in ms: one database (bars), three placed (line)"
  x-axis [${rows.map(({ name }) => `"${name}"`).join(', ')}]
  y-axis "ms" 0 --> 250
  bar [${bars('one')}]
  line [${bars('placed')}]
\`\`\`
`
}
