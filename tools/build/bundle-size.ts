// The size of the Worker as it would be uploaded, and its limit.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** Gzipped. */
export const BUNDLE_LIMIT_KIB = 52

export function bundleSize(file: string): { kib: number; gzippedKib: number } {
  const bundle = readFileSync(file)
  return { kib: bundle.length / 1024, gzippedKib: gzipSync(bundle).length / 1024 }
}
