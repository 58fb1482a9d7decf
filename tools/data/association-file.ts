// Files of associations, CSV (RFC 4180) or NDJSON: their lines read, and written.
import { parse } from 'csv-parse/sync'
import { badArgument, CommandError } from '../lib/command-line.ts'
import {
  BadLine,
  COLUMNS,
  type Column,
  type Defaults,
  type Given,
  type Row,
  rowOf,
} from './association-row.ts'
import { BATCH_ROWS } from './associations.ts'

const FORMATS = ['csv', 'ndjson'] as const

export type Format = (typeof FORMATS)[number]

export interface Batch {
  rows: Row[]
  rejected: Rejection[]
  /** The number of the last line, counted from 1. */
  line: number
}

/** A line that is no row, and the reason. */
export interface Rejection {
  line: number
  reason: string
  text: string
}

/** Bad lines end a batch too, so that a file of nothing else does not fill the memory. */
const BATCH_REJECTED = 50
/** Longer than any good line: six texts of 255 characters, each escaped. */
const MAX_SHOWN = 16 * 1024
/** Nothing but white space, or the commas of empty cells. */
const BLANK = /^[\s,]*$/
/** Text that a spreadsheet would run, with or without apostrophes before it. */
const FORMULA = /^'*[=+\-@]/
/** The apostrophe that stops a spreadsheet. */
const GUARDED = /^'(?='*[=+\-@])/

/** The format that was asked for, or else that of the file's name. */
export function formatOf(option: string | undefined, file: string | undefined): Format {
  const extension = file?.toLowerCase().split('.').at(-1)
  const name = option ?? (extension === 'jsonl' ? 'ndjson' : extension)
  const format = FORMATS.find((each) => each === name)
  if (format !== undefined) return format
  if (option !== undefined) throw badArgument(`--format must be csv or ndjson, not "${option}"`)
  throw badArgument(`--format must say whether ${file ?? 'standard input'} is csv or ndjson`)
}

/** Yields every line without its end; of a line that is too long to be good, the beginning. */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let open = ''
  for await (const chunk of chunks) {
    const lines = (open + chunk).split('\n')
    open = (lines.pop() ?? '').slice(0, MAX_SHOWN)
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  if (open !== '') yield open
}

/**
 * Parses the lines in batches: rows, and the lines that are none.
 *
 * @throws CommandError if the file has no good header
 */
export async function* batchesOf(
  lines: AsyncIterable<string>,
  format: Format,
  defaults: Defaults,
): AsyncGenerator<Batch, void> {
  let header: Column[] | undefined
  let batch: Batch = { rows: [], rejected: [], line: 0 }
  for await (const text of lines) {
    batch.line += 1
    const line = batch.line === 1 ? text.replace('\uFEFF', '') : text
    if (BLANK.test(line)) continue
    if (format === 'csv' && header === undefined) {
      header = parseHeader(line, defaults)
      continue
    }
    try {
      const given = header === undefined ? parseJsonLine(line) : parseCsvLine(line, header)
      batch.rows.push(rowOf(given, defaults))
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      const { message: reason } = error
      batch.rejected.push({ line: batch.line, reason, text: line.slice(0, MAX_SHOWN) })
    }
    if (batch.rows.length < BATCH_ROWS && batch.rejected.length < BATCH_REJECTED) continue
    yield batch
    batch = { ...batch, rows: [], rejected: [] }
  }
  if (format === 'csv' && header === undefined) {
    throw new CommandError('The file is empty: it has no header')
  }
  yield batch
}

/** @throws CommandError naming the column that is not known, there twice, or missing */
function parseHeader(line: string, { store_id }: Pick<Defaults, 'store_id'>): Column[] {
  const header = columnsOf(fieldsOf(line))
  const required = ['store_id', 'cart_id', 'account_id'] as const
  const missing = required.find((name) => !header.includes(name))
  if (missing === undefined || (missing === 'store_id' && store_id !== undefined)) return header
  const hint = missing === 'store_id' ? ': --store names the store of all its rows' : ''
  throw new CommandError(`The file has no column ${missing}${hint}`)
}

/** @throws BadLine */
function parseCsvLine(line: string, header: readonly Column[]): Given {
  const fields = fieldsOf(line)
  if (fields.length !== header.length) {
    throw new BadLine(`The line has ${fields.length} fields, and the header ${header.length}`)
  }
  return givenIn(header.map((name, index) => [name, fields[index]?.replace(GUARDED, '')]))
}

/** @throws BadLine */
function parseJsonLine(line: string): Given {
  const members = parseObject(line)
  // Not those of the object: JSON.parse takes the last of two members that have one name.
  const names = [...line.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)]
    .filter(([, , colon]) => colon !== undefined)
    .map(([, name = '']) => String(JSON.parse(name)))
  return givenIn(columnsOf(names).map((name) => [name, Reflect.get(members, name)]))
}

export const CSV_HEADER = csvLine(COLUMNS)

/** One line of an export. */
export function lineOf(row: Row, format: Format): string {
  const values = row.map((value) =>
    typeof value === 'number' ? new Date(value).toISOString() : value,
  )
  if (format === 'csv') return csvLine(values)
  return `${JSON.stringify(Object.fromEntries(COLUMNS.map((name, index) => [name, values[index]])))}\n`
}

export function csvLine(values: readonly string[]): string {
  return `${values.map(csvField).join(',')}\n`
}

function csvField(value: string): string {
  const text = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Parses one line only: no good value holds a line end, so an open quote spoils a single line. */
function fieldsOf(line: string): string[] {
  // Without quotes there is nothing else to parse, and this is ten times as fast.
  if (!line.includes('"')) return line.split(',')
  try {
    return parse(line)[0] ?? []
  } catch {
    throw new BadLine('The quotes of the line are not those of CSV')
  }
}

function parseObject(line: string): object {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {}
  throw new BadLine('The line is not a JSON object')
}

/** @throws BadLine naming what is not known, as a typo is not, or there twice */
function columnsOf(names: readonly string[]): Column[] {
  const columns = names.map((name) => {
    const column = COLUMNS.find((each) => each === name)
    if (column !== undefined) return column
    const known = COLUMNS.join(', ')
    throw new BadLine(`The column ${JSON.stringify(name)} is not known: the columns are ${known}`)
  })
  const twice = columns.find((name, index) => columns.indexOf(name) !== index)
  if (twice !== undefined) throw new BadLine(`The column ${twice} is there twice`)
  return columns
}

/** Leaves out what is empty. */
function givenIn(entries: readonly (readonly [Column, unknown])[]): Given {
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && value !== null && value !== ''),
  )
}
