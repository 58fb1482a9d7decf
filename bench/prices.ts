// Cloudflare's published prices and limits that bench:costs calculates with, in US dollars.

const DOCS = 'https://developers.cloudflare.com'

/** Where each number was read, on 2026-11-23, in the sources of the pages. */
export const SOURCES = {
  'Workers Paid, requests, CPU time': `${DOCS}/workers/platform/pricing/ (cloudflare/cloudflare-docs at 07acbb66)`,
  'D1: rows, storage': `${DOCS}/d1/platform/pricing/ (at 25a83ced; others quoted the same on 2026-08-03)`,
  'logs and traces until 2026-11-30, by event': `${DOCS}/workers/platform/pricing/#workers-logs (at 0ec9be22); a span counts as an event: ${DOCS}/workers/observability/traces/ (at 0abac99f, which includes 10 million where the former includes 20)`,
  'logs and traces from 2026-12-01, by GB': `${DOCS}/observability/pricing/ (at 0ec9be22)`,
  'limits of D1': `${DOCS}/d1/platform/limits/ (of 2026-04-21; 1 TB an account as others quoted it on 2026-08-04; bindings at 0f863c17)`,
  'one query at a time': `${DOCS}/d1/platform/limits/: "If your average query takes 1 ms, you can run approximately 1,000 queries per second", as others quoted it in 2026`,
  'copies for reading cost nothing more': `${DOCS}/d1/best-practices/read-replication/#pricing (at 2eb54c07)`,
  'rate limiting binding': `${DOCS}/workers/runtime-apis/bindings/rate-limit/ (at 0c50ffa0) names no price`,
} as const

/** What a month includes, and what each unit beyond that costs. */
export interface Price {
  included: number
  unit: number
  dollars: number
}

const MILLION = 1_000_000

export const PLAN_DOLLARS = 5

export const PRICES = {
  requests: { included: 10 * MILLION, unit: MILLION, dollars: 0.3 },
  cpuMs: { included: 30 * MILLION, unit: MILLION, dollars: 0.02 },
  rowsRead: { included: 25_000 * MILLION, unit: MILLION, dollars: 0.001 },
  rowsWritten: { included: 50 * MILLION, unit: MILLION, dollars: 1 },
  storedGB: { included: 5, unit: 1, dollars: 0.75 },
  events: { included: 20 * MILLION, unit: MILLION, dollars: 0.6 },
  eventsIngestedGB: { included: 50, unit: 1, dollars: 0.25 },
  eventsStoredGB: { included: 12, unit: 1, dollars: 0.1 },
} as const satisfies Record<string, Price>

export type Meter = keyof typeof PRICES

/** A GB is taken as 10^9 bytes. */
export const GB = 1e9

export const D1_LIMITS = {
  databaseGB: 10,
  /** Can be raised on request. */
  accountGB: 1_000,
  databasesOfAccount: 50_000,
  /** About: its settings share 1 MB. */
  databasesOfWorker: 5_000,
} as const

/** Of logs and traces. */
export const RETENTION_DAYS = 7
