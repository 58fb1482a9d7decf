// A Worker with a key pair, a database and an application key of its own, for as long as one command runs.
import path from 'node:path'
import { demoKey, type NewKey, prepareLocalDatabases } from '../tokens/application-keys.ts'
import { type LocalSettings, localSettings } from '../tokens/local-settings.ts'
import { temporaryDirectory } from './directories.ts'
import { freePort } from './ports.ts'
import { startWorker } from './wrangler.ts'

export interface ThrowawayWorker {
  url: string
  /** The path of the file with its keys. */
  devVars: string
  settings: LocalSettings
  key: NewKey
}

/** Starts it under `wrangler dev`, whose output it hands to `print`; `stopAll` ends it. */
export async function startThrowawayWorker(
  purpose: string,
  print: (text: string) => void,
  ...args: string[]
): Promise<ThrowawayWorker> {
  const { devVars, settings, key, persistence, prepare } = await prepareState(
    temporaryDirectory(purpose),
  )
  const port = await freePort()
  const url = `http://localhost:${port}`
  const ports = ['--port', String(port), '--inspector-port', String(await freePort())]
  await startWorker({
    url,
    args: [...ports, ...persistence, '--env-file', devVars, ...args],
    print,
    prepare,
  })
  return { url, devVars, settings, key }
}

/** All that a local Worker needs, in one directory; its database once it is prepared. */
export async function prepareState(directory: string) {
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  const key = demoKey(settings)
  const prepare = () => prepareLocalDatabases({ 'persist-to': directory }, key)
  // The arguments that choose the database for `wrangler dev`.
  const persistence = ['--persist-to', directory]
  return { devVars, settings, key, persistence, prepare }
}
