// Serves one playground for all tests of a file.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { stopAll } from '../../tools/lib/processes.ts'
import { startThrowawayPlayground } from './throwaway-playground.ts'

/** Serves it while the tests of the file run. Returns a function for its URL, known when they run. */
export function servePlayground(): () => string {
  let directory: string
  let url = ''
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-browser-'))
    const playground = await startThrowawayPlayground(directory)
    url = playground.url
  }, 120_000)
  afterAll(async () => {
    await stopAll()
    rmSync(directory, { recursive: true })
  })
  return () => url
}
