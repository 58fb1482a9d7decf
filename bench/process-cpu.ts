// The CPU time of a process that is measured, as Linux counts it: in nanoseconds, thread by thread.
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** The processes that this one has started; none are known on anything but Linux. */
export function childrenOf(pid: number): number[] {
  if (!existsSync('/proc')) return []
  return threadsOf(pid).flatMap((thread) => numbersIn(`${thread}/children`))
}

/**
 * Microseconds since the processes have started, all threads of them; `undefined` where they are
 * not known, or the system does not count so (anything but Linux).
 */
export function cpuMicros(pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined
  try {
    const nanos = pids.flatMap(threadsOf).map((thread) => numbersIn(`${thread}/schedstat`)[0] ?? 0)
    return nanos.reduce((sum, each) => sum + each, 0) / 1000
  } catch {
    return undefined
  }
}

function threadsOf(pid: number): string[] {
  const directory = `/proc/${pid}/task`
  return readdirSync(directory).map((thread) => `${directory}/${thread}`)
}

function numbersIn(file: string): number[] {
  return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number)
}
