// What bench:costs says: the bill, the price of one, and where a database ends.
import {
  ASSUMED,
  associationsPerDatabase,
  billOf,
  databasesFor,
  dollarsOf,
  EVENTS_PER_REQUEST,
  type Load,
  type LogBilling,
  MEASURED,
  type Mix,
  marginalDollars,
  OPERATIONS,
  requestsPerSecond,
  turningPoint,
  type Usage,
  usageOf,
} from './cost-model.ts'
import { D1_LIMITS, type Meter, PLAN_DOLLARS, PRICES, SOURCES } from './prices.ts'
import { markdownTable } from './table.ts'

export const DEFAULT_MIX: Mix = { new: 1, repeated: 70, list: 25, refused: 4 }

const SIZES = [1_000_000, 100_000_000, 10_000_000_000]
const MILLION = 1_000_000

const METER_NAMES: Readonly<Record<Meter, string>> = {
  requests: 'requests',
  cpuMs: 'CPU ms',
  rowsRead: 'rows read',
  rowsWritten: 'rows written',
  storedGB: 'GB stored',
  events: 'events of logs and traces',
  eventsIngestedGB: 'GB of logs and traces, taken in',
  eventsStoredGB: 'GB of logs and traces, kept 7 days',
}
const COMMON: readonly Meter[] = ['requests', 'cpuMs', 'rowsRead', 'rowsWritten', 'storedGB']
const BY_EVENT = 'until 2026-11-30'
const BY_GB = 'from 2026-12-01'

/** The whole of it, as Markdown. */
export function costReport(mix: Mix, peak: number): string {
  const loads = SIZES.map((size) => ({ associations: size, requests: size, mix }))
  return `A month, in US dollars, of so many associations stored and as many requests. Of 100 requests ${mixText(mix)}.

${bills(loads)}
dollars = ${PLAN_DOLLARS} + the sum over all meters of max(0, used − included) × price. The prices:

${prices()}
Measured (\`bench/measured.json\`): ${MEASURED.bytesPerAssociation} bytes an association; rows read and written ${OPERATIONS.map(measuredText).join(', ')}. By \`wrangler.toml\`: ${EVENTS_PER_REQUEST.toFixed(2)} events a request. Assumed: ${count(ASSUMED.bytesPerEvent)} bytes an event, with what Cloudflare adds to it.

**The price of a million**, beyond what is included:

${ones()}
A sign-in is two requests: the cart is associated again, and the carts are listed.

**How many databases** that takes:

${databases(loads, peak)}
One D1 holds ${D1_LIMITS.databaseGB} GB, which is ${count(associationsPerDatabase())} associations, and does one query at a time: with ${ASSUMED.d1MsPerRequest} ms a request (assumed: two statements of 1 ms) ${count(requestsPerSecond())} requests a second. The busiest second is taken as ${peak} times the average one. With this mix, size ends a database before time does up to ${turningPoint(mix, peak).toFixed(1)} requests a month for each association stored. An account has ${count(D1_LIMITS.accountGB)} GB unless that is raised, and ${count(D1_LIMITS.databasesOfAccount)} databases; a Worker binds about ${count(D1_LIMITS.databasesOfWorker)}.

Sources, read on 2026-11-23:

${Object.entries(SOURCES)
  .map(([what, where]) => `- ${what}: ${where}\n`)
  .join('')}`
}

function mixText(mix: Mix): string {
  return `${mix.new} associate anew, ${mix.repeated} repeat an association, ${mix.list} list carts and ${mix.refused} are refused`
}

function measuredText(operation: (typeof OPERATIONS)[number]): string {
  const cpu = `${MEASURED.cpuMs[operation]} ms of CPU`
  if (operation === 'refused') return `none for a refusal (${cpu})`
  const { read, written } = MEASURED.rows[operation]
  const names = { new: 'new', repeated: 'repeated', list: 'a list' }
  return `${read} and ${written} for ${names[operation]} (${cpu})`
}

function bills(loads: readonly Load[]): string {
  const usages = loads.map(usageOf)
  const meterRow = (meter: Meter): string[] => [
    METER_NAMES[meter],
    ...usages.map((usage) => money(dollarsOf(meter, usage[meter]))),
  ]
  const logsRow = (meters: readonly Meter[], when: string): string[] => [
    `logs and traces, ${when}`,
    ...usages.map((usage) => money(sumOf(meters, usage))),
  ]
  const totalRow = (billing: LogBilling, when: string): string[] => [
    `**total, ${when}**`,
    ...usages.map((usage) => `**${money(billOf(usage, billing))}**`),
  ]
  return markdownTable(
    ['', ...loads.map(({ associations }) => count(associations))],
    [
      ['plan', ...loads.map(() => money(PLAN_DOLLARS))],
      ...COMMON.map(meterRow),
      logsRow(['events'], BY_EVENT),
      logsRow(['eventsIngestedGB', 'eventsStoredGB'], BY_GB),
      totalRow('by event', BY_EVENT),
      totalRow('by GB', BY_GB),
    ],
  )
}

function sumOf(meters: readonly Meter[], usage: Usage): number {
  return meters.reduce((total, meter) => total + dollarsOf(meter, usage[meter]), 0)
}

function prices(): string {
  const meters: readonly Meter[] = [...COMMON, 'events', 'eventsIngestedGB', 'eventsStoredGB']
  const when = { events: BY_EVENT, eventsIngestedGB: BY_GB, eventsStoredGB: BY_GB }
  return markdownTable(
    ['meter', 'included a month', 'then'],
    meters.map((meter) => {
      const { included, unit, dollars } = PRICES[meter]
      const per = unit === MILLION ? 'a million' : 'a GB'
      const dated = Object.entries(when).find(([name]) => name === meter)
      const name = dated === undefined ? METER_NAMES[meter] : `${METER_NAMES[meter]}, ${dated[1]}`
      return [name, count(included), `$${dollars} ${per}`]
    }),
  )
}

function ones(): string {
  const requestsOf = (mix: Mix, each: number): Usage =>
    usageOf({ associations: 0, requests: each * MILLION, mix })
  const none: Mix = { new: 0, repeated: 0, list: 0, refused: 0 }
  const usages: [string, Usage][] = [
    ['new associations', requestsOf({ ...none, new: 100 }, 1)],
    ['repeated associations', requestsOf({ ...none, repeated: 100 }, 1)],
    ['lists of carts', requestsOf({ ...none, list: 100 }, 1)],
    ['refusals', requestsOf({ ...none, refused: 100 }, 1)],
    ['sign-ins', requestsOf({ ...none, repeated: 50, list: 50 }, 2)],
    [
      'associations kept for a month',
      usageOf({ associations: MILLION, requests: 0, mix: DEFAULT_MIX }),
    ],
  ]
  return markdownTable(
    ['a million', BY_EVENT, BY_GB],
    usages.map(([name, usage]) => [
      name,
      money(marginalDollars(usage, 'by event')),
      money(marginalDollars(usage, 'by GB')),
    ]),
  )
}

function databases(loads: readonly Load[], peak: number): string {
  return markdownTable(
    [
      'associations, and requests a month',
      'GB',
      'databases by size',
      'by requests, all at the primary',
      'by writes, reads at the copies',
    ],
    loads.map((load) => {
      const { bySize, byRequests, byWrites } = databasesFor(load, peak)
      return [
        count(load.associations),
        count(usageOf(load).storedGB),
        count(bySize),
        count(byRequests),
        count(byWrites),
      ]
    }),
  )
}

function money(dollars: number): string {
  const style = { minimumFractionDigits: 2, maximumFractionDigits: 2 }
  return `$${dollars.toLocaleString('en', style)}`
}

function count(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 2 })
}
