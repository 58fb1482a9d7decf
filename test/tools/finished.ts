// What the tests of commands share: a command run to its end, a directory for its files, and databases.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { vi } from 'vitest'
import { main } from '../../tools/cli.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { migrateLocalDatabases } from '../../tools/lib/local-databases.ts'

export interface Finished {
  code: number | null
  out: string
  error: string
}

/** What a command prints if an argument is wrong. */
export function misused(message: string): Finished {
  return { code: 2, out: '', error: `${message} (--help shows examples)\n` }
}

/** Runs a script of `tools/` in a directory, and returns what it printed. */
export function finished(
  script: string,
  args: string[],
  cwd: string,
  { env = process.env, input = '' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Finished {
  const file = path.join(projectRoot, 'tools', script)
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--', file, ...args], {
    cwd,
    env,
    encoding: 'utf8',
    input,
  })
  return { code: status, out: stdout, error: stderr }
}

/** Runs a command of cart-accounts in this process, which spares it half a second. */
export async function called(...args: string[]): Promise<Finished> {
  return await printedBy(() => main(args))
}

/** Runs a command that is loaded. */
export async function printedBy(command: () => Promise<void>): Promise<Finished> {
  const printed = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text: unknown, ...rest: unknown[]) => {
      printed[name] += text
      for (const each of rest) if (typeof each === 'function') each()
      return true
    }),
  )
  try {
    await command()
    return { code: Number(process.exitCode ?? 0), out: printed.stdout, error: printed.stderr }
  } finally {
    process.exitCode = undefined
    for (const spy of spies) spy.mockRestore()
  }
}

/** A new directory, which vitest.config.ts removes with all others. */
export function newDirectory(): string {
  return mkdtempSync(path.join(tmpdir(), 'cart-accounts-'))
}

/** Makes local databases with their tables, for bindings of these names. */
export async function makeDatabases(...names: string[]) {
  const directory = newDirectory()
  const config = path.join(directory, 'wrangler.toml')
  /** Binds the first of them, and sets the variables of the Worker. */
  const configure = (count: number, variables: Record<string, string>): void => {
    const databases = names.slice(0, count).map(
      (name) => `[[d1_databases]]
binding = "${name}"
database_id = "${name}"
migrations_dir = "${path.join(projectRoot, 'migrations')}"`,
    )
    const vars = Object.entries(variables).map(
      ([name, value]) => `${name} = ${JSON.stringify(value)}`,
    )
    const lines = ['compatibility_date = "2026-08-03"', '[vars]', ...vars, ...databases]
    writeFileSync(config, lines.join('\n'))
  }
  const files: string[] = []
  // One after the other: the file that is new is the database's.
  for (const index of names.keys()) {
    configure(index + 1, {})
    await migrateLocalDatabases({ 'persist-to': directory, config })
    const found = globSync(`${directory}/v3/d1/*/[!m]*.sqlite`)
    files.push(...found.filter((file) => !files.includes(file)))
  }
  return {
    /** Holds them, and what a test puts there. */
    directory,
    /** The options that choose them. */
    target: ['--persist-to', directory, '--config', config],
    configure,
    /** Reads and writes the file itself. */
    query: (database: string, sql: string, ...values: string[]): unknown[] => {
      using file = new DatabaseSync(files[names.indexOf(database)] ?? '')
      return file.prepare(sql).all(...values)
    },
  }
}
