// bench plan: what a month costs by Cloudflare's prices of 2026-11-23, how many databases it takes, and how long
// shoppers on six continents wait by published round trips that were read on that day.
import { badArgument, grouped } from '../tools/lib/command-line.ts'
import { markdownTable, type Outcome } from './figures.ts'

const OPERATIONS = ['new', 'repeated', 'list', 'refused'] as const

/** How many of 100 requests. */
type Mix = Readonly<Record<(typeof OPERATIONS)[number], number>>

/** One month. */
interface Load {
  associations: number
  requests: number
  mix: Mix
}

export const DEFAULT_MIX: Mix = { new: 1, repeated: 70, list: 25, refused: 4 }

/** By bench counts and bench cpu (ES256, the whole service) on 2026-11-23; rows and bytes on 2026-11-25. */
const BYTES_PER_ASSOCIATION = 308
const MEASURED = {
  new: { 'rows read': 8, 'rows written': 2, 'CPU ms': 0.85 },
  repeated: { 'rows read': 7, 'rows written': 0, 'CPU ms': 0.39 },
  list: { 'rows read': 40, 'rows written': 0, 'CPU ms': 0.39 },
  refused: { 'rows read': 0, 'rows written': 0, 'CPU ms': 0.85 },
} as const

/** Assumed: the size of a log line or span, D1's time for a request, the busiest second to the average. */
const ASSUMED = { bytesPerEvent: 2_000, d1Ms: 2, peak: 10 } as const
/** By wrangler.toml: the most requests of a shopper. Two carts in turn are touched each time. */
const SHOPPER = { requestsAMinute: 600, rowsWritten: 2 } as const
/** By wrangler.toml: a line a request, and some four spans for a hundredth of them. */
const EVENTS_PER_REQUEST = 1.04
/** Sizes in GB: https://developers.cloudflare.com/d1/platform/limits/, read on 2026-11-25. */
const D1_LIMITS = { database: 10, account: 1_000, databases: 1_000_000, bindings: 5_000 } as const

const PLAN_DOLLARS = 5
const ROWS_WRITTEN = { meter: 'rows written', included: 50e6, unit: 1e6, dollars: 1 } as const
/**
 * What a month includes, and US dollars for each unit beyond that:
 * https://developers.cloudflare.com/workers/platform/pricing/, d1/platform/pricing/ (copies for reading
 * cost nothing more) and, for logs from 2026-12-01, observability/pricing/. The rate limiting binding
 * has no price.
 */
export const PRICES = [
  { meter: 'requests', included: 10e6, unit: 1e6, dollars: 0.3 },
  { meter: 'CPU ms', included: 30e6, unit: 1e6, dollars: 0.02 },
  { meter: 'rows read', included: 25e9, unit: 1e6, dollars: 0.001 },
  ROWS_WRITTEN,
  { meter: 'GB stored', included: 5, unit: 1, dollars: 0.75 },
  { meter: 'GB of logs, taken in', included: 50, unit: 1, dollars: 0.25 },
  { meter: 'GB of logs, kept 7 days', included: 12, unit: 1, dollars: 0.1 },
] as const

type Price = (typeof PRICES)[number]
const SIZES = [1e6, 1e8, 1e10]
const GB = 1e9
const MONTH_SECONDS = 30 * 24 * 60 * 60

/** @throws CommandError if the text is not four numbers that add up to 100 */
function mixFrom(text: string): Mix {
  const [fresh = 0, repeated = 0, list = 0, refused = 0] = text.split(',').map(Number)
  const isMix = /^\d+(,\d+){3}$/.test(text) && fresh + repeated + list + refused === 100
  if (isMix) return { new: fresh, repeated, list, refused }
  const rule = `four whole numbers that add up to 100: ${OPERATIONS.join(', ')}`
  throw badArgument(`--mix must be ${rule}, not ${JSON.stringify(text)}`)
}

function usageOf({ associations, requests, mix }: Load): Record<Price['meter'], number> {
  const sum = (kind: 'rows read' | 'rows written' | 'CPU ms') =>
    OPERATIONS.reduce(
      (total, each) => total + requests * (mix[each] / 100) * MEASURED[each][kind],
      0,
    )
  const logsGB = (requests * EVENTS_PER_REQUEST * ASSUMED.bytesPerEvent) / GB
  return {
    requests,
    'CPU ms': sum('CPU ms'),
    'rows read': sum('rows read'),
    'rows written': sum('rows written'),
    'GB stored': (associations * BYTES_PER_ASSOCIATION) / GB,
    'GB of logs, taken in': logsGB,
    'GB of logs, kept 7 days': (logsGB * 7) / 30,
  }
}

/** US dollars for what one meter counts beyond what the plan includes. */
export function dollarsOf(price: Price, used: number): number {
  return marginalDollarsOf(price, Math.max(0, used - price.included))
}

/** US dollars once nothing is included any more. */
function marginalDollarsOf({ unit, dollars }: Price, used: number): number {
  return (used / unit) * dollars
}

/** How many databases each limit of one database asks for. */
export function databasesFor({ associations, requests, mix }: Load) {
  const gb = (associations * BYTES_PER_ASSOCIATION) / GB
  const busiest = (requests / MONTH_SECONDS) * ASSUMED.peak
  const forTime = (operations: number) =>
    Math.max(1, Math.ceil((busiest * operations * ASSUMED.d1Ms) / 100 / 1_000))
  return {
    gb,
    bySize: Math.max(1, Math.ceil(gb / D1_LIMITS.database)),
    byRequests: forTime(mix.new + mix.repeated + mix.list),
    byWrites: forTime(mix.new + mix.repeated),
  }
}

export const ASSOCIATIONS_PER_DATABASE = Math.floor(
  (D1_LIMITS.database * GB) / BYTES_PER_ASSOCIATION,
)

/** Monthly requests for each stored association, beyond which time limits a database before size does. */
export function turningPoint({ refused }: Mix): number {
  const monthly = (1_000 / ASSUMED.d1Ms / ASSUMED.peak) * MONTH_SECONDS
  return monthly / ((100 - refused) / 100) / ASSOCIATIONS_PER_DATABASE
}

function total(usage: ReturnType<typeof usageOf>, dollars: typeof dollarsOf): number {
  return PRICES.reduce((sum, price) => sum + dollars(price, usage[price.meter]), 0)
}

/** The tables of costs, as Markdown. */
function costs(mix: Mix): string {
  const loads = SIZES.map((size) => ({ associations: size, requests: size, mix }))
  const usages = loads.map(usageOf)
  const bill = PRICES.map((price) => [
    price.meter,
    grouped(price.included),
    `$${price.dollars} a ${price.unit === 1 ? 'GB' : 'million'}`,
    ...usages.map((usage) => money(dollarsOf(price, usage[price.meter]))),
  ])
  const totals = usages.map((usage) => money(PLAN_DOLLARS + total(usage, dollarsOf)))
  const million = (operation: Partial<Mix>) => {
    const none = { new: 0, repeated: 0, list: 0, refused: 0 }
    return { associations: 0, requests: 1e6, mix: { ...none, ...operation } }
  }
  const marginal = Object.entries<Load>({
    'new associations': million({ new: 100 }),
    'repeated associations': million({ repeated: 100 }),
    'lists of carts': million({ list: 100 }),
    refusals: million({ refused: 100 }),
    'associations stored for a month': { associations: 1e6, requests: 0, mix },
  }).map(([name, load]) => [name, money(total(usageOf(load), marginalDollarsOf))])
  const databases = loads.map((load) => {
    const { gb, bySize, byRequests, byWrites } = databasesFor(load)
    return [load.associations, Math.round(gb * 10) / 10, bySize, byRequests, byWrites].map(grouped)
  })
  const { database, account, databases: most, bindings } = D1_LIMITS
  const inTurn = SHOPPER.rowsWritten * SHOPPER.requestsAMinute * (MONTH_SECONDS / 60)
  return `US dollars a month, for so many associations stored and as many requests. Of 100 requests, ${mix.new} associate anew, ${mix.repeated} repeat an association, ${mix.list} list carts and ${mix.refused} are refused.

${markdownTable(
  ['', 'included', 'then', ...SIZES.map(grouped)],
  [
    ['plan', '', '', ...SIZES.map(() => money(PLAN_DOLLARS))],
    ...bill,
    ['**total**', '', '', ...totals.map((dollars) => `**${dollars}**`)],
  ],
)}
Once nothing is included any more:

${markdownTable(['a million', 'costs'], marginal)}
Repeated associations of the mix are of the cart that was used last, and write nothing. A shopper who asks for two carts in turn writes ${SHOPPER.rowsWritten} rows each time; at the rate limit of ${SHOPPER.requestsAMinute} a minute, all month, that is ${Math.round(inTurn / 1e6)} million rows, or ${money(marginalDollarsOf(ROWS_WRITTEN, inTurn))} for one account.

How many databases that takes:

${markdownTable(['associations, and requests a month', 'GB', 'by size', 'by requests', 'by writes, if copies answer the reads'], databases)}
One D1 holds ${database} GB, which is ${grouped(ASSOCIATIONS_PER_DATABASE)} associations, and runs one query at a time: at ${ASSUMED.d1Ms} ms a request (assumed), ${1_000 / ASSUMED.d1Ms} requests a second. The busiest second is taken as ${ASSUMED.peak} times the average second. With this mix a database is full before it is too busy, up to ${turningPoint(mix).toFixed(1)} requests a month for each stored association. An account has ${grouped(account)} GB unless Cloudflare raises it, and ${grouped(most)} databases; a Worker binds about ${grouped(bindings)}.
`
}

function money(dollars: number): string {
  return `$${dollars.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`
}

/**
 * D1's location hints, which are also the regions of its copies:
 * https://developers.cloudflare.com/d1/best-practices/read-replication/#read-replica-locations
 * Assumed: Cloudflare does not publish which of its data centres hold databases, so an Azure region stands for each.
 */
const REGIONS = {
  wnam: 'West US (California)',
  enam: 'East US (Virginia)',
  weur: 'West Europe (Amsterdam)',
  eeur: 'Poland Central (Warsaw)',
  apac: 'Southeast Asia (Singapore)',
  oc: 'Australia East (Sydney)',
} as const
type Region = keyof typeof REGIONS
export const REGION_NAMES = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const
export const DEFAULT_PRIMARY = 'enam'

/** Milliseconds. Sums of 99th percentiles are an upper bound: all legs have their bad moment at once. */
interface Wait {
  p50: number
  p99: number
}

/**
 * From a shopper to the edge. The median is assumed; Cloudflare: 95% of the Internet-connected
 * population within about 50 ms, https://www.cloudflare.com/network/, as quoted in July 2026.
 */
const TO_EDGE = waitFor(20, 50)
/**
 * To a database in the city itself. Microsoft: "less than 2ms" between the zones of a region,
 * https://learn.microsoft.com/azure/availability-zones/az-overview
 */
const WITHIN_REGION = waitFor(2, 2)
/** Assumed, for the Worker and for the server, and for the database of each. */
const WORKER = waitFor(1, 1)
const D1 = waitFor(2, 2)

/**
 * Median and 95th percentile, in ms, from the Azure region of the city to each region of D1, in the order
 * of REGION_NAMES; a dash stands for the region of the city itself.
 *
 * Microsoft, "Azure network round-trip latency statistics", 30 days ending 2026-07-30,
 * https://learn.microsoft.com/azure/networking/azure-network-latency: the 95th percentiles of
 * https://github.com/mbender-ms/azure-docs at 5b3e2055 (its author), and the medians of an earlier
 * state of that file, seen without its commit.
 */
export const CITIES = `
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
    const roundTrips = trips.split(/ +/).map((trip) => {
      const [median = Number.NaN, p95 = Number.NaN] = trip.split('/').map(Number)
      return trip === '-' ? WITHIN_REGION : waitFor(median, p95)
    })
    return { name, continent, roundTrips }
  })

type City = (typeof CITIES)[number]

/** @throws CommandError if there is no such region */
function regionFrom(text: string): Region {
  const region = REGION_NAMES.find((name) => name === text)
  if (region !== undefined) return region
  const names = REGION_NAMES.join(', ')
  throw badArgument(`--primary must be one of ${names}, not ${JSON.stringify(text)}`)
}

/** What a shopper waits for, with D1's primary, and a server with its database, in this region. */
export function waitsOf(city: City, primary: Region): Record<string, Wait> {
  const [nearest = TO_EDGE] = city.roundTrips.toSorted((a, b) => a.p50 - b.p50)
  const toPrimary = roundTrip(city, primary)
  // A server in the shopper's own city is as near as the edge.
  const server = toPrimary === WITHIN_REGION ? TO_EDGE : waitForAll(TO_EDGE, toPrimary)
  const write = writeOf(city, primary)
  const served = waitForAll(server, WORKER, D1)
  return {
    'edge: refused': waitForAll(TO_EDGE, WORKER),
    'edge: read, nearest copy': waitForAll(TO_EDGE, WORKER, nearest, D1),
    'edge: write': write,
    'server: refused': waitForAll(server, WORKER),
    'server: read, write': served,
    // Two round trips more, for TCP and TLS 1.3.
    'edge: first write': waitForAll(TO_EDGE, TO_EDGE, write),
    'server: first write': waitForAll(server, server, served),
  }
}

function writeOf(city: City, primary: Region): Wait {
  return waitForAll(TO_EDGE, WORKER, roundTrip(city, primary), D1)
}

function roundTrip({ roundTrips }: City, region: Region): Wait {
  return roundTrips[REGION_NAMES.indexOf(region)] ?? WITHIN_REGION
}

/** By a log-normal distribution: 95% lie below 1.645 standard deviations, 99% below 2.326. */
function waitFor(median: number, p95: number): Wait {
  return { p50: median, p99: median * (p95 / median) ** (2.326 / 1.645) }
}

function waitForAll(...waits: Wait[]): Wait {
  return waits.reduce((a, b) => ({ p50: a.p50 + b.p50, p99: a.p99 + b.p99 }))
}

function inWords({ p50, p99 }: Wait): string {
  return `${p50.toFixed(0)} / ${p99.toFixed(0)}`
}

/** The table of waits, as Markdown. */
function waits(primary: Region): string {
  const cities = CITIES.map((city) => ({ name: city.name, waits: waitsOf(city, primary) }))
  const rows = cities.map(({ name, waits }) => [name, ...Object.values(waits).map(inWords)])
  return `Computed, not measured: D1's primary and the server in ${primary}, ${REGIONS[primary]}. Milliseconds, p50 / p99, over an open connection; a first write opens one. A read at the primary takes as long as a write.

${markdownTable(['shopper in', ...Object.keys(cities[0]?.waits ?? {})], rows)}`
}

/** Three databases, each for the stores near it. */
const PLACED: readonly Region[] = ['enam', 'weur', 'apac']
/** A city of each continent. */
const EXAMPLES = ['Washington', 'São Paulo', 'London', 'Johannesburg', 'Tokyo', 'Auckland']

/** What a write takes with one database, and with the store in the nearest of three, as Markdown. */
function placement(primary: Region): string {
  const rows = CITIES.filter(({ name }) => EXAMPLES.includes(name)).map((city) => {
    const [home = primary] = PLACED.toSorted(
      (a, b) => roundTrip(city, a).p50 - roundTrip(city, b).p50,
    )
    return { ...city, home, one: writeOf(city, primary), placed: writeOf(city, home) }
  })
  const cells = rows.map(({ name, continent, home, one, placed }) => [
    ...[name, continent, inWords(one), home, inWords(placed)],
    (one.p50 - placed.p50).toFixed(0),
  ])
  const medians = (which: 'one' | 'placed') => rows.map((row) => row[which].p50.toFixed(0))
  return `Computed, not measured: a write, or a read at the primary, by a shopper of a store whose database is in ${primary}, or is the nearest of ${PLACED.join(', ')}. Milliseconds, p50 / p99, over an open connection.

${markdownTable(['shopper in', 'continent', `one in ${primary}`, 'placed in', 'placed', 'p50 sooner'], cells)}
\`\`\`mermaid
xychart-beta
  title "p50 of a write in ms: one database (bars), three placed (line)"
  x-axis [${rows.map(({ name }) => `"${name}"`).join(', ')}]
  y-axis "ms" 0 --> 250
  bar [${medians('one').join(', ')}]
  line [${medians('placed').join(', ')}]
\`\`\`
`
}

/**
 * All tables, for a mix like `1,70,25,4` and a region of the primary.
 *
 * @throws CommandError naming the option that is malformed
 */
export function tablesOf(mix?: string, primary?: string): Outcome[] {
  const region = primary === undefined ? DEFAULT_PRIMARY : regionFrom(primary)
  return [
    { part: 'costs', text: costs(mix === undefined ? DEFAULT_MIX : mixFrom(mix)), judged: [] },
    { part: 'waits', text: waits(region), judged: [] },
    { part: 'placement', text: placement(region), judged: [] },
  ]
}
