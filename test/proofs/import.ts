// npm run prove import: whether a million rows go in, through a kill -9, and come out unchanged.
import { createHash } from 'node:crypto'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, grouped, parseOptions } from '../../tools/lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { migrateLocalDatabases } from '../../tools/lib/local-databases.ts'
import { exitCodeOf, kill, onOutput, startNode } from '../../tools/lib/processes.ts'
import { writeAssociations } from '../lib/association-rows.ts'
import { wholeNumber } from '../lib/options.ts'

const STORES = ['demo', 'store-1', 'store-2']
const POLL_MS = 20
const MB = 1_000_000
/** How much more memory ten times as many rows may take, to allow for the garbage collector. */
const MAX_GROWTH = 1.5

/** @throws CommandError if a row is lost or added, or memory grows with the rows */
export async function importAndExport(args: string[]): Promise<void> {
  const { values } = parseOptions(args, { rows: { type: 'string', default: '1000000' } })
  const rows = wholeNumber('--rows', values.rows, { min: 10_000, max: 2_000_000 })
  const directory = temporaryDirectory('import')
  const small = await newScene(directory, 'tenth', rows / 10)
  const large = await newScene(directory, 'whole', rows)
  const out = path.join(directory, 'out.csv')

  const tenth = await finished('import', [small.file, ...small.target])
  report(`${grouped(rows / 10)} rows imported`, rows / 10, tenth)
  const killed = await killedAt(rows / 2, large)
  const whole = await finished('import', [large.file, ...large.target])
  report(`${grouped(rows)} rows imported, killed at half`, rows, {
    seconds: killed.seconds + whole.seconds,
    peakBytes: Math.max(killed.peakBytes, whole.peakBytes),
  })
  const exported = await finished('export', ['--output', out, ...large.target])
  report(`${grouped(rows)} rows exported`, rows, exported)

  const [before, after] = [sortedDigest(large.file), sortedDigest(out)]
  process.stdout.write(`import: SHA-256 of the sorted lines: ${before} in, ${after} out\n`)
  if (before !== after) throw new CommandError('What came out is not what went in')
  if (Math.max(killed.peakBytes, whole.peakBytes) > tenth.peakBytes * MAX_GROWTH) {
    throw new CommandError('The memory of the import grows with its rows')
  }
}

interface Scene {
  file: string
  directory: string
  /** The options that name the database to the commands. */
  target: string[]
}

/** Makes a file of rows, and an empty database for them. */
async function newScene(parent: string, name: string, rows: number): Promise<Scene> {
  const directory = path.join(parent, name)
  const file = `${directory}.csv`
  await migrateLocalDatabases({ 'persist-to': directory })
  await writeAssociations(file, rows, STORES)
  return { file, directory, target: ['--persist-to', directory] }
}

interface Measured {
  seconds: number
  /** The resident memory of the largest Node process; workerd does not count. */
  peakBytes: number
}

async function finished(command: 'import' | 'export', args: string[]): Promise<Measured> {
  const { child, measured } = start(command, args)
  const code = await exitCodeOf(child)
  if (code !== 0) throw new CommandError(`The ${command} ended with exit code ${code}`)
  return measured()
}

/** Starts an import, and kills it and its workerd once so many rows are in. */
async function killedAt(rows: number, { file, directory, target }: Scene): Promise<Measured> {
  const { child, measured } = start('import', [file, ...target])
  const exit = exitCodeOf(child)
  const [database = ''] = globSync(`${directory}/v3/d1/*/[!m]*.sqlite`)
  const db = new DatabaseSync(database, { readOnly: true, timeout: 1_000 })
  const count = db.prepare('select count(*) as rows from associations')
  while (Number(count.get()?.['rows']) < rows && child.exitCode === null) await sleep(POLL_MS)
  if (child.exitCode !== null) throw new CommandError('The import ended before it was killed')
  kill(child)
  await exit
  process.stdout.write(`Killed with ${grouped(Number(count.get()?.['rows']))} rows in\n`)
  db.close()
  return measured()
}

function start(command: 'import' | 'export', args: string[]) {
  const peaks = temporaryDirectory('peaks')
  const preload = path.join(import.meta.dirname, 'peak-memory.ts')
  const env = { PEAK_MEMORY_DIRECTORY: peaks, NODE_OPTIONS: `--no-warnings --import ${preload}` }
  const startedAt = performance.now()
  const child = startNode(['--', 'tools/cli.mjs', command, ...args], env, projectRoot)
  onOutput(child, (text) => process.stdout.write(`${text.trimEnd()}\n`))
  const measured = (): Measured => ({
    seconds: (performance.now() - startedAt) / 1_000,
    peakBytes: Math.max(
      ...readdirSync(peaks).map((name) => Number(readFileSync(path.join(peaks, name), 'utf8'))),
    ),
  })
  return { child, measured }
}

function sortedDigest(file: string): string {
  const hash = createHash('sha256')
  for (const line of readFileSync(file, 'latin1').split('\n').toSorted()) hash.update(`${line}\n`)
  return hash.digest('hex')
}

function report(what: string, rows: number, { seconds, peakBytes }: Measured): void {
  const rate = grouped(Math.round(rows / seconds))
  const memory = Math.round(peakBytes / MB)
  process.stdout.write(
    `import: ${what}: ${seconds.toFixed(1)} s, ${rate} rows/s, at most ${memory} MB\n`,
  )
}
