// Runs wrangler for the commands of a laptop, and leaves no process of it behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import { CommandError } from './command-line.ts'
import { projectRoot } from './local-settings.ts'

const WRANGLER = path.join(projectRoot, 'node_modules', 'wrangler', 'bin', 'wrangler.js')
// Neither is needed on a laptop, and each waits for a network.
const QUIET = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
const GRACE_MS = 5_000

const running = new Set<ChildProcess>()
let stopping = false

/** A `wrangler dev` that serves. */
export interface LocalWorker {
  url: string
  /** Settles when wrangler has ended, with its exit code. */
  ended: Promise<number>
}

export interface WorkerOptions {
  args: string[]
  /** Receives what wrangler prints, as it prints it. */
  print: (text: string) => void
}

/** Applies the migrations to the local D1; prints nothing unless that fails. */
export async function migrate(args: string[]): Promise<void> {
  const command = ['d1', 'migrations', 'apply', 'DB', '--local', ...args]
  await runQuietly(command, 'The local database could not be migrated')
}

/** Builds the Worker as a deployment would, into a directory, and uploads nothing. */
export async function build(directory: string): Promise<void> {
  await runQuietly(['deploy', '--dry-run', '--outdir', directory], 'The Worker could not be built')
}

/** Starts `wrangler dev` and waits until it serves. */
export async function startWorker({ args, print }: WorkerOptions): Promise<LocalWorker> {
  const child = start(['dev', ...args], {})
  const ended = exitOf(child)
  const url = await new Promise<string>((resolve, reject) => {
    const watch = (chunk: Buffer) => {
      const text = chunk.toString()
      print(text)
      const [, found] = /Ready on (https?:\/\/\S+)/.exec(stripVTControlCharacters(text)) ?? []
      if (found !== undefined) resolve(found)
    }
    child.stdout?.on('data', watch)
    child.stderr?.on('data', watch)
    ended.then((code) => {
      if (!stopping) reject(new CommandError(`wrangler dev ended with exit code ${code}`, code))
    })
  })
  return { url, ended }
}

/** Ends every wrangler that runs, and every process that one has started. */
export async function stopWranglers(): Promise<void> {
  stopping = true
  await Promise.all([...running].map(stop))
}

/** Ctrl-C and `kill` end the command only after its wranglers. */
export function stopWranglersOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, async () => {
      await stopWranglers()
      process.exit(128 + constants.signals[signal])
    })
  }
}

async function runQuietly(command: string[], failure: string): Promise<void> {
  const child = start(command, { CI: 'true' })
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const code = await exitOf(child)
  // The signal that stopped it ends this process too, and nothing may start meanwhile.
  if (stopping) await new Promise(() => undefined)
  if (code !== 0) throw new CommandError(`${failure}:\n${output.trim()}`)
}

/** In a process group of its own, so that one signal reaches workerd and esbuild too. */
function start(args: string[], env: Record<string, string>): ChildProcess {
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(process.execPath, ['--no-warnings', WRANGLER, ...args], {
    cwd: projectRoot,
    detached: true,
    env: { ...process.env, ...QUIET, ...colour, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = await once(child, 'exit')
  return typeof code === 'number' ? code : 1
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  signalGroup(child, 'SIGINT')
  const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS)
  await exit
  clearTimeout(timer)
  // wrangler has gone; whatever it left in its group goes too.
  while (signalGroup(child, 'SIGKILL')) await sleep(20)
}

/** Tells whether anybody was left in the group to receive the signal. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
  if (pid === undefined) return false
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
