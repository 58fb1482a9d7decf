// The lines of a file of associations in batches: rows, and the lines that are none, with the reasons.
import { createReadStream } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import { CommandError } from '../lib/command-line.ts'
import {
  type Format,
  type Header,
  isBlank,
  parseCsvLine,
  parseHeader,
  parseJsonLine,
  requireColumns,
  requireKnownMembers,
  textOf,
} from './association-file.ts'
import { BadLine, type Defaults, type Given, type Row, rowOf } from './association-row.ts'
import { BATCH_ROWS } from './associations.ts'
import { type Line, linesOf } from './file-lines.ts'

export interface Input {
  /** Absent: standard input. */
  file: string | undefined
  format: Format
  defaults: Defaults
  /** Ends the reading, with its reason. */
  stop: AbortSignal
}

interface Batch {
  rows: Row[]
  rejected: Rejection[]
  /** The last line, and the bytes up to its end. */
  line: number
  bytes: number
}

/** A line that is no row, and the reason. */
export interface Rejection {
  line: number
  reason: string
  text: string
}

/** Bad lines end a batch too, so that a file of nothing else does not fill the memory. */
const BATCH_REJECTED = 50

/** @throws CommandError if the file has no good header */
export async function* batchesOf({ file, format, ...input }: Input): AsyncGenerator<Batch, void> {
  const { defaults, stop } = input
  const parse = format === 'csv' ? csvParser(defaults) : jsonParser()
  let batch: Batch = { rows: [], rejected: [], line: 0, bytes: 0 }
  const chunks =
    file === undefined
      ? addAbortSignal(stop, process.stdin)
      : createReadStream(file, { signal: stop })
  for await (const line of linesOf(chunks)) {
    batch.line = line.number
    batch.bytes = line.end
    if (isBlank(line, format)) continue
    try {
      const given = parse(line)
      if (given !== undefined) batch.rows.push(rowOf(given, defaults))
    } catch (error) {
      if (!(error instanceof BadLine)) throw error
      const text = line.bytes.toString()
      batch.rejected.push({ line: line.number, reason: error.message, text })
    }
    if (batch.rows.length < BATCH_ROWS && batch.rejected.length < BATCH_REJECTED) continue
    yield batch
    batch = { ...batch, rows: [], rejected: [] }
  }
  parse(undefined)
  yield batch
}

/** Parses a line, or ends with undefined. Returns nothing if the line was the header. */
type Parser = (line: Line | undefined) => Given | undefined

function csvParser(defaults: Defaults): Parser {
  let header: Header | undefined
  return (line) => {
    if (line === undefined && header === undefined) {
      throw new CommandError('The file is empty: it has no header')
    }
    if (line === undefined) return undefined
    if (header !== undefined) return parseCsvLine(textOf(line), header)
    header = parseHeader(line)
    const required = defaults.store_id === undefined ? (['store_id'] as const) : []
    requireColumns(header, [...required, 'cart_id', 'account_id'])
    return undefined
  }
}

function jsonParser(): Parser {
  let isFirst = true
  return (line) => {
    if (line === undefined) return undefined
    const text = textOf(line)
    if (isFirst) requireKnownMembers(text)
    isFirst = false
    return parseJsonLine(text)
  }
}
