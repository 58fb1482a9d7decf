// How far the import of a file has come, kept beside it: what is counted there need not be done again.
import { createHash } from 'node:crypto'
import {
  closeSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import * as v from 'valibot'
import { CommandError } from '../lib/command-line.ts'

const HEAD_BYTES = 64 * 1024

const input = v.object({
  size: v.number(),
  mtimeMs: v.number(),
  /** SHA-256 of its first 64 KiB. */
  head: v.string(),
})

/** What must be the same when an import goes on. */
const job = v.object({
  databases: v.string(),
  format: v.string(),
  store: v.optional(v.string()),
  createdBy: v.string(),
})

const progress = v.object({
  input,
  job,
  /** Of the rows that name none. */
  startedAt: v.number(),
  requestId: v.string(),
  /** Where to go on: bytes, and lines before it. */
  offset: v.number(),
  line: v.number(),
  rejectedBytes: v.number(),
  counts: v.object({
    read: v.number(),
    inserted: v.number(),
    present: v.number(),
    rejected: v.number(),
  }),
})

export type ImportInput = v.InferOutput<typeof input>
export type ImportJob = v.InferOutput<typeof job>
export type ImportProgress = v.InferOutput<typeof progress>
/** `read`: rows and bad lines; `present`: rows that were there already. */
export type Counts = ImportProgress['counts']

/** The import of a file from its beginning. */
export function newProgress(file: ImportInput, job: ImportJob): ImportProgress {
  return {
    input: file,
    job,
    startedAt: Date.now(),
    requestId: crypto.randomUUID(),
    offset: 0,
    line: 0,
    rejectedBytes: 0,
    counts: { read: 0, inserted: 0, present: 0, rejected: 0 },
  }
}

/** What tells this state of the file from another one. */
export function describeInput(file: string): ImportInput {
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw new Error('it is no file, and only - is standard input')
    const { size, mtimeMs } = stats
    const bytes = Buffer.alloc(Math.min(size, HEAD_BYTES))
    const descriptor = openSync(file, 'r')
    readSync(descriptor, bytes)
    closeSync(descriptor)
    return { size, mtimeMs, head: createHash('sha256').update(bytes).digest('hex') }
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/**
 * How far an interrupted import of this state of the file has come, where there is one.
 *
 * @throws CommandError where it was of another state of the file, or was asked for in other words
 */
export function readProgress(
  path: string,
  file: ImportInput,
  job: ImportJob,
): ImportProgress | undefined {
  const text = textOf(path)
  if (text === undefined) return undefined
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), progress), text)
  const again = '--restart begins it again, which inserts nothing twice'
  if (!result.success) throw new CommandError(`${path} is damaged: ${again}`)
  const found = result.output
  if (JSON.stringify(found.input) !== JSON.stringify(file)) {
    throw new CommandError(`The file has changed since its import was interrupted: ${again}`)
  }
  if (JSON.stringify(found.job) !== JSON.stringify(v.parse(progress.entries.job, job))) {
    throw new CommandError(
      `The interrupted import was into another database, or had other options: repeat it with those, or ${again}`,
    )
  }
  return found
}

/** As a whole, or not at all. */
export function saveProgress(path: string, found: ImportProgress): void {
  writeFileSync(`${path}.next`, `${JSON.stringify(found)}\n`)
  renameSync(`${path}.next`, path)
}

export function removeProgress(path: string): void {
  rmSync(path, { force: true })
  rmSync(`${path}.next`, { force: true })
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
