// npx cart-accounts export: writes associations to a file, or to standard output, as import reads them.
import { createWriteStream, lstatSync, renameSync, rmSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { homeIn, shardToRead } from '../../src/storage/shards.ts'
import { type OpenDatabases, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import {
  badArgument,
  CommandError,
  command,
  grouped,
  parseOptions,
  safeId,
  showProgress,
} from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { reasonOf } from '../lib/responses.ts'
import { CSV_HEADER, formatOf, lineOf } from './association-file.ts'
import type { Row } from './association-row.ts'
import { readPages } from './associations.ts'

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
  const databases = await openDatabases(values)
  const startedAt = performance.now()
  let rows = 0
  async function* text() {
    if (format === 'csv') yield CSV_HEADER
    for await (const page of readRows(databases, store)) {
      yield page.map((row) => lineOf(row, format)).join('')
      rows += page.length
      showProgress(`${grouped(rows)} rows`)
    }
    showProgress('')
  }
  try {
    await write(text, output)
  } finally {
    await databases.close()
  }
  const seconds = (performance.now() - startedAt) / 1_000
  process.stderr.write(
    `${grouped(rows)} rows in ${seconds.toFixed(1)} s, ${grouped(Math.round(rows / seconds))} rows/s\n`,
  )
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

/** Completes a file, or leaves none; writes a device, a pipe or a link itself, without replacing it. */
async function write(text: () => AsyncIterable<string>, output: string | undefined): Promise<void> {
  if (output === undefined) return await pipeline(text, process.stdout, { end: false })
  try {
    const isReplaced = lstatSync(output, { throwIfNoEntry: false })?.isFile() ?? true
    const written = isReplaced ? `${output}.partial` : output
    if (isReplaced) process.once('exit', () => rmSync(written, { force: true }))
    await pipeline(text, createWriteStream(written))
    if (isReplaced) renameSync(written, output)
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`The export cannot be written: ${reasonOf(error)}`)
  }
}
