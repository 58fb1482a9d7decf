// A process that tries one mutant after another: vitest stays, and only the changed file is new to it.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { createVitest, type Reporter } from 'vitest/node'
import config from '../../../vitest.config.ts'
import { jobs, type message } from './try-each.ts'

/** The refusal matrix runs over every route; what refuses is the same for all, so one of them does. */
const ONE_ROUTE = /^(?!.*(?:DELETE|GET) \S+.{1,3}(?:with a bad|with an implicit|without an access))/

/** In place of the file on disk, which stays as it is. */
let changed: { file: string; source: string | undefined } | undefined

const mutating = {
  name: 'mutant',
  enforce: 'pre' as const,
  transform: (_: string, id: string) => (id === changed?.file ? changed.source : undefined),
}

const reporter: Reporter = { onTestCaseResult: () => say('test') }

function say(what: v.InferOutput<typeof message>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

const [worker] = config.test?.projects ?? []
if (typeof worker !== 'object' || !('plugins' in worker)) {
  throw new Error('vitest.config.ts does not begin with the project of the Worker')
}
// Vitest would keep what it has transformed on disk, where the next test run would find a mutant.
const fsModuleCache = false
// Two hundred modules of theirs are loaded anew for every mutant: as a few files, in half the time.
// All that src/ imports of hono stands here: what is not has symbols of its own.
const include = [
  'drizzle-orm',
  'drizzle-orm/casing',
  'drizzle-orm/sqlite-core',
  'hono/etag',
  'hono/hono-base',
  'hono/route',
  'hono/router/reg-exp-router',
  'hono/utils/url',
  'jose',
  'valibot',
]
const deps = { optimizer: { ssr: { enabled: true, include } } }
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

const [, , list = ''] = process.argv
for (const { file, source, tests } of v.parse(jobs, JSON.parse(readFileSync(list, 'utf8')))) {
  const before = changed?.file
  changed = { file: path.resolve(file), source }
  forget(before)
  forget(changed.file)
  vitest.state.clearErrors()
  vitest.state.filesMap.clear()
  const { testModules, unhandledErrors } = await vitest.start(
    tests.map((name) => `test/worker/${name}.test.ts`),
  )
  const failed = testModules.some((module) => module.state() === 'failed')
  say(failed || unhandledErrors.length > 0 ? 'killed' : 'survived')
}
await vitest.close()

function forget(file: string | undefined): void {
  if (file === undefined) return
  for (const { vite } of vitest.projects) {
    for (const { moduleGraph } of Object.values(vite.environments)) moduleGraph.onFileChange(file)
  }
}
