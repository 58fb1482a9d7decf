// The memory of a Worker that is served: its heap as V8 counts it, and workerd as the kernel does.
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { CommandError } from '../../tools/lib/command-line.ts'
import type { Serving } from './built-worker.ts'

/** Megabytes. workerd holds the simulated D1 and rate limits too; the heap is the Worker's alone. */
export interface Memory {
  heap: number
  workerd: number
}

const MB = 1_000_000
/** The garbage of a second goes when V8 collects it: the least of some samples is what is held. */
const SAMPLES = 40
const SAMPLE_MS = 250

const reply = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    result: v.object({
      usedSize: v.number(),
      embedderHeapUsedSize: v.number(),
      backingStorageSize: v.number(),
    }),
  }),
)

/**
 * Connects to the inspector of the first isolate, and returns what measures it. The Worker must be
 * served with its inspector on.
 */
export async function openMemory({ inspector, pid }: Serving): Promise<() => Promise<Memory>> {
  const socket = new WebSocket(new URL('/core:user:isolate-1', inspector))
  await once(socket, 'open')
  const closed = once(socket, 'close').then(() => {
    throw new CommandError('The inspector has closed the connection')
  })
  closed.catch(() => undefined)
  const heapOf = () =>
    new Promise<number>((resolve) => {
      const listen = ({ data }: MessageEvent) => {
        const sizes = Object.values(v.parse(reply, data).result)
        resolve(sizes.reduce((sum, bytes) => sum + bytes, 0) / MB)
      }
      socket.addEventListener('message', listen, { once: true })
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' }))
    })
  return async () => ({
    heap: await Promise.race([heapOf(), closed]),
    workerd: bytesOf(childrenOf(pid)) / MB,
  })
}

/** The least of both over ten seconds, while `load` keeps the Worker busy. */
export async function leastMemory(
  measure: () => Promise<Memory>,
  load: () => Promise<unknown>,
): Promise<Memory> {
  const seen: Memory[] = []
  while (seen.length < SAMPLES) {
    await Promise.all([load(), sleep(SAMPLE_MS)])
    seen.push(await measure())
  }
  return least(seen)
}

export function least(seen: readonly Memory[]): Memory {
  return {
    heap: Math.min(...seen.map(({ heap }) => heap)),
    workerd: Math.min(...seen.map(({ workerd }) => workerd)),
  }
}

/** The processes that a process has started; none on anything but Linux. */
export function childrenOf(pid: number): number[] {
  if (!existsSync('/proc')) return []
  return threadsOf(pid).flatMap((thread) => numbersIn(`${thread}/children`))
}

export function threadsOf(pid: number): string[] {
  const directory = `/proc/${pid}/task`
  return readdirSync(directory).map((thread) => `${directory}/${thread}`)
}

export function numbersIn(file: string): number[] {
  return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean).map(Number)
}

/** Memory that is shared with other processes counts in part (PSS). */
function bytesOf(pids: readonly number[]): number {
  if (pids.length === 0) return Number.NaN
  const kibs = pids.map((pid) => {
    const [, kib = ''] =
      /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
    return Number(kib)
  })
  return kibs.reduce((sum, kib) => sum + kib * 1024, 0)
}
