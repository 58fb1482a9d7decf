// The databases of this machine, without wrangler: opens the files of `wrangler dev`, and applies migrations.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { MiniflareOptions } from 'miniflare'
import type { Bindings } from '../../src/bindings.ts'
import { findShards } from '../../src/storage/shards.ts'
import { readEnvironments, WRANGLER_TOML } from './wrangler-toml.ts'

export interface LocalChoice {
  /** The directory of --persist-to, as wrangler takes it. */
  'persist-to'?: string
  /** A wrangler.toml instead of this project's. */
  config?: string
}

/** A Worker to serve on the databases. Without one, they are only opened. */
const NO_WORKER = {
  /** Its only module. */
  contents: 'export default {}',
  /** 0 for a free one. */
  port: 0,
  /** Besides those of wrangler.toml. */
  variables: {},
  /** Receives every line that it logs. What workerd has to say is in the errors too. */
  log: (_line: string): unknown => undefined,
}

/** Opens them all, with whatever tables they have. */
export async function openLocalDatabases(
  choice: LocalChoice,
  { contents, port, variables, log } = NO_WORKER,
) {
  const file = path.resolve(choice.config ?? WRANGLER_TOML)
  const [top] = readEnvironments(file)
  const databases = top?.d1_databases ?? []
  const state = choice['persist-to'] ?? path.join(path.dirname(file), '.wrangler', 'state')
  const ids = databases.map(({ binding, database_id: id, preview_database_id: preview }) => {
    return [binding, preview ?? (id || binding)] as const
  })
  // A third of a second to load, which --help need not wait for.
  const { Miniflare } = await import('miniflare')
  const miniflare = new Miniflare({
    ...workerOptions(contents, top?.compatibility_date, { ...top?.vars, ...variables }, ids),
    host: '127.0.0.1',
    port,
    resourcePersistencePath: path.resolve(state, 'v3'),
    handleStructuredLogs: ({ message }) => log(message),
  })
  const bindings = await miniflare.getBindings<Bindings>()
  return {
    /** Where the Worker answers. */
    url: await miniflare.ready,
    /** Databases and variables, as the Worker is given them. */
    bindings,
    /** Applies to each database what wrangler's table of migrations lacks. */
    migrate: async () => {
      for (const { name, d1 } of findShards(bindings).all) {
        const found = databases.find(({ binding }) => binding === name)
        const directory = found?.migrations_dir ?? 'migrations'
        await applyMigrations(d1, path.resolve(path.dirname(file), directory))
      }
    },
    close: () => miniflare.dispose(),
  }
}

/** One Worker with these variables, and databases by the names of their bindings. */
export function workerOptions(
  contents: string,
  compatibilityDate = '',
  variables: Record<string, unknown>,
  databases: (readonly [binding: string, id: string])[],
): MiniflareOptions {
  const values = Object.entries(variables)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, { type: 'json' as const, value }] as const)
  const d1 = databases.map(([name, id]) => [name, { type: 'd1' as const, id }] as const)
  const modules = { 'app.js': { type: 'esm' as const, contents } }
  const manifest = { mainModule: 'app.js', modulesRoot: '/', modules }
  const env = Object.fromEntries([...values, ...d1])
  return {
    cf: false,
    // What workerd has to say is in the errors too.
    handleStructuredLogs: () => undefined,
    workers: [{ config: { name: 'cart-accounts', compatibilityDate, manifest, env } }],
  }
}

/** Opens the databases, applies the migrations that are missing, and closes them again. */
export async function migrateLocalDatabases(
  choice: LocalChoice,
  then: (bindings: Bindings) => Promise<void> = async () => undefined,
): Promise<void> {
  const { bindings, migrate, close } = await openLocalDatabases(choice)
  try {
    await migrate()
    await then(bindings)
  } finally {
    await close()
  }
}

/** Uses wrangler's table of migrations: either can continue what the other has applied. */
async function applyMigrations(d1: D1Database, directory: string): Promise<void> {
  await d1
    .prepare(
      `create table if not exists "d1_migrations"(
        id         integer primary key autoincrement,
        name       text unique,
        applied_at timestamp default current_timestamp not null
      )`,
    )
    .run()
  const { results } = await d1.prepare('select name from d1_migrations').all()
  const applied = new Set(results.map(({ name }) => name))
  const files = readdirSync(directory).filter((name) => name.endsWith('.sql'))
  for (const name of files.toSorted()) {
    if (applied.has(name)) continue
    const migration = readFileSync(path.join(directory, name), 'utf8')
    // One transaction; the parameter is that of the last statement.
    const insert = 'insert into d1_migrations (name) values (?)'
    await d1.batch([d1.prepare(`${migration}\n${insert}`).bind(name)])
  }
}
