// The databases of this machine, without wrangler: opens the files of `wrangler dev`, and applies migrations.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse as parseToml } from 'smol-toml'
import * as v from 'valibot'
import type { Bindings } from '../../src/bindings.ts'
import { findShards } from '../../src/storage/shards.ts'
import { projectRoot } from './project-root.ts'

export interface LocalChoice {
  /** The directory of --persist-to, as wrangler takes it. */
  'persist-to'?: string
  /** A wrangler.toml instead of this project's. */
  config?: string
}

export interface LocalDatabases {
  /** Databases and variables, as the Worker is given them. */
  bindings: Bindings
  /** Applies to each database what wrangler's table of migrations lacks. */
  migrate: () => Promise<void>
  close: () => Promise<void>
}

const configuration = v.object({
  compatibility_date: v.string(),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  d1_databases: v.optional(
    v.array(
      v.object({
        binding: v.string(),
        database_id: v.optional(v.string()),
        preview_database_id: v.optional(v.string()),
        migrations_dir: v.optional(v.string(), 'migrations'),
      }),
    ),
    [],
  ),
})

/** Opens them all, with whatever tables they have. */
export async function openLocalDatabases(choice: LocalChoice): Promise<LocalDatabases> {
  const file = path.resolve(choice.config ?? path.join(projectRoot, 'wrangler.toml'))
  const found = v.parse(configuration, parseToml(readFileSync(file, 'utf8')))
  const state = choice['persist-to'] ?? path.join(path.dirname(file), '.wrangler', 'state')
  const databases = found.d1_databases.map((each) => {
    const id = each.preview_database_id ?? each.database_id ?? each.binding
    return [each.binding, { type: 'd1' as const, id }] as const
  })
  const variables = Object.entries(found.vars).map(([name, value]) => {
    return [name, { type: 'json' as const, value }] as const
  })
  // A third of a second to load, which --help need not wait for.
  const { Miniflare } = await import('miniflare')
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    cf: false,
    resourcePersistencePath: path.resolve(state, 'v3'),
    // What workerd has to say is in the errors too.
    handleStructuredLogs: () => undefined,
    workers: [
      {
        config: {
          name: 'databases',
          compatibilityDate: found.compatibility_date,
          manifest: {
            mainModule: 'index.js',
            modulesRoot: '/',
            modules: { 'index.js': { type: 'esm', contents: 'export default {}' } },
          },
          env: Object.fromEntries([...variables, ...databases]),
        },
      },
    ],
  })
  const bindings = await miniflare.getBindings<Bindings>()
  return {
    bindings,
    migrate: async () => {
      for (const { name, d1 } of findShards(bindings).all) {
        const directory = found.d1_databases.find(({ binding }) => binding === name)?.migrations_dir
        await applyMigrations(d1, path.resolve(path.dirname(file), directory ?? 'migrations'))
      }
    },
    close: () => miniflare.dispose(),
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
