// A playground with a key pair, a database and shoppers of its own, for as long as one test file runs.
import type { LocalSettings } from '../scripts/local-settings.ts'
import { freePort } from '../scripts/ports.ts'
import { prepareState } from '../scripts/throwaway-worker.ts'
import { startWorker } from '../scripts/wrangler.ts'
import { preparePlayground } from './prepare.ts'

export interface ThrowawayPlayground {
  url: string
  settings: LocalSettings
}

/** Starts it as npm start does, with all that it writes in one directory; `stopAll` ends it. */
export async function startThrowawayPlayground(
  directory: string,
  variables: Record<string, string> = {},
): Promise<ThrowawayPlayground> {
  const { devVars, settings, key, persistence } = await prepareState(directory)
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
  })
  return { url, settings }
}
