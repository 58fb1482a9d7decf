// Runs a script where Ctrl-C does not reach what it has started: it is told, and ends in its own order.
import { once } from 'node:events'
import { constants } from 'node:os'
import { kill, startNode } from './processes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs the script with the arguments, terminal and standard input of this process, hands signals on to
 * it alone, and returns its exit code. Nothing of its process group outlives it.
 */
export async function runInOwnGroup(script: string, args: string[]): Promise<number> {
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'] as const
  const child = startNode(['--no-warnings', '--', script, ...args], {}, process.cwd(), [...stdio])
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  const [code, signal] = await once(child, 'exit')
  kill(child)
  if (typeof code === 'number') return code
  return 128 + (SIGNALS.includes(signal) ? constants.signals.SIGINT : constants.signals.SIGKILL)
}

/**
 * In the script: aborted by the first signal; the second one ends the process, as does the end of
 * the process that started it.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController()
  for (const signal of SIGNALS) {
    // Miniflare has its own, which would end the process in the middle of a batch.
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(128 + constants.signals[signal])
      stopping.abort()
    })
  }
  process.once('disconnect', () => process.exit(1))
  // To wait for either is no work.
  process.channel?.unref()
  return stopping.signal
}
