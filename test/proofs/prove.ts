// npm run prove: runs one proof of the Worker at full size.
import type { Reporter } from 'vitest/node'
import { command, named, parseOptions, run } from '../../tools/lib/command-line.ts'
import { withProcesses } from '../../tools/lib/processes.ts'
import { printSeed, seedOption } from '../lib/options.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

const HELP = `Runs one proof of the Worker at full size; npm test runs a share of the first three.

  npm run prove <proof> -- [options]

  faults     lets each call to the database fail, in every way, at every try
  strangers  sends forged, stale and foreign tokens to every route
  fuzz       makes 50,000 hostile requests
  crash      kills the Worker under load, starts it again and reads back
               --kills <number>       how often (default: 12)
  races      sends requests at once to two isolates over one database
               --operations <number>  how many, in whole phases of 480 (default: 20000)
  move       moves a store to a database of its own while it and another store are written
  sweep      removes what has expired of a million rows, is killed, and goes on
               --rows <number>        how many (default: 1000000)
  sockets    writes to the sockets of the built Worker what no client library would
  import     imports rows, kills the import at half, goes on, exports and compares
               --rows <number>        how many (default: 1000000)
  load       lets strangers ask as often as they can, and counts the queries that this causes
               --against <directory>  app.js of another commit, measured in the same run
  soak       sends what a storefront does, for half an hour, and watches the memory
               --minutes <number>     how long (default: 30)
               --rate <number>        requests a second (default: 60)
  mutants    breaks the Worker in one place at a time; a test must notice
               --sample <percent>     a share of the mutants (default: 100)
               --file <path>          mutants of this file only
               --made-by <name>       contract or stryker (default: both)
  clients    runs the published SDKs against the Worker
  browser    opens the pages in Chromium; CHROME_PATH names another browser

  --seed <number>  repeats the run that printed this seed (faults, strangers, fuzz, crash, races,
                   move, soak, mutants; default: a new one each time)

Examples:

  npm run prove faults
  npm run prove crash -- --kills 3 --seed 42
  npm run prove mutants -- --file src/tokens/verify.ts --sample 10
`

type Proof = (args: string[]) => Promise<void>

/** Loaded on demand: each takes half a second to load. */
const proofs: Record<string, Proof> = {
  faults: inWorkerTests('fault-points', 'database-faults', 'sweep'),
  strangers: inWorkerTests(
    ...['token-refusals', 'forged-tokens', 'token-grid', 'isolation', 'remote-keys'],
  ),
  fuzz: inWorkerTests('fuzz', 'hostile-body', 'request-body'),
  crash: inProcesses(async () => (await import('./crash.ts')).crash),
  races: inProcesses(async () => (await import('./races.ts')).races),
  move: inProcesses(async () => (await import('./move.ts')).move),
  sweep: inProcesses(async () => (await import('./sweep.ts')).sweep),
  sockets: inProcesses(async () => (await import('./hostile-sockets.ts')).sockets),
  import: inProcesses(async () => (await import('./import.ts')).importAndExport),
  load: inProcesses(async () => (await import('./load.ts')).load),
  soak: inProcesses(async () => (await import('./soak.ts')).soak),
  mutants: inProcesses(async () => (await import('./mutants.ts')).mutants),
  clients: inTests('clients'),
  browser: inTests('browser'),
}

const prove = command(HELP, ([name, ...args]) => named('Name what to do', proofs, name)(args))

await run(() => prove(process.argv.slice(2)))

/** Runs these files of test/worker at full size. */
function inWorkerTests(...names: string[]): Proof {
  return async (args) => {
    const { values } = parseOptions(args, seedOption)
    process.env['PROOF_SEED'] = String(printSeed(values.seed))
    process.env['PROOF_SIZE'] = 'whole'
    await runTests('worker', ...names.map((name) => `test/worker/${name}.test.ts`))
  }
}

/** Runs all test files of the project. */
function inTests(project: string): Proof {
  return async (args) => {
    parseOptions(args, {})
    await runTests(project)
  }
}

/** Runs test files of a project, or all; prints last what the tests have left in `task.meta`. */
async function runTests(project: string, ...files: string[]): Promise<void> {
  const { startVitest } = await import('vitest/node')
  const figuresReporter: Reporter = {
    onTestRunEnd(modules) {
      const tests = modules.flatMap(({ children }) => [...children.allTests()])
      const figures = tests.flatMap((test) => test.meta().figures ?? [])
      process.stdout.write(`\n${figures.map((line) => `${line}\n`).join('')}`)
    },
  }
  const reporters = ['default', figuresReporter]
  const vitest = await startVitest('test', files, { project: [project], watch: false, reporters })
  await vitest.close()
}

/** Ends all processes that the proof has started. */
function inProcesses(load: () => Promise<Proof>): Proof {
  return async (args) => {
    const proof = await load()
    await withProcesses(() => proof(args))
  }
}
