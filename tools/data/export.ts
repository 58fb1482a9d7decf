// npx cart-accounts export: writes associations to a file, or to standard output, as import reads them.
import { once } from 'node:events'
import { createWriteStream, lstatSync, renameSync, rmSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { homeIn, shardToRead } from '../../src/storage/shards.ts'
import { type OpenDatabases, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import {
  badArgument,
  CommandError,
  command,
  grouped,
  parseOptions,
  safeId,
} from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { CSV_HEADER, type Format, formatOf, lineOf } from './association-file.ts'
import type { Row } from './association-row.ts'
import { readPages } from './associations.ts'
import { startProgress } from './progress.ts'

const HELP = `Writes associations as CSV with a header, or as NDJSON: what npx cart-accounts import reads.

  npx cart-accounts export [--store <id>] [--format csv|ndjson] [--output <file>]
                           [--remote [--env <name>]] [--persist-to <directory>] [--config <file>]

Without --store all stores, database by database, in the order of store, cart and account; without --output to standard output.
The file is there only once it is complete; a device, a pipe or a link is written as it goes. Rows are read page by page: each one that is there all the time is written once, and what is
associated or dissociated meanwhile may be there or not. They are the databases of this machine (or in <directory>, with
--persist-to); with --remote, those that wrangler.toml names for --env. A text of CSV that begins with = + - or @ has a ' before it, so that no
spreadsheet runs it; import takes it away again.

Examples

  npx cart-accounts export --output associations.csv
  npx cart-accounts export --store demo --format ndjson | head
  npx cart-accounts export --remote --env production | gzip > associations.csv.gz
`

const options = {
  ...whichDatabases,
  store: { type: 'string' },
  format: { type: 'string' },
  output: { type: 'string' },
} as const

export const exportRows = command(HELP, async (args) => {
  const { values } = parseOptions(args, options)
  const { output } = values
  if (output === '') throw badArgument('--output must name a file')
  const format = formatOf(values.format ?? (output === undefined ? 'csv' : undefined), output)
  const store = values.store === undefined ? undefined : safeId('--store', values.store)
  stopAllAtTheEnd()
  const target = await openTarget(output)
  const databases = await openDatabases(values)
  try {
    await writeRows(readRows(databases, store), format, target)
  } finally {
    await databases.close()
  }
})

/** Reads one database after the other. Skips rows that a move left behind. */
async function* readRows(databases: OpenDatabases, store?: string): AsyncGenerator<Row[], void> {
  const { all, present } = databases
  const sources = store === undefined ? all : [shardToRead(databases, store)]
  const stores = store === undefined ? undefined : [store]
  for (const source of sources) {
    for await (const page of readPages(databases, source, stores)) {
      yield page.filter(([storeId]) => homeIn(present, storeId).name === source.name)
    }
  }
}

async function writeRows(
  pages: AsyncIterable<readonly Row[]>,
  format: Format,
  target: Target,
): Promise<void> {
  const startedAt = performance.now()
  const progress = startProgress()
  let rows = 0
  if (format === 'csv') await target.write(CSV_HEADER)
  for await (const page of pages) {
    await target.write(page.map((row) => lineOf(row, format)).join(''))
    rows += page.length
    progress.show({ rows })
  }
  await target.complete()
  progress.end()
  const seconds = (performance.now() - startedAt) / 1_000
  process.stderr.write(
    `${grouped(rows)} rows in ${seconds.toFixed(1)} s, ${grouped(Math.round(rows / seconds))} rows/s\n`,
  )
}

interface Target {
  write: (text: string) => Promise<void>
  complete: () => Promise<void>
}

/** A file is complete, or not there; a device, a pipe or a link is written itself, not replaced. */
async function openTarget(output: string | undefined): Promise<Target> {
  if (output === undefined) {
    return { write: (text) => write(process.stdout, text), complete: async () => undefined }
  }
  try {
    const isReplaced = lstatSync(output, { throwIfNoEntry: false })?.isFile() ?? true
    const written = isReplaced ? `${output}.partial` : output
    const remove = () => rmSync(written, { force: true })
    if (isReplaced) process.once('exit', remove)
    const stream = createWriteStream(written)
    await once(stream, 'open')
    // Each write reports its own error.
    stream.on('error', () => undefined)
    return {
      write: (text) => write(stream, text),
      complete: async () => {
        stream.end()
        await once(stream, 'close')
        if (!isReplaced) return
        renameSync(written, output)
        process.off('exit', remove)
      },
    }
  } catch (error) {
    throw unwritable(error)
  }
}

/** Waits for a slow reader. */
async function write(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(unwritable(error)) : resolve()))
  })
}

function unwritable(error: unknown): CommandError {
  return new CommandError(
    `The export cannot be written: ${error instanceof Error ? error.message : error}`,
  )
}
