// A Worker with a key pair, a database and an application key of its own, for as long as one command runs.
import path from 'node:path'
import { demoKey, type NewKey, storeKey } from './application-keys.ts'
import { type LocalSettings, localSettings } from './local-settings.ts'
import { freePort } from './ports.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { migrate, startWorker } from './wrangler.ts'

export interface ThrowawayWorker {
  url: string
  settings: LocalSettings
  key: NewKey
}

/** Starts it under `wrangler dev`, whose output it hands to `print`; `stopAll` ends it. */
export async function startThrowawayWorker(
  purpose: string,
  print: (text: string) => void,
  ...args: string[]
): Promise<ThrowawayWorker> {
  const directory = temporaryDirectory(purpose)
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  const key = demoKey(settings)
  const persistence = ['--persist-to', directory]
  await migrate(persistence)
  await storeKey(key, ['--local', ...persistence])
  const port = await freePort()
  const url = `http://localhost:${port}`
  const ports = ['--port', String(port), '--inspector-port', String(await freePort())]
  await startWorker({
    url,
    args: [...ports, ...persistence, '--env-file', devVars, ...args],
    print,
  })
  return { url, settings, key }
}
