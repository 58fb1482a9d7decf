// The Worker as it is deployed, in a process of its own that may be killed and started again.
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import * as v from 'valibot'
import { CommandError } from '../../tools/lib/command-line.ts'
import { exitCodeOf, kill, onOutput, startNode } from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { build } from '../../tools/lib/wrangler.ts'
import { type LocalSettings, localSettings } from '../../tools/tokens/local-settings.ts'
import { readyMessage, type ServeOptions } from './serve.ts'

/** The Worker, built once, with keys and a database of its own. */
export interface BuiltWorker {
  settings: LocalSettings
  /** Its settings as texts, by their names, the keys among them. */
  bindings: Record<string, string>
  /** The one file of it. */
  bundle: string
  /** Starts a process that serves it, over the database as the last one left it. */
  serve: (options?: Partial<HowToServe>) => Promise<Serving>
}

export interface HowToServe {
  isolates: number
  /** Beside those of the Worker, or in their place. */
  bindings: Record<string, string>
  /** The modules in place of the bundle alone, the main one first. */
  modules: string[]
  /** Names the database to serve over, if there are several. */
  database: string
  log: ServeOptions['log']
  /** SQL for a new database, once it has its tables. */
  statements: string[]
}

export interface Serving {
  /** One for each isolate. */
  urls: string[]
  /** The process, whose child is workerd. */
  pid: number
  /** Holds the database, which outlives the process. */
  directory: string
  /** Whatever the process has printed. */
  output: () => string
  /** SIGKILL: no process of it does anything more, and nothing is flushed or closed. */
  kill: () => Promise<void>
}

/** Builds the Worker as a deployment would. */
export async function buildWorker(purpose: string): Promise<BuiltWorker> {
  const directory = temporaryDirectory(purpose)
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  await build(directory)
  const { compatibility_date: compatibilityDate } = v.parse(
    v.object({ compatibility_date: v.string() }),
    parseToml(readFileSync(path.join(projectRoot, 'wrangler.toml'), 'utf8')),
  )
  const texts = v.parse(v.record(v.string(), v.string()), {
    AUTH_ISSUER: settings.issuer,
    AUTH_AUDIENCE: settings.audience,
    ...parseEnv(readFileSync(devVars, 'utf8')),
  })
  const bundle = path.join(directory, 'app.js')
  return {
    settings,
    bindings: texts,
    bundle,
    serve: ({ database = 'database', bindings = {}, ...how } = {}) =>
      serve({
        modules: [bundle],
        isolates: 1,
        log: 'print',
        statements: [],
        ...how,
        compatibilityDate,
        directory: path.join(directory, database),
        bindings: { ...texts, ...bindings },
      }),
  }
}

async function serve(options: ServeOptions): Promise<Serving> {
  await mkdir(options.directory, { recursive: true })
  const script = path.join(import.meta.dirname, 'serve.ts')
  // Files that a killed Miniflare leaves behind are removed with the directory.
  const env = { TMPDIR: options.directory }
  const child = startNode(['--', script, JSON.stringify(options)], env, projectRoot)
  const printed: string[] = []
  const output = () => printed.join('')
  const ready = Promise.withResolvers<string[]>()
  let isReady = false
  onOutput(child, (text) => {
    printed.push(text)
    if (isReady) return
    const lines = output().split('\n')
    const message = v.safeParse(
      readyMessage,
      lines.find((line) => line.startsWith('{"urls":')),
    )
    if (!message.success) return
    isReady = true
    ready.resolve(message.output.urls)
  })
  const ended = exitCodeOf(child)
  // Once it serves, its end is the caller's doing.
  ended.catch(() => undefined)
  const early = ended.then(() => {
    throw new CommandError(`The Worker could not be served:\n${output().trim()}`)
  })
  const urls = await Promise.race([ready.promise, early])
  early.catch(() => undefined)
  return {
    urls,
    pid: child.pid ?? 0,
    directory: options.directory,
    output,
    kill: async () => {
      kill(child)
      await ended.catch(() => undefined)
    },
  }
}
