// What a measurement was made on.
import { cpus, release, type } from 'node:os'

export function machine(): string {
  const [cpu] = cpus()
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${type()} ${release()}, Node ${process.versions.node}`
}
