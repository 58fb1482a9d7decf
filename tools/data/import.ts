// npx cart-accounts import: moves associations in from a file.
import { appendFileSync, createReadStream, rmSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { addAbortSignal } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { UnavailableError } from '../../src/errors.ts'
import { type Shard, shardToWrite } from '../../src/storage/shards.ts'
import { type OpenDatabases, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import {
  badArgument,
  CommandError,
  command,
  grouped,
  parseOptions,
  safeId,
  showProgress,
  subject,
  table,
} from '../lib/command-line.ts'
import { reasonOf } from '../lib/responses.ts'
import {
  type Batch,
  batchesOf,
  csvLine,
  type Format,
  formatOf,
  linesOf,
  type Rejection,
} from './association-file.ts'
import { type Row, UuidSpellings } from './association-row.ts'
import { insertRows } from './associations.ts'

const HELP = `Moves associations in from a file.

  npx cart-accounts import <file> [--store <id>] [--created-by <text>] [--format csv|ndjson] [--dry-run]
                           [--remote [--env <name>]] [--persist-to <directory>] [--config <file>]

<file> is CSV with a header, or NDJSON, an object a line (- is standard input, with --format). Its columns, in any order:

  store_id     The store; --store names that of rows without one
  cart_id      The cart
  account_id   An account that has it
  created_at   Optional: since when, as 2026-11-23T14:00:00.000Z or Unix time in milliseconds; else now
  used_at      Optional: last used when; else created_at
  created_by   Optional: who associated them; else --created-by, or else import
  request_id   Optional: by which request; else a UUID, the same for all rows of this run

npx cart-accounts export writes the same. Rows are taken as what was true elsewhere: as for a server, a cart may have several accounts.
A line that is no good row goes to <file>.rejected.csv (or .ndjson) with its number and the reason, and the rest goes on; the exit
code is then 1.

A row whose store, cart and account are there already changes nothing and costs no write, so any file may be imported again. Ctrl-C ends
the import after a batch; after that, or after a crash, the same command inserts what is missing.
--dry-run only checks the lines, and writes nothing. They are the databases of this machine (or in <directory>, with --persist-to); with
--remote, those that wrangler.toml names for --env. Stop npm start first: while rows go in, its writes may find the local database locked.

Examples

  npx cart-accounts import associations.csv --dry-run
  npx cart-accounts import associations.csv --remote --env production
  npx cart-accounts import carts.ndjson --store demo --created-by migration-2026
  gunzip -c associations.csv.gz | npx cart-accounts import - --format csv
`

const options = {
  ...whichDatabases,
  store: { type: 'string' },
  'created-by': { type: 'string', default: 'import' },
  format: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
} as const

const SIGNAL_MS = 100
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export const importRows = command(HELP, async (args) => {
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const [name, ...others] = positionals
  if (name === undefined || others.length > 0)
    throw badArgument('Name one file, or - for standard input')
  const file = name === '-' ? undefined : name
  const format = formatOf(values.format, file)
  const defaults = {
    store_id: values.store === undefined ? undefined : safeId('--store', values.store),
    created_at: Date.now(),
    created_by: subject('--created-by', values['created-by']),
    request_id: crypto.randomUUID(),
  }
  const size = file === undefined ? 0 : sizeOf(file)
  const databases = values['dry-run'] ? undefined : await openDatabases(values)
  const rejectedFile = `${file ?? 'stdin'}.rejected.${format}`
  const stop = stopSignal()
  const input = file === undefined ? process.stdin : createReadStream(file)
  const lines = linesOf(addAbortSignal(stop, input.setEncoding('utf8')))
  const showRead = (rows: number) => {
    const share = size > 0 ? `${Math.floor((100 * input.bytesRead) / size)}%, ` : ''
    showProgress(`${share}${grouped(rows)} rows`)
  }
  const startedAt = performance.now()
  const { read, inserted, rejected } = await importBatches(batchesOf(lines, format, defaults), {
    insert: async (rows) => (databases ? await insertByHome(databases, rows, stop) : 0),
    reject: databases ? writeRejected(rejectedFile, format) : showRejected,
    showRead,
    stop,
  }).finally(() => databases?.close())
  const seconds = (performance.now() - startedAt) / 1_000
  const written = [
    ['inserted', grouped(inserted)],
    ['already there', grouped(read - rejected - inserted)],
  ]
  const results = [
    ['read', grouped(read)],
    ...(databases ? written : []),
    ['rejected', grouped(rejected)],
    ['seconds', seconds.toFixed(1)],
    ['rows/s', grouped(Math.round(read / seconds))],
  ]
  process.stdout.write(table(results))
  if (rejected === 0) return
  if (databases === undefined) throw new CommandError('Some lines would be rejected')
  throw new CommandError(`Some lines were rejected: ${rejectedFile} has the reasons`)
})

interface Import {
  /** Returns how many of the rows were not there. */
  insert: (rows: readonly Row[]) => Promise<number>
  reject: (rejections: readonly Rejection[]) => void
  showRead: (rows: number) => void
  stop: AbortSignal
}

/** @throws CommandError if it was interrupted, or the rows cannot be inserted */
async function importBatches(
  batches: AsyncIterable<Batch>,
  { insert, reject, showRead, stop }: Import,
): Promise<{ read: number; inserted: number; rejected: number }> {
  const spellings = new UuidSpellings()
  const counts = { read: 0, inserted: 0, rejected: 0 }
  let reached = 0
  try {
    for await (const { rows, rejected, line } of batches) {
      for (const row of rows) spellings.add(row)
      if (rows.length > 0) counts.inserted += await insert(rows)
      if (rejected.length > 0) reject(rejected)
      counts.rejected += rejected.length
      counts.read += rows.length + rejected.length
      reached = line
      showRead(counts.read)
      stop.throwIfAborted()
    }
  } catch (error) {
    // Ctrl-C ends workerd too, and its end may be noticed first.
    await sleep(SIGNAL_MS)
    if (!stop.aborted) throw error
    throw new CommandError(
      `Interrupted after line ${grouped(reached)}: import the whole again, which inserts nothing twice`,
      130,
    )
  } finally {
    showProgress('')
  }
  process.stderr.write(spellings.warning)
  return counts
}

/** Inserts each row in the database of its store, and returns how many were not there. */
async function insertByHome(
  databases: OpenDatabases,
  rows: readonly Row[],
  stop: AbortSignal,
): Promise<number> {
  const byHome = Map.groupBy(rows, ([storeId]) => homeOfStore(databases, storeId))
  let total = 0
  for (const [home, ofHome] of byHome) total += await insertRows(databases, home, ofHome, stop)
  return total
}

/** @throws CommandError while the store moves, as the Worker refuses to write it */
function homeOfStore(databases: OpenDatabases, storeId: string): Shard {
  try {
    return shardToWrite(databases, storeId)
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error
    throw new CommandError(
      `The store ${storeId} is moving to another database: import again once MOVING_TO, MOVING_FROM and STORE_PLACEMENT_NEXT are unset`,
    )
  }
}

/** Aborted by the first signal; the second one ends the process at once. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  for (const signal of SIGNALS) {
    // Miniflare would end the process in the middle of a batch.
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(128 + constants.signals[signal])
      stopping.abort()
    })
  }
  return stopping.signal
}

function sizeOf(file: string): number {
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw new Error('it is no file, and only - is standard input')
    return stats.size
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${reasonOf(error)}`)
  }
}

/** Makes the file anew, once there is something to write. */
function writeRejected(file: string, format: Format): Import['reject'] {
  rmSync(file, { force: true })
  let head = format === 'csv' ? csvLine(['line', 'reason', 'text']) : ''
  const lineOf = ({ line, reason, text }: Rejection) =>
    format === 'csv'
      ? csvLine([String(line), reason, text])
      : `${JSON.stringify({ line, reason, text })}\n`
  return (rejections) => {
    appendFileSync(file, head + rejections.map(lineOf).join(''))
    head = ''
  }
}

function showRejected(rejections: readonly Rejection[]): void {
  for (const { line, reason } of rejections) process.stderr.write(`Line ${line}: ${reason}\n`)
}
