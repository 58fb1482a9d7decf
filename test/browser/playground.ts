// Serves playgrounds, each with its own key pair, database and shoppers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from '../../tools/lib/ports.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { prepareState } from '../../tools/lib/throwaway-worker.ts'
import { startWorker } from '../../tools/lib/wrangler.ts'
import { preparePlayground } from '../../tools/start/playground.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'

/** Serves one while the tests of the file run. Returns a function for its URL, known when they run. */
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

export interface ThrowawayPlayground {
  url: string
  settings: LocalSettings
}

/** Starts it as npm start does, with all its files in one directory; `stopAll` ends it. */
export async function startThrowawayPlayground(
  directory: string,
  variables: Record<string, string> = {},
): Promise<ThrowawayPlayground> {
  const { devVars, settings, key, persistence, prepare } = await prepareState(directory)
  const port = await freePort()
  const url = `http://localhost:${port}`
  await startWorker({
    url,
    args: [
      ...(await preparePlayground({ directory, settings, key, devVars, variables })),
      ...['--port', String(port), '--inspector-port', String(await freePort())],
      ...persistence,
    ],
    print: () => undefined,
    prepare,
  })
  return { url, settings }
}
