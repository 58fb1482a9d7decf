// Runs one of the scripts to its end, for the tests of them.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { projectRoot } from '../../tools/lib/project-root.ts'

export interface Finished {
  code: number | null
  out: string
  error: string
}

/** Runs a script of `tools/` in a directory, and tells what it printed. */
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
