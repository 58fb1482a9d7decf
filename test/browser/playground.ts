// Serves a playground with a key pair, a database and shoppers of its own.
import { freePort } from '../../tools/lib/ports.ts'
import { prepareState } from '../../tools/lib/throwaway-worker.ts'
import { startWorker } from '../../tools/lib/wrangler.ts'
import { preparePlayground } from '../../tools/start/playground.ts'
import type { LocalSettings } from '../../tools/tokens/local-settings.ts'

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
