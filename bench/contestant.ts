// Who is measured side by side: each in a process of its own, over a database of its own on disk.
import path from 'node:path'
import type { BuiltWorker, HowToServe } from '../test/proofs/built-worker.ts'
import type { Server } from './load.ts'
import { CLIENT_ID } from './operations.ts'
import { childrenOf } from './process-cpu.ts'

export interface Contestant extends Server {
  name: string
}

export const SERVICE = 'service'
export const FLOOR = 'floor'

const KEY = `insert into application_keys (client_id, store_id, name, created_at)
  values ('${CLIENT_ID}', 'proofs', 'Benchmark', 0)`

/** The built Worker, and the least that a Worker could do over the same D1. */
export async function startBoth(worker: BuiltWorker): Promise<Contestant[]> {
  const service = await serve(worker, SERVICE, {})
  const floor = await serve(worker, FLOOR, { modules: [moduleAt('floor.ts')] })
  return [service, floor]
}

/** A Worker under raw Miniflare. */
export async function serve(
  worker: BuiltWorker,
  name: string,
  how: Partial<HowToServe>,
): Promise<Contestant> {
  const statements = [KEY, ...(how.statements ?? [])]
  const options = { log: 'discard', database: name, ...how, statements } as const
  const { urls, pid } = await worker.serve(options)
  return { name, url: urls[0] ?? '', pids: childrenOf(pid) }
}

/** A module of a Worker that only the benchmark has. */
export function moduleAt(name: string): string {
  return path.join(import.meta.dirname, 'workers', name)
}
