// A Worker with a key pair, a database and an application key of its own, for as long as one command runs.
import path from 'node:path'
import { demoKey, prepareLocalDatabases } from '../tokens/application-keys.ts'
import { localSettings } from '../tokens/local-settings.ts'
import { temporaryDirectory } from './directories.ts'
import { freePort } from './ports.ts'
import { startWorker } from './wrangler.ts'

export type ThrowawayWorker = Awaited<ReturnType<typeof startThrowawayWorker>>

/** Starts it under `wrangler dev`, whose output it hands to `print`; `stopAll` ends it. */
export async function startThrowawayWorker(
  purpose: string,
  print: (text: string) => void,
  ...args: string[]
) {
  const { devVars, settings, key, start } = await prepareState(temporaryDirectory(purpose))
  const url = await start(['--env-file', devVars, ...args], print)
  return { url, devVars, settings, key }
}

/** All that a local Worker needs, in one directory, and what starts it there. */
export async function prepareState(directory: string) {
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  const key = demoKey(settings)
  /** Returns where it answers. */
  const start = async (args: string[], print: (text: string) => void): Promise<string> => {
    const port = await freePort()
    const url = `http://localhost:${port}`
    const ports = ['--port', String(port), '--inspector-port', String(await freePort())]
    const prepare = () => prepareLocalDatabases({ 'persist-to': directory }, key)
    const own = [...args, ...ports, '--persist-to', directory]
    await startWorker({ url, args: own, print, prepare })
    return url
  }
  return { devVars, settings, key, start }
}
