// The Worker as it is deployed, in a process of its own that can be killed and restarted.
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { CommandError } from '../../tools/lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { exitCodeOf, kill, onOutput, startNode } from '../../tools/lib/processes.ts'
import { build } from '../../tools/lib/wrangler.ts'
import { findEnvironment, readEnvironments } from '../../tools/lib/wrangler-toml.ts'
import { type LocalSettings, localSettings } from '../../tools/tokens/local-settings.ts'
import { readyMessage, type ServeOptions } from './serve.ts'

/** A Worker that is built once, with keys and a database of its own. */
export interface BuiltWorker {
  settings: LocalSettings
  /** Its settings as text by name, including the keys. */
  bindings: Record<string, string>
  /** The path of its only module. */
  bundle: string
  /** Starts a process that serves it, over the database that the last process left. */
  serve: (options?: HowToServe) => Promise<Serving>
}

/** The bindings are added to the Worker's, or replace them; the modules stand in for the bundle. */
export interface HowToServe extends Partial<ServeOptions> {
  /** Names the database to serve over, if there are several. */
  database?: string
}

export interface Serving {
  /** The address of the first isolate. */
  url: string
  /** One address for each isolate. */
  urls: string[]
  /** The process, whose child is workerd. */
  pid: number
  /** Where V8's inspector listens, if it was asked for. */
  inspector: string | undefined
  /** Holds the database, which outlives the process. */
  directory: string
  /** Returns everything that the process has printed. */
  output: () => string
  /** Sends SIGKILL to the whole process group: nothing is flushed or closed. */
  kill: () => Promise<void>
}

/** Builds the Worker as a deployment would. */
export async function buildWorker(purpose: string): Promise<BuiltWorker> {
  const directory = temporaryDirectory(purpose)
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  await build(directory)
  const { compatibility_date: compatibilityDate = '' } = findEnvironment(readEnvironments(), '')
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
        ...how,
        compatibilityDate,
        directory: path.join(directory, database),
        bindings: { ...texts, ...bindings },
      }),
  }
}

async function serve(options: ServeOptions): Promise<Serving> {
  const { directory } = options
  await mkdir(directory, { recursive: true })
  const script = path.join(import.meta.dirname, 'serve.ts')
  // A killed Miniflare leaves files behind; they are removed with the directory.
  const env = { TMPDIR: directory }
  const child = startNode(['--', script, JSON.stringify(options)], env, projectRoot)
  const ready = Promise.withResolvers<v.InferOutput<typeof readyMessage>>()
  let output = ''
  let isReady = false
  onOutput(child, (text) => {
    output += text
    if (isReady) return
    const line = output.split('\n').find((line) => line.startsWith('{"urls":'))
    const message = v.safeParse(readyMessage, line)
    if (!message.success) return
    isReady = true
    ready.resolve(message.output)
  })
  const ended = exitCodeOf(child)
  // Once it serves, only the caller ends it.
  ended.catch(() => undefined)
  const early = ended.then(() => {
    throw new CommandError(`The Worker could not be served:\n${output.trim()}`)
  })
  const { urls, inspector } = await Promise.race([ready.promise, early])
  early.catch(() => undefined)
  return {
    url: urls[0] ?? '',
    urls,
    pid: child.pid ?? 0,
    inspector,
    directory,
    output: () => output,
    kill: async () => {
      kill(child)
      await ended.catch(() => undefined)
    },
  }
}
