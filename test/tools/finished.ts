// What the tests of commands share: a command run to its end, and a directory for its files.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { vi } from 'vitest'
import { main } from '../../tools/cli.ts'
import { projectRoot } from '../../tools/lib/directories.ts'

export interface Finished {
  code: number | null
  out: string
  error: string
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
