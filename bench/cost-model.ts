// What a month of requests uses, what that costs, and how many databases it takes.
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { D1_LIMITS, GB, type Meter, PLAN_DOLLARS, PRICES, RETENTION_DAYS } from './prices.ts'

const rows = v.strictObject({ read: v.number(), written: v.number() })

const measuredSchema = v.strictObject({
  bytesPerAssociation: v.number(),
  rows: v.strictObject({ new: rows, repeated: rows, list: rows }),
  cpuMs: v.strictObject({
    new: v.number(),
    repeated: v.number(),
    list: v.number(),
    refused: v.number(),
  }),
})

/** What `npm run bench` measured, for each operation. */
export const MEASURED = v.parse(
  measuredSchema,
  JSON.parse(readFileSync(new URL('measured.json', import.meta.url), 'utf8')),
)

export const OPERATIONS = ['new', 'repeated', 'list', 'refused'] as const
export type Operation = (typeof OPERATIONS)[number]

/** Of 100 requests. */
export type Mix = Readonly<Record<Operation, number>>

/** A month. */
export interface Load {
  associations: number
  requests: number
  mix: Mix
}

/** What nobody has measured or published. */
export const ASSUMED = {
  /** A log line or a span, with what Cloudflare adds to it. */
  bytesPerEvent: 2_000,
  /** Two statements of about 1 ms: both of `associate`, both of a list. */
  d1MsPerRequest: 2,
  /** The busiest second against the average one. */
  peak: 10,
} as const

/** wrangler.toml: a line for each request, and some four spans for a hundredth of them. */
export const EVENTS_PER_REQUEST = 1 + 0.01 * 4

const SECONDS_OF_MONTH = 30 * 24 * 60 * 60

export type Usage = Record<Meter, number>

/** How a month pays for logs and traces. */
export type LogBilling = 'by event' | 'by GB'

const LOG_METERS: Readonly<Record<LogBilling, readonly Meter[]>> = {
  'by event': ['events'],
  'by GB': ['eventsIngestedGB', 'eventsStoredGB'],
}

const COMMON_METERS: readonly Meter[] = ['requests', 'cpuMs', 'rowsRead', 'rowsWritten', 'storedGB']

export function metersOf(billing: LogBilling): Meter[] {
  return [...COMMON_METERS, ...LOG_METERS[billing]]
}

export function usageOf({ associations, requests, mix }: Load): Usage {
  const timesOf = (operation: Operation): number => (requests * mix[operation]) / 100
  const sum = (each: (operation: Operation) => number): number =>
    OPERATIONS.reduce((total, operation) => total + timesOf(operation) * each(operation), 0)
  const ingestedGB = (requests * EVENTS_PER_REQUEST * ASSUMED.bytesPerEvent) / GB
  return {
    requests,
    cpuMs: sum((operation) => MEASURED.cpuMs[operation]),
    rowsRead: sum((operation) => (operation === 'refused' ? 0 : MEASURED.rows[operation].read)),
    rowsWritten: sum((operation) =>
      operation === 'refused' ? 0 : MEASURED.rows[operation].written,
    ),
    storedGB: (associations * MEASURED.bytesPerAssociation) / GB,
    events: requests * EVENTS_PER_REQUEST,
    eventsIngestedGB: ingestedGB,
    eventsStoredGB: (ingestedGB * RETENTION_DAYS) / 30,
  }
}

/** Of one meter, beyond what the plan includes. */
export function dollarsOf(meter: Meter, used: number): number {
  const { included, unit, dollars } = PRICES[meter]
  return (Math.max(0, used - included) / unit) * dollars
}

export function billOf(usage: Usage, billing: LogBilling): number {
  return metersOf(billing).reduce(
    (total, meter) => total + dollarsOf(meter, usage[meter]),
    PLAN_DOLLARS,
  )
}

/** Of a million of them, once nothing is included any more. */
export function marginalDollars(usage: Usage, billing: LogBilling): number {
  return metersOf(billing).reduce((total, meter) => {
    const { unit, dollars } = PRICES[meter]
    return total + (usage[meter] / unit) * dollars
  }, 0)
}

/** How many databases a load takes, by each limit of one. */
export interface Databases {
  bySize: number
  /** At the busiest second, everything at the primary. */
  byRequests: number
  /** The same, with reads at the copies. */
  byWrites: number
}

export function databasesFor(load: Load, peak: number): Databases {
  const perSecond = (load.requests / SECONDS_OF_MONTH) * peak
  const { mix } = load
  const needed = (operations: number): number =>
    Math.max(1, Math.ceil((perSecond * operations) / 100 / requestsPerSecond()))
  return {
    bySize: Math.max(1, Math.ceil(usageOf(load).storedGB / D1_LIMITS.databaseGB)),
    byRequests: needed(mix.new + mix.repeated + mix.list),
    byWrites: needed(mix.new + mix.repeated),
  }
}

/** That reach one database, which does one thing at a time. */
export function requestsPerSecond(): number {
  return 1_000 / ASSUMED.d1MsPerRequest
}

/** That one database has room for. */
export function associationsPerDatabase(): number {
  return Math.floor((D1_LIMITS.databaseGB * GB) / MEASURED.bytesPerAssociation)
}

/** Requests a month for each association stored, beyond which time ends a database before size does. */
export function turningPoint(mix: Mix, peak: number): number {
  const monthly = (requestsPerSecond() / peak) * SECONDS_OF_MONTH
  return monthly / ((100 - mix.refused) / 100) / associationsPerDatabase()
}
