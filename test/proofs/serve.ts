// A process that serves the built Worker under plain Miniflare, without wrangler's proxy.
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { Miniflare } from 'miniflare'
import * as v from 'valibot'

/** The parent's request, as JSON in the first argument. */
const serveOptions = v.object({
  /** The files of its modules, the main module first; types are stripped from TypeScript. */
  modules: v.array(v.string()),
  compatibilityDate: v.string(),
  /** Holds the database, which outlives this process. */
  directory: v.string(),
  /** The number of isolates over the one database, each at an address of its own. */
  isolates: v.optional(v.number(), 1),
  bindings: v.record(v.string(), v.string()),
  /** The names of its databases. */
  databases: v.optional(v.array(v.string()), ['DB']),
  /** Rate limiting bindings, by name: requests a minute. */
  limits: v.optional(v.record(v.string(), v.number()), {}),
  /** Whether V8's inspector listens, which says how large a heap is. */
  inspector: v.optional(v.picklist(['on', 'off']), 'off'),
  /** SQL for a new database, run once it has its tables. */
  statements: v.optional(v.array(v.string()), []),
  /** Whether the Worker's log lines are printed. */
  log: v.optional(v.picklist(['print', 'discard']), 'print'),
})

export type ServeOptions = v.InferInput<typeof serveOptions>
type Options = v.InferOutput<typeof serveOptions>

/** The only line on standard output, printed once all isolates can serve. */
export const readyMessage = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ urls: v.array(v.string()), inspector: v.optional(v.string()) }),
)

if (import.meta.main) {
  const options = v.parse(v.pipe(v.string(), v.parseJson(), serveOptions), process.argv[2])
  const names = Array.from({ length: options.isolates }, (_, index) => `isolate-${index + 1}`)
  const miniflare = start(names, options)
  await miniflare.ready
  for (const name of options.databases) {
    await fill(await miniflare.getD1Database(name), options.statements)
  }
  const urls = await Promise.all(names.map((name) => miniflare.unsafeGetDirectURL(name)))
  const inspector = options.inspector === 'on' ? await miniflare.getInspectorURL() : undefined
  process.stdout.write(`${JSON.stringify({ urls, inspector })}\n`)
}

function start(names: string[], options: Options): Miniflare {
  const { compatibilityDate, directory, bindings, databases, limits, inspector, log } = options
  const modules = options.modules.map(readModule)
  const texts = Object.entries(bindings).map(
    ([name, value]) => [name, { type: 'text' as const, value }] as const,
  )
  const limiters = Object.entries(limits).map(([name, limit], index) => {
    const namespace = String(1001 + index)
    const simple = { limit, period: 60 as const }
    return [name, { type: 'rate-limit' as const, namespace, simple }] as const
  })
  const d1 = databases.map((name) => [name, { type: 'd1' as const, id: databaseId(name) }] as const)
  const manifest = {
    mainModule: modules[0]?.name ?? '',
    modulesRoot: '/',
    modules: Object.fromEntries(modules.map(({ name, ...module }) => [name, module])),
  }
  const env = Object.fromEntries([...texts, ...limiters, ...d1])
  return new Miniflare({
    host: '127.0.0.1',
    cf: false,
    ...(inspector === 'on' && { inspectorPort: 0 }),
    resourcePersistencePath: directory,
    ...(log === 'discard' && { handleStructuredLogs: () => undefined }),
    workers: names.map((name) => ({
      config: { name, compatibilityDate, manifest, env },
      // Connects straight to workerd, so it sees the addresses that requests name.
      dev: { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }], stripCfConnectingIp: false },
    })),
  })
}

function readModule(file: string): { name: string; type: 'esm'; contents: string } {
  const text = readFileSync(file, 'utf8')
  const contents = file.endsWith('.ts') ? stripTypeScriptTypes(text) : text
  return { name: path.basename(file).replace(/\.ts$/, '.js'), type: 'esm', contents }
}

/** The id of a local database, which names its file. */
export function databaseId(name: string): string {
  return `cart-accounts-${name}`
}

/** Creates the tables, unless a killed process has left them. */
async function fill(db: D1Database, statements: string[]): Promise<void> {
  const tables = await db.prepare("select 1 from sqlite_master where name = 'associations'").all()
  if (tables.results.length > 0) return
  // Takes a third of a second to load, so a restarted process skips it.
  const { readD1Migrations } = await import('@cloudflare/vitest-pool-workers')
  const migrations = await readD1Migrations('migrations')
  const all = [...migrations.flatMap(({ queries }) => queries), ...statements]
  await db.batch(all.map((statement) => db.prepare(statement)))
}
