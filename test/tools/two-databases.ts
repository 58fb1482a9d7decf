// Two local databases with their tables, as wrangler.toml may bind them, for the tests of commands.
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { migrate } from '../../tools/lib/wrangler.ts'

export interface TwoDatabases {
  /** Holds them, and what a test puts there. */
  directory: string
  /** The options that choose them. */
  target: string[]
  /** Past wrangler, which takes two seconds for each statement. */
  query: (database: string, sql: string, ...values: string[]) => unknown[]
  remove: () => void
}

/** In the order in which they are bound. */
export const homes = [{ name: 'DB' }, { name: 'DB_1' }]

export async function makeTwoDatabases(purpose: string): Promise<TwoDatabases> {
  const directory = mkdtempSync(path.join(tmpdir(), `cart-accounts-${purpose}-`))
  const config = path.join(directory, 'wrangler.toml')
  const databases = homes.map(
    ({ name }, index) => `[[d1_databases]]
binding = "${name}"
database_name = "cart-accounts-${index}"
database_id = "00000000-0000-0000-0000-00000000000${index}"
migrations_dir = "${path.join(projectRoot, 'migrations')}"`,
  )
  writeFileSync(config, ['compatibility_date = "2026-08-03"', ...databases].join('\n'))
  const target = ['--persist-to', directory, '--config', config]
  const files: Record<string, string> = {}
  for (const { name } of homes) {
    await migrate(target, name)
    const made = globSync('v3/d1/*/*.sqlite', { cwd: directory }).filter(
      (file) => !file.endsWith('metadata.sqlite') && !Object.values(files).includes(file),
    )
    files[name] = made[0] ?? ''
  }
  return {
    directory,
    target,
    query: (database, sql, ...values) => {
      using file = new DatabaseSync(path.join(directory, files[database] ?? ''))
      return file.prepare(sql).all(...values)
    },
    remove: () => rmSync(directory, { recursive: true }),
  }
}
