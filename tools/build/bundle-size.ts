// The size of the Worker as it would be uploaded, and its limit.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

export const LIMIT_KIB = 44

export function bundleSize(file: string): { kib: number; gzippedKib: number } {
  const bundle = readFileSync(file)
  return { kib: bundle.length / 1024, gzippedKib: gzipSync(bundle).length / 1024 }
}
