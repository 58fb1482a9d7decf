// The memory of a Worker that is served: its heap as V8 counts it, and workerd as the kernel does.
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { CommandError } from '../../tools/lib/command-line.ts'
import type { Serving } from './built-worker.ts'

/** Megabytes. workerd holds the simulated D1 and rate limits too; the heap is the Worker's alone. */
export interface Memory {
  heap: number
  workerd: number
}

const MB = 1_000_000
const RUN_MS = 20
const reply = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ result: v.record(v.string(), v.number()) }),
)

/**
 * Connects to the inspector of the first isolate, and returns what measures its memory once its garbage
 * is collected. The Worker must be served with its inspector on.
 */
export async function openMemory({
  inspector,
  urls,
  pid,
}: Serving): Promise<() => Promise<Memory>> {
  const socket = new WebSocket(new URL('/core:user:isolate-1', inspector))
  await once(socket, 'open')
  const call = async (method: string) => {
    const message = once(socket, 'message')
    socket.send(JSON.stringify({ id: 1, method }))
    // workerd collects garbage when it runs the Worker the next time.
    const running = setInterval(() => void fetch(new URL('/healthz', urls[0])), RUN_MS)
    const [{ data }] = await Promise.race([message, closed]).finally(() => clearInterval(running))
    return v.parse(reply, data).result
  }
  const closed = once(socket, 'close').then(() => {
    throw new CommandError('The inspector has closed the connection')
  })
  closed.catch(() => undefined)
  return async () => {
    await call('HeapProfiler.collectGarbage')
    const {
      usedSize = 0,
      embedderHeapUsedSize = 0,
      backingStorageSize = 0,
    } = await call('Runtime.getHeapUsage')
    const heap = (usedSize + embedderHeapUsedSize + backingStorageSize) / MB
    return { heap, workerd: bytesOf(childrenOf(pid)) / MB }
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
