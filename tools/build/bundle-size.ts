// How large the Worker is that would be uploaded, and how large it may be.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

export const LIMIT_KIB = 44

export function bundleSize(file: string): { kib: number; gzippedKib: number } {
  const bundle = readFileSync(file)
  return { kib: bundle.length / 1024, gzippedKib: gzipSync(bundle).length / 1024 }
}
