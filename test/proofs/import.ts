// npm run test:import: whether a million rows go in, through a kill -9, and come out as they were.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { CommandError, parseOptions, run } from '../../tools/lib/command-line.ts'
import { migrateLocalDatabases } from '../../tools/lib/local-databases.ts'
import { grouped, wholeNumber } from '../../tools/lib/options.ts'
import {
  checkNotStopped,
  exitCodeOf,
  onOutput,
  startNode,
  stopAll,
  stopAllAtTheEnd,
} from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { writeAssociations } from '../tools/association-rows.ts'
import { startImport } from '../tools/import-process.ts'

const USAGE = `Imports rows into a local database, through a SIGKILL at half of them, exports them, and compares.

  npm run test:import -- [--rows <number>]

  --rows  How many (default: 1000000); a tenth of them, imported by itself, shows whether memory grows
`

const STORES = ['demo', 'store-1', 'store-2']
const MB = 1_000_000
/** What a garbage collector may leave lying about, of ten times as many rows. */
const MAX_GROWTH = 1.5

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    rows: { type: 'string', default: '1000000' },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const rows = wholeNumber('--rows', values.rows, { min: 10_000, max: 2_000_000 })
  stopAllAtTheEnd()
  try {
    await prove(rows, temporaryDirectory('import'))
  } catch (error) {
    checkNotStopped()
    throw error
  } finally {
    await stopAll()
  }
})

/** @throws CommandError where a row is lost or another one, or memory grows with the rows */
async function prove(rows: number, directory: string): Promise<void> {
  const tenth = await measureImport(directory, 'tenth', rows / 10)
  report('imported', tenth)
  const whole = await measureImport(directory, 'whole', rows, rows / 2)
  report('imported, killed at half', whole)
  const out = path.join(directory, 'out.csv')
  const exported = await measureExport(out, whole.target)
  report('exported', { ...exported, rows })
  const [before, after] = [sortedDigest(whole.file), sortedDigest(out)]
  say(`import: SHA-256 of the sorted lines: ${before} in, ${after} out`)
  if (before !== after) throw new CommandError('What came out is not what went in')
  if (whole.peakBytes > tenth.peakBytes * MAX_GROWTH) {
    throw new CommandError('The memory of the import grows with its rows')
  }
}

interface Measured {
  seconds: number
  /** Resident memory of the Node process, at most; workerd is another one. */
  peakBytes: number
}

interface Imported extends Measured {
  rows: number
  file: string
  target: string[]
}

async function measureImport(
  directory: string,
  name: string,
  rows: number,
  killAt?: number,
): Promise<Imported> {
  const state = path.join(directory, name)
  const target = ['--persist-to', state]
  await migrateLocalDatabases({ 'persist-to': state })
  const file = path.join(directory, `${name}.csv`)
  await writeAssociations(file, rows, STORES)
  say(`Importing ${grouped(rows)} rows`)
  const startedAt = performance.now()
  let peakBytes = 0
  if (killAt !== undefined) {
    const first = importing(directory, file, target)
    await first.reached(killAt)
    first.kill()
    await first.ended
    peakBytes = first.peakBytes()
  }
  const last = importing(directory, file, target)
  const { code, output } = await last.ended
  if (code !== 0) throw new CommandError(`The import ended with exit code ${code}:\n${output}`)
  const seconds = (performance.now() - startedAt) / 1_000
  say(output.trim())
  return { rows, file, target, seconds, peakBytes: Math.max(peakBytes, last.peakBytes()) }
}

function importing(directory: string, file: string, target: string[]) {
  const kept = keptPeak(directory)
  return { ...startImport(file, target, directory, kept), peakBytes: kept.peakBytes }
}

async function measureExport(output: string, target: string[]): Promise<Measured> {
  const kept = keptPeak(path.dirname(output))
  const script = path.join(projectRoot, 'tools', 'data', 'export.ts')
  const args = [...kept.args, '--', script, '--output', output, ...target]
  const startedAt = performance.now()
  const child = startNode(args, kept.env, projectRoot)
  onOutput(child, (text) => process.stdout.write(text))
  const code = await exitCodeOf(child)
  if (code !== 0) throw new CommandError(`The export ended with exit code ${code}`)
  return { seconds: (performance.now() - startedAt) / 1_000, peakBytes: kept.peakBytes() }
}

/** What makes a process of Node keep its peak memory. */
function keptPeak(directory: string) {
  const file = path.join(directory, 'peak')
  return {
    args: ['--no-warnings', '--import', path.join(import.meta.dirname, 'peak-memory.ts')],
    env: { PEAK_MEMORY_FILE: file },
    peakBytes: () => Number(readFileSync(file, 'utf8')),
  }
}

function sortedDigest(file: string): string {
  const hash = createHash('sha256')
  for (const line of readFileSync(file, 'latin1').split('\n').toSorted()) hash.update(`${line}\n`)
  return hash.digest('hex')
}

function report(what: string, { rows, seconds, peakBytes }: Measured & { rows: number }): void {
  const rate = grouped(Math.round(rows / seconds))
  const memory = Math.round(peakBytes / MB)
  say(
    `import: ${grouped(rows)} rows ${what}: ${seconds.toFixed(1)} s, ${rate} rows/s, at most ${memory} MB`,
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
