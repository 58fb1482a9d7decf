// bench plan: what a month costs by Cloudflare's prices of 2026-11-23, and how many databases it takes.
import { badArgument, grouped } from '../tools/lib/command-line.ts'
import { markdownTable } from './figures.ts'

const OPERATIONS = ['new', 'repeated', 'list', 'refused'] as const

/** How many of 100 requests. */
export type Mix = Readonly<Record<(typeof OPERATIONS)[number], number>>

/** One month. */
export interface Load {
  associations: number
  requests: number
  mix: Mix
}

export const DEFAULT_MIX: Mix = { new: 1, repeated: 70, list: 25, refused: 4 }

/** By bench counts and bench cpu (ES256, the whole service) on 2026-11-23; rows and bytes on 2026-11-25. */
export const MEASURED = {
  bytesPerAssociation: 308,
  new: { 'rows read': 8, 'rows written': 2, 'CPU ms': 0.85 },
  repeated: { 'rows read': 7, 'rows written': 0, 'CPU ms': 0.39 },
  list: { 'rows read': 40, 'rows written': 0, 'CPU ms': 0.39 },
  refused: { 'rows read': 0, 'rows written': 0, 'CPU ms': 0.85 },
} as const

/** Assumed: the size of a log line or span, D1's time for a request, the busiest second to the average. */
const ASSUMED = { bytesPerEvent: 2_000, d1Ms: 2, peak: 10 } as const
/** By wrangler.toml: the most requests of a shopper. Two carts in turn are touched each time. */
const SHOPPER = { requestsAMinute: 600, 'rows written': 2 } as const
/** By wrangler.toml: a line a request, and some four spans for a hundredth of them. */
const EVENTS_PER_REQUEST = 1.04
/** Sizes in GB: https://developers.cloudflare.com/d1/platform/limits/, read on 2026-11-25. */
const D1_LIMITS = { database: 10, account: 1_000, databases: 1_000_000, bindings: 5_000 } as const

const PLAN_DOLLARS = 5
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
  { meter: 'rows written', included: 50e6, unit: 1e6, dollars: 1 },
  { meter: 'GB stored', included: 5, unit: 1, dollars: 0.75 },
  { meter: 'GB of logs, taken in', included: 50, unit: 1, dollars: 0.25 },
  { meter: 'GB of logs, kept 7 days', included: 12, unit: 1, dollars: 0.1 },
] as const

type Price = (typeof PRICES)[number]
const SIZES = [1e6, 1e8, 1e10]
const GB = 1e9
const MONTH_SECONDS = 30 * 24 * 60 * 60

/** @throws CommandError if the text is not four numbers that add up to 100 */
export function mixFrom(text: string): Mix {
  const parts = text.split(',').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN))
  const [fresh = 0, repeated = 0, list = 0, refused = 0] = parts
  const mix = { new: fresh, repeated, list, refused }
  if (parts.length === 4 && fresh + repeated + list + refused === 100) return mix
  const rule = `four whole numbers that add up to 100: ${OPERATIONS.join(', ')}`
  throw badArgument(`--mix must be ${rule}, not ${JSON.stringify(text)}`)
}

export function usageOf({ associations, requests, mix }: Load): Record<Price['meter'], number> {
  const sum = (kind: 'rows read' | 'rows written' | 'CPU ms'): number =>
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
    'GB stored': (associations * MEASURED.bytesPerAssociation) / GB,
    'GB of logs, taken in': logsGB,
    'GB of logs, kept 7 days': (logsGB * 7) / 30,
  }
}

/** US dollars for what one meter counts beyond what the plan includes. */
export function dollarsOf({ included, unit, dollars }: Price, used: number): number {
  return (Math.max(0, used - included) / unit) * dollars
}

/** US dollars for a month. */
export function billOf(load: Load): number {
  const usage = usageOf(load)
  return PRICES.reduce((sum, price) => sum + dollarsOf(price, usage[price.meter]), PLAN_DOLLARS)
}

/** US dollars once nothing is included any more. */
function marginalDollars(load: Load): number {
  const usage = usageOf(load)
  return PRICES.reduce((sum, { meter, unit, dollars }) => sum + (usage[meter] / unit) * dollars, 0)
}

export function associationsPerDatabase(): number {
  return Math.floor((D1_LIMITS.database * GB) / MEASURED.bytesPerAssociation)
}

/** How many databases each limit of one database asks for. */
export function databasesFor(load: Load) {
  const { mix, requests } = load
  const busiest = (requests / MONTH_SECONDS) * ASSUMED.peak
  const forTime = (operations: number): number =>
    Math.max(1, Math.ceil((busiest * operations * ASSUMED.d1Ms) / 100 / 1_000))
  return {
    bySize: Math.max(1, Math.ceil(usageOf(load)['GB stored'] / D1_LIMITS.database)),
    byRequests: forTime(mix.new + mix.repeated + mix.list),
    byWrites: forTime(mix.new + mix.repeated),
  }
}

/** Monthly requests for each stored association, beyond which time limits a database before size does. */
export function turningPoint({ refused }: Mix): number {
  const monthly = (1_000 / ASSUMED.d1Ms / ASSUMED.peak) * MONTH_SECONDS
  return monthly / ((100 - refused) / 100) / associationsPerDatabase()
}

/** The tables, as Markdown. */
export function costs(mix: Mix): string {
  const loads = SIZES.map((size) => ({ associations: size, requests: size, mix }))
  const bill = PRICES.map((price) => [
    price.meter,
    grouped(price.included),
    `$${price.dollars} a ${price.unit === 1 ? 'GB' : 'million'}`,
    ...loads.map((load) => money(dollarsOf(price, usageOf(load)[price.meter]))),
  ])
  const million = { associations: 0, requests: 1e6 }
  const none: Mix = { new: 0, repeated: 0, list: 0, refused: 0 }
  const ones = Object.entries<Load>({
    'new associations': { ...million, mix: { ...none, new: 100 } },
    'repeated associations': { ...million, mix: { ...none, repeated: 100 } },
    'lists of carts': { ...million, mix: { ...none, list: 100 } },
    refusals: { ...million, mix: { ...none, refused: 100 } },
    'associations stored for a month': { associations: 1e6, requests: 0, mix },
  })
  const databases = loads.map((load) => {
    const { bySize, byRequests, byWrites } = databasesFor(load)
    const gb = Math.round(usageOf(load)['GB stored'] * 10) / 10
    return [load.associations, gb, bySize, byRequests, byWrites].map(grouped)
  })
  const { database, account, databases: most, bindings } = D1_LIMITS
  const inTurn = SHOPPER['rows written'] * SHOPPER.requestsAMinute * (MONTH_SECONDS / 60)
  const written = PRICES.find(({ meter }) => meter === 'rows written')
  const dollarsInTurn = written === undefined ? 0 : (inTurn / written.unit) * written.dollars
  return `US dollars a month, for so many associations stored and as many requests. Of 100 requests, ${mix.new} associate anew, ${mix.repeated} repeat an association, ${mix.list} list carts and ${mix.refused} are refused.

${markdownTable(
  ['', 'included', 'then', ...SIZES.map(grouped)],
  [
    ['plan', '', '', ...SIZES.map(() => money(PLAN_DOLLARS))],
    ...bill,
    ['**total**', '', '', ...loads.map((load) => `**${money(billOf(load))}**`)],
  ],
)}
Once nothing is included any more:

${markdownTable(
  ['a million', 'costs'],
  ones.map(([name, load]) => [name, money(marginalDollars(load))]),
)}
Repeated associations of the mix are of the cart that was used last, and write nothing. A shopper who asks for two carts in turn writes ${SHOPPER['rows written']} rows each time; at the rate limit of ${SHOPPER.requestsAMinute} a minute, all month, that is ${Math.round(inTurn / 1e6)} million rows, or ${money(dollarsInTurn)} for one account.

How many databases that takes:

${markdownTable(['associations, and requests a month', 'GB', 'by size', 'by requests', 'by writes, if copies answer the reads'], databases)}
One D1 holds ${database} GB, which is ${grouped(associationsPerDatabase())} associations, and runs one query at a time: at ${ASSUMED.d1Ms} ms a request (assumed), ${1_000 / ASSUMED.d1Ms} requests a second. The busiest second is taken as ${ASSUMED.peak} times the average second. With this mix a database is full before it is too busy, up to ${turningPoint(mix).toFixed(1)} requests a month for each stored association. An account has ${grouped(account)} GB unless Cloudflare raises it, and ${grouped(most)} databases; a Worker binds about ${grouped(bindings)}.
`
}

function money(dollars: number): string {
  const style = { minimumFractionDigits: 2, maximumFractionDigits: 2 }
  return `$${dollars.toLocaleString('en', style)}`
}
