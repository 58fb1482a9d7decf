// A process that tries many mutants: vitest stays, and reloads only the changed file.
import { globSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { createVitest, type Reporter } from 'vitest/node'
import config from '../../../vitest.config.ts'
import type { message } from '../mutants.ts'

/** Strangers and the schema: what these notice, others notice sooner. */
const LEFT_OUT = ['forged-tokens', 'fuzz', 'isolation', 'migrations', 'openapi', 'token-grid']
/** Tests that wait for deadlines: they run last. */
const SLOW = [
  'd1-errors',
  'database-faults',
  'fault-points',
  'remote-keys',
  'request-body',
  'sweep',
]
const OF_TOKENS = /token|key|settings/

/** The refusal matrix runs over every route; one is enough, because all refuse alike. */
const ONE_ROUTE = /^(?!.*(?:DELETE|GET) \S+.{1,3}(?:with a bad|with an implicit|without an access))/

/** Replaces the file on disk, which stays unchanged. */
let changed: { file: string; source: string | undefined } | undefined
/** The test that failed last for each changed file: it runs first for the next mutant. */
const failedLast = new Map<string, string>()

const mutating = {
  name: 'mutant',
  enforce: 'pre' as const,
  transform: (_: string, id: string) => (id === changed?.file ? changed.source : undefined),
}

const [worker] = config.test?.projects ?? []
if (typeof worker !== 'object' || !('plugins' in worker)) {
  throw new Error('vitest.config.ts does not begin with the project of the Worker')
}
// With this cache, vitest would keep a mutant on disk, and the next test run would find it.
const fsModuleCache = false
// Bundles two hundred modules of dependencies into a few files: every mutant loads them anew.
// Lists all that src/ imports of hono: a module outside the bundle would have symbols of its own.
const include = [
  ...['drizzle-orm', 'drizzle-orm/sqlite-core', 'jose', 'valibot'],
  ...['hono/hono-base', 'hono/route', 'hono/router/reg-exp-router', 'hono/utils/url'],
]
const deps = { optimizer: { ssr: { enabled: true, include } } }
const reporter: Reporter = { onTestCaseResult: () => say('test') }
const vitest = await createVitest('test', {
  config: false,
  watch: false,
  bail: 1,
  silent: true,
  reporters: [reporter],
  maxWorkers: 1,
  fsModuleCache,
  projects: [
    {
      ...worker,
      plugins: [mutating, worker.plugins],
      test: { ...worker.test, fsModuleCache, deps },
    },
  ],
})
vitest.setGlobalTestNamePattern(ONE_ROUTE)

const job = v.object({ file: v.string(), source: v.optional(v.string()) })
process.on('message', async (message) => {
  const { file, source } = v.parse(job, message)
  forget(changed?.file)
  changed = { file: path.resolve(file), source }
  forget(changed.file)
  const failed = await firstFailure(testsOf(file))
  if (failed !== undefined) failedLast.set(file, failed)
  say(failed === undefined ? 'survived' : 'killed')
})

/** The tests in the order in which they run until one fails. */
function testsOf(file: string): string[] {
  const isOfTokens = file.startsWith('src/tokens/')
  const rankOf = (name: string) => {
    if (name === failedLast.get(file)) return 0
    if (SLOW.includes(name)) return 3
    return OF_TOKENS.test(name) === isOfTokens ? 1 : 2
  }
  return globSync('test/worker/*.test.ts')
    .map((test) => path.basename(test, '.test.ts'))
    .filter((name) => !LEFT_OUT.includes(name))
    .toSorted((a, b) => rankOf(a) - rankOf(b))
}

async function firstFailure(tests: readonly string[]): Promise<string | undefined> {
  for (const name of tests) {
    vitest.state.clearErrors()
    vitest.state.filesMap.clear()
    const { testModules, unhandledErrors } = await vitest.start([`test/worker/${name}.test.ts`])
    // A file stays pending if a test runs out of time and ends the run.
    const passed = testModules.every((module) => ['passed', 'skipped'].includes(module.state()))
    if (!passed || unhandledErrors.length > 0) return name
  }
  return undefined
}

function forget(file: string | undefined): void {
  if (file === undefined) return
  for (const { vite } of vitest.projects) {
    for (const { moduleGraph } of Object.values(vite.environments)) moduleGraph.onFileChange(file)
  }
}

function say(what: v.InferOutput<typeof message>): void {
  process.send?.(what)
}
