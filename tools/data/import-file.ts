// The import of one file: line by line, batch by batch, each batch acknowledged before it counts.
import { appendFileSync, createReadStream, rmSync, truncateSync } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { CommandError } from '../lib/command-line.ts'
import {
  csvLine,
  type Format,
  type Header,
  parseCsvLine,
  parseHeader,
  parseJsonLine,
  requireColumns,
  requireKnownMembers,
  textOf,
} from './association-file.ts'
import { BadLine, type Defaults, type Given, type Row, rowOf } from './association-row.ts'
import { type Line, linesOf, type Place } from './file-lines.ts'
import type { ImportProgress } from './import-progress.ts'

export interface ImportPlan {
  /** Absent: standard input. */
  file: string | undefined
  format: Format
  /** Takes the lines that are no rows, with the reasons. */
  rejectedFile: string
  defaults: Defaults
  /** Of one batch, at most. */
  batchRows: number
  /** Returns how many of the rows were not there. */
  insert: (rows: readonly Row[]) => Promise<number>
  /** Called after each batch. */
  onBatch: (progress: ImportProgress) => void
  /** Ends the import after the batch that is under way. */
  stop: AbortSignal
}

/** What was read since the last batch was acknowledged. */
interface Batch {
  rows: Row[]
  rejected: string[]
}

/** Bad lines end a batch too, so that no file of them fills the memory. */
const BATCH_REJECTED = 50
const REJECTED_HEADER = csvLine(['line', 'reason', 'text'])

/**
 * Goes on from where the progress stands, and returns where it has come to: the end, unless it was
 * stopped.
 *
 * @throws CommandError where the file has no good header, or the rows cannot be inserted
 */
export async function importFile(
  plan: ImportPlan,
  progress: ImportProgress,
): Promise<ImportProgress> {
  forgetRejected(plan, progress)
  let current = progress
  let next = progress
  let batch: Batch = { rows: [], rejected: [] }
  const finishBatch = async () => {
    current = await acknowledge(plan, next, batch)
    next = current
    batch = { rows: [], rejected: [] }
    plan.onBatch(current)
  }
  try {
    const parse = await lineParser(plan, progress)
    for await (const line of linesOf(chunksOf(plan, progress), progress)) {
      next = { ...next, offset: line.end, line: line.number }
      if (line.bytes.length > 0) addLine(batch, line, parse, plan)
      const isFull = batch.rows.length >= plan.batchRows || batch.rejected.length >= BATCH_REJECTED
      if (isFull) await finishBatch()
    }
    parse.end()
    await finishBatch()
  } catch (error) {
    if (!plan.stop.aborted) throw error
  }
  return current
}

/** Reads the lines after the header, which it takes for itself. */
interface LineParser {
  /** Nothing where the line was the header. */
  parse: (line: Line) => Given | undefined
  /** @throws CommandError where there was no line at all, not even a header */
  end: () => void
}

async function lineParser(plan: ImportPlan, { offset }: Place): Promise<LineParser> {
  let header = offset > 0 && plan.format === 'csv' ? await readHeader(plan) : undefined
  let isFirst = true
  if (plan.format === 'csv') {
    return {
      parse: (line) => {
        if (header !== undefined) return parseCsvLine(textOf(line), header)
        header = headerOf(line, plan)
        return undefined
      },
      end: () => {
        if (header === undefined) throw new CommandError('The file is empty: it has no header')
      },
    }
  }
  return {
    parse: (line) => {
      const text = textOf(line)
      if (isFirst && offset === 0) requireKnownMembers(text)
      isFirst = false
      return parseJsonLine(text)
    },
    end: () => undefined,
  }
}

function addLine(batch: Batch, line: Line, { parse }: LineParser, plan: ImportPlan): void {
  try {
    const given = parse(line)
    if (given !== undefined) batch.rows.push(rowOf(given, plan.defaults))
  } catch (error) {
    if (!(error instanceof BadLine)) throw error
    batch.rejected.push(rejectionOf(line, error.message, plan.format))
  }
}

async function acknowledge(
  plan: ImportPlan,
  next: ImportProgress,
  { rows, rejected }: Batch,
): Promise<ImportProgress> {
  const inserted = rows.length === 0 ? 0 : await plan.insert(rows)
  const { counts, rejectedBytes } = next
  const isFirst = rejectedBytes === 0 && rejected.length > 0 && plan.format === 'csv'
  const text = `${isFirst ? REJECTED_HEADER : ''}${rejected.join('')}`
  if (text !== '') appendFileSync(plan.rejectedFile, text)
  return {
    ...next,
    rejectedBytes: rejectedBytes + Buffer.byteLength(text),
    counts: {
      read: counts.read + rows.length + rejected.length,
      inserted: counts.inserted + inserted,
      present: counts.present + rows.length - inserted,
      rejected: counts.rejected + rejected.length,
    },
  }
}

/** What was rejected after the progress was saved will be rejected again. */
function forgetRejected({ rejectedFile }: ImportPlan, { rejectedBytes }: ImportProgress): void {
  if (rejectedBytes === 0) rmSync(rejectedFile, { force: true })
  else truncateSync(rejectedFile, rejectedBytes)
}

function rejectionOf(line: Line, reason: string, format: Format): string {
  const text = line.bytes.toString()
  if (format === 'csv') return csvLine([String(line.number), reason, text])
  return `${JSON.stringify({ line: line.number, reason, text })}\n`
}

async function readHeader(plan: ImportPlan): Promise<Header> {
  const beginning = { offset: 0, line: 0 }
  for await (const line of linesOf(chunksOf(plan, beginning), beginning)) {
    if (line.bytes.length > 0) return headerOf(line, plan)
  }
  throw new CommandError('The file is empty: it has no header')
}

function headerOf(line: Line, { defaults }: ImportPlan): Header {
  const header = parseHeader(line)
  const required = defaults.store_id === undefined ? (['store_id'] as const) : []
  requireColumns(header, [...required, 'cart_id', 'account_id'])
  return header
}

function chunksOf({ file, stop }: ImportPlan, { offset }: Place): Readable {
  if (file === undefined) return addAbortSignal(stop, process.stdin)
  return createReadStream(file, { start: offset, signal: stop })
}
