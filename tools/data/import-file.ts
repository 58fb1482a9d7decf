// The import of one file: line by line, batch by batch, each batch acknowledged before it counts.
import { createReadStream } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
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
import { type Line, linesOf } from './file-lines.ts'

export interface ImportPlan {
  /** Absent: standard input. */
  file: string | undefined
  format: Format
  defaults: Defaults
  /** Of one batch, at most. */
  batchRows: number
  /** Returns how many of the rows were not there. */
  insert: (rows: readonly Row[]) => Promise<number>
  /** Takes the lines that are no rows. */
  reject: (rejections: readonly Rejection[]) => void
  /** Called after each batch. */
  onBatch: (reached: Reached) => void
  /** Ends the import after the current batch. */
  stop: AbortSignal
}

/** A line that is no row, and the reason. */
export interface Rejection {
  line: number
  reason: string
  text: string
}

/** How far an import has come, by the batches that were acknowledged. */
export interface Reached {
  line: number
  bytes: number
  counts: {
    /** Rows and bad lines. */
    read: number
    inserted: number
    /** Rows that were there already. */
    present: number
    rejected: number
  }
}

/** What was read since the last batch was acknowledged. */
interface Batch {
  rows: Row[]
  rejected: Rejection[]
}

/** Bad lines end a batch too, so that a file of nothing else does not fill the memory. */
const BATCH_REJECTED = 50
const SIGNAL_MS = 100

/**
 * Returns how far it has come: to the end, unless it was stopped.
 *
 * @throws CommandError if the file has no good header, or the rows cannot be inserted
 */
export async function importFile(plan: ImportPlan): Promise<Reached> {
  let reached: Reached = {
    line: 0,
    bytes: 0,
    counts: { read: 0, inserted: 0, present: 0, rejected: 0 },
  }
  let batch: Batch = { rows: [], rejected: [] }
  let last = { number: 0, end: 0 }
  const finishBatch = async () => {
    const counts = await acknowledge(plan, reached.counts, batch)
    reached = { line: last.number, bytes: last.end, counts }
    batch = { rows: [], rejected: [] }
    plan.onBatch(reached)
    plan.stop.throwIfAborted()
  }
  try {
    const parser = lineParser(plan)
    for await (const line of linesOf(chunksOf(plan))) {
      last = line
      if (!isBlank(line, plan.format)) addLine(batch, line, parser, plan)
      const isFull = batch.rows.length >= plan.batchRows || batch.rejected.length >= BATCH_REJECTED
      if (isFull) await finishBatch()
    }
    parser.end()
    await finishBatch()
  } catch (error) {
    // Ctrl-C ends workerd too, and its end may be noticed first.
    await sleep(SIGNAL_MS)
    if (!plan.stop.aborted) throw error
  }
  return reached
}

/** Reads the lines after the header, which it takes for itself. */
interface LineParser {
  /** Returns nothing if the line was the header. */
  parse: (line: Line) => Given | undefined
  /** @throws CommandError if there was no line at all, not even a header */
  end: () => void
}

function lineParser(plan: ImportPlan): LineParser {
  let header: Header | undefined
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
  let isFirst = true
  return {
    parse: (line) => {
      const text = textOf(line)
      if (isFirst) requireKnownMembers(text)
      isFirst = false
      return parseJsonLine(text)
    },
    end: () => undefined,
  }
}

function addLine(batch: Batch, line: Line, { parse }: LineParser, { defaults }: ImportPlan): void {
  try {
    const given = parse(line)
    if (given !== undefined) batch.rows.push(rowOf(given, defaults))
  } catch (error) {
    if (!(error instanceof BadLine)) throw error
    const { number, bytes } = line
    batch.rejected.push({ line: number, reason: error.message, text: bytes.toString() })
  }
}

async function acknowledge(
  plan: ImportPlan,
  counts: Reached['counts'],
  { rows, rejected }: Batch,
): Promise<Reached['counts']> {
  const inserted = rows.length === 0 ? 0 : await plan.insert(rows)
  if (rejected.length > 0) plan.reject(rejected)
  return {
    read: counts.read + rows.length + rejected.length,
    inserted: counts.inserted + inserted,
    present: counts.present + rows.length - inserted,
    rejected: counts.rejected + rejected.length,
  }
}

function headerOf(line: Line, { defaults }: ImportPlan): Header {
  const header = parseHeader(line)
  const required = defaults.store_id === undefined ? (['store_id'] as const) : []
  requireColumns(header, [...required, 'cart_id', 'account_id'])
  return header
}

function chunksOf({ file, stop }: ImportPlan): Readable {
  if (file === undefined) return addAbortSignal(stop, process.stdin)
  return createReadStream(file, { signal: stop })
}
