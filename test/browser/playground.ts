// Serves a playground with a key pair, a database and shoppers of its own.
import { prepareState } from '../../tools/lib/throwaway-worker.ts'
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
  const { devVars, settings, key, start } = await prepareState(directory)
  const args = await preparePlayground({ directory, settings, key, devVars, variables })
  const url = await start(args, () => undefined)
  return { url, settings }
}
