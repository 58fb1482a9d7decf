// Two local databases with their tables, as wrangler.toml may bind them, for the tests of commands.
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { projectRoot } from '../../tools/lib/directories.ts'
import { migrateLocalDatabases } from '../../tools/lib/local-databases.ts'

export interface TwoDatabases {
  /** Holds them, and what a test puts there. */
  directory: string
  /** The options that choose them. */
  target: string[]
  /** Reads and writes the file itself, while no command has it open. */
  query: (database: string, sql: string, ...values: string[]) => unknown[]
  /** Replaces the variables of the Worker. */
  setVariables: (variables: Record<string, string>) => void
  remove: () => void
}

/** In the order in which they are bound. */
export const homes = [{ name: 'DB' }, { name: 'DB_1' }]

export async function makeTwoDatabases(
  purpose: string,
  further: typeof homes = [],
): Promise<TwoDatabases> {
  const bindings = [...homes, ...further]
  const directory = mkdtempSync(path.join(tmpdir(), `cart-accounts-${purpose}-`))
  const config = path.join(directory, 'wrangler.toml')
  const configure = (bound: typeof homes, variables: Record<string, string>) => {
    const databases = bound.map(
      ({ name }, index) => `[[d1_databases]]
binding = "${name}"
database_name = "cart-accounts-${index}"
database_id = "00000000-0000-0000-0000-00000000000${index}"
migrations_dir = "${path.join(projectRoot, 'migrations')}"`,
    )
    const vars = Object.entries(variables).map(
      ([name, value]) => `${name} = ${JSON.stringify(value)}`,
    )
    const lines = ['compatibility_date = "2026-08-03"', '[vars]', ...vars, ...databases]
    writeFileSync(config, lines.join('\n'))
  }
  const files: Record<string, string> = {}
  // One after the other: the file that is new is the database's.
  for (const [index, { name }] of bindings.entries()) {
    configure(bindings.slice(0, index + 1), {})
    await migrateLocalDatabases({ 'persist-to': directory, config })
    const made = globSync('v3/d1/*/*.sqlite', { cwd: directory }).filter(
      (file) => !file.endsWith('metadata.sqlite') && !Object.values(files).includes(file),
    )
    files[name] = made[0] ?? ''
  }
  return {
    directory,
    target: ['--persist-to', directory, '--config', config],
    query: (database, sql, ...values) => {
      using file = new DatabaseSync(path.join(directory, files[database] ?? ''))
      return file.prepare(sql).all(...values)
    },
    setVariables: (variables) => configure(bindings, variables),
    remove: () => rmSync(directory, { recursive: true }),
  }
}
