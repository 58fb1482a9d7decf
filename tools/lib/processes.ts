// Child processes that leave nothing behind: each in a group of its own, ended as a whole.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError } from './command-line.ts'

/** This command is being stopped by a signal, or has done its work. */
export class StoppedError extends CommandError {
  constructor() {
    super('Stopped', 130)
  }
}

const GRACE_MS = 5_000
const REAP_MS = 1_000

const running = new Set<ChildProcess>()
let stopping = false

/** @throws StoppedError if this command is being stopped */
export function checkNotStopped(): void {
  if (stopping) throw new StoppedError()
}

/**
 * Starts Node on a script, in a process group that one signal reaches as a whole.
 *
 * @throws StoppedError
 */
export function startNode(
  args: string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
  stdio: StdioOptions = ['ignore', 'pipe', 'pipe'],
): ChildProcess {
  checkNotStopped()
  const child = spawn(process.execPath, args, {
    cwd,
    detached: true,
    env: { ...process.env, ...env },
    stdio,
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/**
 * The exit code of a process, once it has one.
 *
 * @throws StoppedError
 */
export async function exitCodeOf(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'exit')
  checkNotStopped()
  return typeof code === 'number' ? code : 1
}

/** Hands on what a process prints, as it prints it. */
export function onOutput(child: ChildProcess, receive: (text: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', receive)
  }
}

/** Ends the process and all that it has started, at once. */
export function kill(child: ChildProcess): void {
  signalGroup(child, 'SIGKILL')
}

/** Ends every child, and every process that a child has started. */
export async function stopAll(): Promise<void> {
  stopping = true
  await Promise.all([...running].map(stop))
}

/** Ctrl-C, `kill` and a reader that has gone end this command only after its children. */
export function stopAllAtTheEnd(): void {
  const end = async (exitCode: number) => {
    await stopAll()
    process.exit(exitCode)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => end(128 + constants.signals[signal]))
  }
  // As in npm start | head: nobody reads what would be said about it either.
  process.stdout.on('error', () => end(1))
}

/** Does some work, and ends all processes that it has started. */
export async function withProcesses<Result>(work: () => Promise<Result>): Promise<Result> {
  stopAllAtTheEnd()
  try {
    return await work()
  } catch (error) {
    // A process that was stopped does not respond, which is not a finding.
    checkNotStopped()
    throw error
  } finally {
    await stopAll()
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  signalGroup(child, 'SIGINT')
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS)
  await exit
  clearTimeout(timer)
  // The child has gone; whatever it left in its group goes too. A zombie that nobody reaps,
  // as when npm is process 1 of a container, takes signals for ever.
  const giveUpAt = Date.now() + REAP_MS
  while (signalGroup(child, 'SIGKILL') && Date.now() < giveUpAt) await sleep(20)
}

/** Returns whether anybody was left in the group to receive the signal. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    // EPERM is what macOS says of a group of zombies.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ESRCH' || code === 'EPERM') return false
    throw error
  }
}
