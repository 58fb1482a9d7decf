// An import in a process of its own, to be interrupted: for the proof and the tests.
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { CommandError } from '../../tools/lib/command-line.ts'
import { kill, onOutput, startNode } from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'

const POLL_MS = 5
const progress = v.pipe(v.string(), v.parseJson(), v.object({ line: v.number() }))

export interface ImportProcess {
  /** Ctrl-C. */
  interrupt: () => void
  /** SIGKILL, to the process and its workerd. */
  kill: () => void
  /** Resolves once so many lines are acknowledged. */
  reached: (line: number) => Promise<void>
  ended: Promise<{ code: number | null; output: string }>
}

export interface HowToStart {
  /** Of Node. */
  args: string[]
  env: NodeJS.ProcessEnv
}

/** Starts it past the process that keeps Ctrl-C from it. */
export function startImport(
  file: string,
  target: string[],
  cwd: string,
  { args, env }: HowToStart = { args: ['--no-warnings'], env: {} },
): ImportProcess {
  const script = path.join(projectRoot, 'tools', 'data', 'import-command.ts')
  const child = startNode([...args, '--', script, file, ...target], env, cwd)
  let output = ''
  onOutput(child, (text) => {
    output += text
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, output }))
  return {
    interrupt: () => child.kill('SIGINT'),
    kill: () => kill(child),
    reached: (line) => reached(child, `${file}.progress`, line),
    ended,
  }
}

async function reached(child: ChildProcess, file: string, line: number): Promise<void> {
  while (lineIn(file) < line) {
    if (child.exitCode !== null) throw new CommandError(`The import ended before line ${line}`)
    await sleep(POLL_MS)
  }
}

function lineIn(file: string): number {
  return existsSync(file) ? v.parse(progress, readFileSync(file, 'utf8')).line : 0
}
