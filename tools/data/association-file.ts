// Files of associations, CSV (RFC 4180) or NDJSON: their lines read, and written.
import { isUtf8 } from 'node:buffer'
import { parse } from 'csv-parse/sync'
import { badArgument, CommandError } from '../lib/command-line.ts'
import { BadLine, COLUMNS, type Column, type Given, type Row } from './association-row.ts'
import { type Line, MAX_LINE_BYTES } from './file-lines.ts'

const FORMATS = ['csv', 'ndjson'] as const

export type Format = (typeof FORMATS)[number]

/** The names of the columns, in the order of the file. */
export type Header = readonly Column[]

/** Text that a spreadsheet would run, with or without apostrophes before it. */
const FORMULA = /^'*[=+\-@]/
/** The apostrophe that stops a spreadsheet. */
const GUARDED = /^'(?='*[=+\-@])/

const KNOWN = `the columns are ${COLUMNS.join(', ')}`

/** The format that was asked for, or else that of the file's name. */
export function formatOf(option: string | undefined, file: string | undefined): Format {
  const extension = file?.toLowerCase().split('.').at(-1)
  const name = option ?? (extension === 'jsonl' ? 'ndjson' : extension)
  const format = FORMATS.find((each) => each === name)
  if (format !== undefined) return format
  if (option !== undefined) throw badArgument(`--format must be csv or ndjson, not "${option}"`)
  throw badArgument(`--format must say whether ${file ?? 'standard input'} is csv or ndjson`)
}

/** @throws BadLine if it is no text of a permitted length */
export function textOf({ bytes, isTooLong }: Line): string {
  if (bytes.includes('\r')) {
    throw new BadLine('The line has a CR without an LF: lines end with LF, or with CR LF')
  }
  if (isTooLong) throw new BadLine(`The line is longer than ${MAX_LINE_BYTES} bytes`)
  if (!isUtf8(bytes)) throw new BadLine('The line is not UTF-8')
  return bytes.toString()
}

/** Whether the line has nothing but white space, or the commas of empty cells. */
export function isBlank({ bytes }: Line, format: Format): boolean {
  const text = bytes.toString()
  return format === 'csv' ? /^[\s,]*$/.test(text) : text.trim() === ''
}

/** @throws CommandError naming the column that is not known, or missing, or there twice */
export function parseHeader(line: Line): Header {
  try {
    const names = fieldsOf(textOf(line))
    const header = names.map(columnOf)
    const twice = header.find((name, index) => header.indexOf(name) !== index)
    if (twice !== undefined) throw new CommandError(`The column ${twice} is there twice`)
    return header
  } catch (error) {
    if (error instanceof BadLine) throw new CommandError(`Line ${line.number}: ${error.message}`)
    throw error
  }
}

/** @throws CommandError naming the first that is missing */
export function requireColumns(header: Header, required: readonly Column[]): void {
  const missing = required.find((name) => !header.includes(name))
  if (missing === undefined) return
  const hint = missing === 'store_id' ? ': --store names the store of all its rows' : ''
  throw new CommandError(`The file has no column ${missing}${hint}`)
}

/** @throws BadLine */
export function parseCsvLine(text: string, header: Header): Given {
  const fields = fieldsOf(text)
  if (fields.length !== header.length) {
    throw new BadLine(`The line has ${fields.length} fields, and the header ${header.length}`)
  }
  const given: Given = {}
  for (const [index, name] of header.entries()) {
    const field = fields[index]?.replace(GUARDED, '')
    if (field !== '') given[name] = field
  }
  return given
}

/**
 * A member that is not known is refused: it may be a typo.
 *
 * @throws BadLine
 */
export function parseJsonLine(text: string): Given {
  const members = membersOf(text)
  const unknown = Object.keys(members).find((name) => !isColumn(name))
  if (unknown !== undefined) throw new BadLine(`${JSON.stringify(unknown)} is not known`)
  const given: Given = {}
  for (const name of COLUMNS) {
    const value: unknown = Reflect.get(members, name)
    if (value !== undefined && value !== null && value !== '') given[name] = value
  }
  return given
}

/** Checks the names in the first line of NDJSON, as in a header. Leaves a bad line to be rejected. */
export function requireKnownMembers(text: string): void {
  try {
    for (const name of Object.keys(membersOf(text))) columnOf(name)
  } catch (error) {
    if (!(error instanceof BadLine)) throw error
  }
}

export const CSV_HEADER = `${COLUMNS.join(',')}\n`

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
function fieldsOf(text: string): string[] {
  // Without quotes there is nothing else to parse, and this is ten times as fast.
  if (!text.includes('"')) return text.split(',')
  try {
    return parse(text, { record_delimiter: '\n' })[0] ?? []
  } catch {
    throw new BadLine('The quotes of the line are not those of CSV')
  }
}

function membersOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      requireOnce(text)
      return value
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new BadLine('The line is not a JSON object')
}

/** JSON.parse takes the last of two members that have one name. */
function requireOnce(text: string): void {
  const names = [...text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)]
    .filter(([, , colon]) => colon !== undefined)
    .map(([, name = '']): unknown => JSON.parse(name))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new BadLine(`${JSON.stringify(twice)} is there twice`)
}

function columnOf(name: string): Column {
  if (isColumn(name)) return name
  throw new CommandError(`The column ${JSON.stringify(name)} is not known: ${KNOWN}`)
}

function isColumn(name: string): name is Column {
  return COLUMNS.some((each) => each === name)
}
