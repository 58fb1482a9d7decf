import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { openLocalDatabases } from '../../tools/lib/local-databases.ts'
import { runToEnd } from '../../tools/lib/wrangler.ts'
import { newDirectory } from './finished.ts'

let directory: string
let choice: { config: string; 'persist-to': string }
beforeEach(() => {
  directory = newDirectory()
  choice = { config: path.join(directory, 'wrangler.toml'), 'persist-to': directory }
  mkdirSync(path.join(directory, 'migrations'))
  writeFileSync(
    choice.config,
    `compatibility_date = "2026-08-03"
[[d1_databases]]
binding = "DB"
database_name = "local"
database_id = "local"
`,
  )
})

const addMigration = (name: string, sql: string): void =>
  writeFileSync(path.join(directory, 'migrations', name), sql)

/** Migrates, and returns the names of the tables and of the migrations that were applied. */
async function migrated(): Promise<{ tables: unknown[]; migrations: unknown[] }> {
  const { bindings, migrate, close } = await openLocalDatabases(choice)
  try {
    await migrate()
    const namesIn = async (sql: string) => {
      const { results } = await bindings.DB.prepare(sql).all()
      return results.map(({ name }) => name)
    }
    return {
      tables: await namesIn("select name from sqlite_master where name like 't_' order by name"),
      migrations: await namesIn('select name from d1_migrations order by id'),
    }
  } finally {
    await close()
  }
}

describe('the migrations of the local databases', () => {
  it('continue after the last that wrangler applied, as wrangler does after them', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\n-- a comment; with a semicolon\n')
    expect(await migrated()).toEqual({ tables: ['t1'], migrations: ['0001_one.sql'] })

    addMigration('0002_two.sql', "create table t2 (x);\ninsert into t2 values ('a;b');\n")
    const args = ['--local', '--persist-to', directory, '--config', choice.config]
    const wrangler = await runToEnd(['d1', 'migrations', 'apply', 'DB', ...args])
    addMigration('0003_three.sql', 'create table t3 (x);\ncreate index i3 on t3 (x);\n')

    expect(wrangler.code).toBe(0)
    expect(await migrated()).toEqual({
      tables: ['t1', 't2', 't3'],
      migrations: ['0001_one.sql', '0002_two.sql', '0003_three.sql'],
    })
  })

  it('are applied whole or not at all, and the next one waits', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\ninsert into nowhere values (1);\n')
    addMigration('0002_two.sql', 'create table t2 (x);\n')

    await expect(migrated()).rejects.toThrow('no such table: nowhere')
    addMigration('0001_one.sql', 'create table t1 (x);\n')

    expect(await migrated()).toEqual({
      tables: ['t1', 't2'],
      migrations: ['0001_one.sql', '0002_two.sql'],
    })
  })
})
