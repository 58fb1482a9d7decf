// Tries mutants in processes that outlive them, two at a time.
import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import * as v from 'valibot'
import { projectRoot, temporaryDirectory } from '../../../tools/lib/directories.ts'
import { checkNotStopped, kill, startNode } from '../../../tools/lib/processes.ts'
import type { Mutant } from './all.ts'

const PROCESSES = 2
/** How long a process may go without finishing a test. */
const TIMEOUT_MS = 60_000

/** Whether a test noticed the mutant: `timeout` counts like `killed`. */
export interface Tried extends Mutant {
  outcome: 'killed' | 'timeout' | 'survived'
}

/** The message of a process: a test has ended, or the outcome of the mutant. */
export const report = v.picklist(['test', 'killed', 'survived'])

export async function tryEach(
  mutants: readonly Mutant[],
  decided: (tried: Tried) => void,
): Promise<Tried[]> {
  const directory = temporaryDirectory('mutants')
  const tried: Tried[] = []
  const queue = mutants.values()
  const turns = Array.from({ length: PROCESSES }, async () => {
    let child: ChildProcess | undefined
    for (const mutant of queue) {
      child ??= startProcess(directory)
      const outcome = await tryOne(child, mutant)
      checkNotStopped()
      // A mutant that never ends, or that breaks vitest itself, takes its process with it.
      if (outcome === 'timeout') kill(child)
      if (outcome === 'timeout' || child.exitCode !== null) child = undefined
      tried.push({ ...mutant, outcome })
      decided({ ...mutant, outcome })
    }
    if (child !== undefined) kill(child)
  })
  await Promise.all(turns)
  return tried
}

function startProcess(directory: string): ChildProcess {
  const script = path.join(import.meta.dirname, 'process.ts')
  // Killed vitest and Miniflare leave files behind; they are removed with the directory.
  const env = { TMPDIR: directory, CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  return startNode(['--', script], env, projectRoot, ['ignore', 'ignore', 'ignore', 'ipc'])
}

async function tryOne(child: ChildProcess, { file, source }: Mutant): Promise<Tried['outcome']> {
  const decided = Promise.withResolvers<Tried['outcome']>()
  const timer = setTimeout(() => decided.resolve('timeout'), TIMEOUT_MS)
  const listen = (message: unknown) => {
    const reported = v.parse(report, message)
    if (reported === 'test') timer.refresh()
    else decided.resolve(reported)
  }
  const end = () => decided.resolve('killed')
  child.on('message', listen)
  child.once('exit', end)
  child.send({ file, source })
  const outcome = await decided.promise
  clearTimeout(timer)
  child.off('message', listen)
  child.off('exit', end)
  return outcome
}
