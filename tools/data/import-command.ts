// npm run import, in a process group of its own: moves associations in from a file.
import { existsSync } from 'node:fs'
import { isSubject, SUBJECT_RULE } from '../../src/ids.ts'
import {
  type DatabaseChoice,
  nameOf,
  openDatabases,
  whichDatabases,
} from '../lib/bound-databases.ts'
import { badArgument, CommandError, parseOptions, run, safeId, table } from '../lib/command-line.ts'
import { stopSignal } from '../lib/in-own-group.ts'
import { grouped } from '../lib/options.ts'
import { type Moment, progressBar } from '../lib/progress-bar.ts'
import { type Format, formatOf } from './association-file.ts'
import { BATCH_ROWS, insertRows } from './import-batch.ts'
import { type ImportPlan, importFile } from './import-file.ts'
import {
  describeInput,
  type ImportJob,
  type ImportProgress,
  newProgress,
  readProgress,
  removeProgress,
  saveProgress,
} from './import-progress.ts'

const HELP = `Moves associations in from a file.

  npm run import -- <file> [--store <id>] [--created-by <text>] [--format csv|ndjson] [--dry-run] [--restart]
                    [--remote] [--persist-to <directory>] [--config <file>]

<file> is CSV with a header, or NDJSON, an object a line (- is standard input, with --format). Its columns, in any order:

  store_id     The store; --store names that of rows without one
  cart_id      The cart
  account_id   An account that has it
  created_at   Optional: since when, as 2026-11-23T14:00:00.000Z or Unix time in milliseconds; else now
  created_by   Optional: who associated them; else --created-by, or else import
  request_id   Optional: by which request; else a UUID, the same for the whole file

npm run export writes the same. Rows are taken as what was true elsewhere: as for a server, a cart may have several accounts. A row whose
store, cart and account are there already changes nothing, so any file may be imported again. A line that is no good row goes to
<file>.rejected.csv (or .ndjson) with its number and the reason, and the rest goes on; the exit code is then 1.

Ctrl-C finishes the batch. How far it has come is in <file>.progress, and the same command goes on from there; --restart begins again.
--dry-run only checks the lines. They are the databases of this machine (or in <directory>, with --persist-to); with --remote,
those that wrangler.toml names. Stop npm start first: while rows go in, its writes may find the local database locked.

Examples

  npm run import -- associations.csv --dry-run
  npm run import -- associations.csv --remote
  npm run import -- carts.ndjson --store demo --created-by migration-2026
  gunzip -c associations.csv.gz | npm run -s import -- - --format csv
`

const options = {
  ...whichDatabases,
  store: { type: 'string' },
  'created-by': { type: 'string', default: 'import' },
  format: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  restart: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

/** What was asked for. */
interface Asked {
  /** Absent: standard input. */
  file: string | undefined
  format: Format
  store: string | undefined
  createdBy: string
  isDryRun: boolean
  restarts: boolean
  choice: DatabaseChoice
}

await run(async () => {
  const { values, positionals } = parseOptions(process.argv.slice(2), options, {
    allowPositionals: true,
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const [name, ...others] = positionals
  if (name === undefined || others.length > 0)
    throw badArgument('Name one file, or - for standard input')
  const file = name === '-' ? undefined : name
  await importAsked({
    file,
    format: formatOf(values.format, file),
    store: values.store === undefined ? undefined : safeId('--store', values.store),
    createdBy: subject('--created-by', values['created-by']),
    isDryRun: values['dry-run'],
    restarts: values.restart,
    choice: values,
  })
})

async function importAsked(asked: Asked): Promise<void> {
  const { file, format, isDryRun } = asked
  const progress = beginning(asked)
  const databases = isDryRun ? undefined : await openDatabases(asked.choice)
  const stop = stopSignal()
  const bar = progressBar(momentOf(progress))
  const rejectedFile = `${file ?? 'stdin'}.rejected.${format}`
  const plan: ImportPlan = {
    file,
    format,
    rejectedFile,
    defaults: {
      store_id: asked.store,
      created_at: progress.startedAt,
      created_by: asked.createdBy,
      request_id: progress.requestId,
    },
    batchRows: BATCH_ROWS,
    insert: async (rows) => (databases === undefined ? 0 : insertRows(databases, rows, stop)),
    onBatch: (reached) => {
      if (file !== undefined && !isDryRun) saveProgress(progressOf(file), reached)
      bar.show(momentOf(reached))
    },
    stop,
  }
  const startedAt = performance.now()
  const end = await importFile(plan, progress).finally(async () => {
    bar.end()
    await databases?.close()
  })
  if (stop.aborted) throw interrupted(file, end)
  if (file !== undefined) removeProgress(progressOf(file))
  process.stdout.write(summary(asked, progress, end, (performance.now() - startedAt) / 1_000))
  const { rejected } = end.counts
  if (rejected === 0) return
  throw new CommandError(
    `${grouped(rejected)} ${rejected === 1 ? 'line was' : 'lines were'} rejected: ${rejectedFile} has the reasons`,
  )
}

/** Where an interrupted import goes on, or else the beginning of the file. */
function beginning(asked: Asked): ImportProgress {
  const { file, format, store, createdBy, choice } = asked
  const job: ImportJob = { databases: nameOf(choice), format, createdBy }
  if (store !== undefined) job.store = store
  if (file === undefined) return newProgress({ size: 0, mtimeMs: 0, head: '' }, job)
  const input = describeInput(file)
  if (asked.isDryRun && existsSync(progressOf(file))) {
    throw new CommandError(`${progressOf(file)} is of an import to be finished first`)
  }
  if (asked.restarts) removeProgress(progressOf(file))
  const found = readProgress(progressOf(file), input, job)
  if (found === undefined) return newProgress(input, job)
  process.stdout.write(`Going on after line ${grouped(found.line)} of ${file}\n`)
  return found
}

function progressOf(file: string): string {
  return `${file}.progress`
}

function momentOf({ counts, offset, input }: ImportProgress): Moment {
  return { rows: counts.read, share: input.size > 0 ? offset / input.size : undefined }
}

function interrupted(file: string | undefined, { line }: ImportProgress): CommandError {
  const goOn =
    file === undefined
      ? 'import the whole again, which inserts nothing twice'
      : 'the same command goes on from there'
  return new CommandError(`Interrupted after line ${grouped(line)}: ${goOn}`, 130)
}

/** Counts of the whole file, also where this run did the rest of it only; the rate is of this run. */
function summary(
  { isDryRun }: Asked,
  begun: ImportProgress,
  { counts }: ImportProgress,
  seconds: number,
): string {
  const { read, inserted, present, rejected } = counts
  const rate = Math.round((read - begun.counts.read) / seconds)
  const written = [
    ['inserted', grouped(inserted)],
    ['already there', grouped(present)],
  ]
  return table([
    ['read', grouped(read)],
    ...(isDryRun ? [['good', grouped(read - rejected)]] : written),
    ['rejected', grouped(rejected)],
    ['seconds', seconds.toFixed(1)],
    ['rows/s', grouped(rate)],
  ])
}

function subject(option: string, value: string): string {
  if (isSubject(value)) return value
  throw badArgument(`${option} must be ${SUBJECT_RULE}, not ${JSON.stringify(value)}`)
}
