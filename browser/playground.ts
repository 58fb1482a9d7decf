// The playground as npm start serves it, with a database and tokens of its own.
import path from 'node:path'
import { preparePlayground } from '../playground/prepare.ts'
import { demoKey, storeKey } from '../scripts/application-keys.ts'
import { localSettings } from '../scripts/local-settings.ts'
import { freePort } from '../scripts/ports.ts'
import { temporaryDirectory } from '../scripts/temporary-directory.ts'
import { migrate, startWorker } from '../scripts/wrangler.ts'

/** Starts it, and tells where it is; `stopAll` ends it. */
export async function startPlayground(): Promise<string> {
  const directory = temporaryDirectory('browser')
  const devVars = path.join(directory, '.dev.vars')
  const settings = await localSettings(devVars)
  const key = demoKey(settings)
  const persistence = ['--persist-to', directory]
  await migrate(persistence)
  await storeKey(key, ['--local', ...persistence])
  const port = await freePort()
  const url = `http://localhost:${port}/`
  await startWorker({
    url,
    args: [
      ...(await preparePlayground({ settings, key, devVars, variables: {} })),
      ...['--port', String(port), '--inspector-port', String(await freePort())],
      ...persistence,
    ],
    print: () => undefined,
  })
  return url
}
