// One row of a file of associations: its columns, and the rules that the Worker has for each.
import { isSafeId, isSubject, SAFE_ID_RULE, SUBJECT_RULE } from '../../src/ids.ts'
import { CommandError } from '../lib/command-line.ts'

/** The columns of the table. */
export const COLUMNS = [
  'store_id',
  'cart_id',
  'account_id',
  'created_at',
  'used_at',
  'created_by',
  'request_id',
] as const

export type Column = (typeof COLUMNS)[number]

/** The values of one row in the order of `COLUMNS`; the times are Unix times in milliseconds. */
export type Row = readonly [string, string, string, number, number, string, string]

/** What a file says of one row; what is empty is absent. */
export type Given = { [Name in Column]?: unknown }

/** The values of a row for which the file has none. */
export interface Defaults {
  store_id?: string | undefined
  created_at: number
  created_by: string
  request_id: string
}

/** A line that is no row, with the reason. */
export class BadLine extends CommandError {}

const TIME = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/
/** Times from 1973 on: fewer digits would be seconds. */
const UNIX_MS = /^\d{12,15}$/
const TIME_RULE =
  'must be a time with its zone, as 2026-11-23T14:00:00Z, or Unix time in milliseconds'
/** The end of the year 9999, the last of four digits. */
const MAX_TIME = 253_402_300_799_999

/** Texts that programs write for a missing value: all such rows would get one id. */
const NO_ID = /^(?:null|nil|none|nan|undefined)$/i

/** @throws BadLine naming the column at fault */
export function rowOf(given: Given, defaults: Defaults): Row {
  const createdAt = timeOf('created_at', given.created_at, defaults.created_at)
  return [
    safeId('store_id', given.store_id ?? defaults.store_id),
    safeId('cart_id', given.cart_id),
    safeId('account_id', given.account_id),
    createdAt,
    timeOf('used_at', given.used_at, createdAt),
    text('created_by', given.created_by ?? defaults.created_by),
    text('request_id', given.request_id ?? defaults.request_id),
  ]
}

function safeId(column: Column, value: unknown): string {
  if (typeof value === 'string' && NO_ID.test(value)) {
    throw new BadLine(`${column} is missing: the text ${value} stands for no id`)
  }
  if (isSafeId(value)) return value
  throw new BadLine(`${column} ${value === undefined ? 'is missing' : `must be ${SAFE_ID_RULE}`}`)
}

function text(column: Column, value: unknown): string {
  if (isSubject(value)) return value
  throw new BadLine(`${column} must be ${SUBJECT_RULE}`)
}

function timeOf(column: Column, value: unknown, absent: number): number {
  if (value === undefined) return absent
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  const time = UNIX_MS.test(text) ? Number(text) : timeOfText(text)
  if (time >= 0 && time <= MAX_TIME) return time
  throw new BadLine(`${column} ${TIME_RULE}`)
}

function timeOfText(text: string): number {
  const [, year, month, day] = TIME.exec(text) ?? []
  // JavaScript reads 30 February as 2 March.
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  return date.getUTCDate() === Number(day) ? Date.parse(text) : Number.NaN
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** Bounds the memory: beyond so many UUIDs, new ones are not compared. */
const MAX_KNOWN = 100_000

/** Finds a UUID that a file spells in two ways: ids are compared by letter, so they are two ids. */
export class UuidSpellings {
  /** The first spelling of each UUID, by its lower case. */
  readonly #known = new Map<string, string>()
  warning = ''

  add([storeId, cartId, accountId]: Row): void {
    for (const id of [storeId, cartId, accountId].filter((id) => UUID.test(id))) {
      const lower = id.toLowerCase()
      const first = this.#known.get(lower) ?? id
      if (this.#known.size < MAX_KNOWN) this.#known.set(lower, first)
      if (first === id) continue
      this.warning ||= `Warning: two spellings of one UUID are two ids here: ${first} and ${id}\n`
    }
  }
}
