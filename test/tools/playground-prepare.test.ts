import { mkdtempSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { preparePlayground } from '../../tools/start/playground.ts'
import { demoKey } from '../../tools/tokens/application-keys.ts'
import { type LocalSettings, localSettings } from '../../tools/tokens/local-settings.ts'
import { newDirectory } from './finished.ts'

let directory: string
let devVars: string
let settings: LocalSettings
beforeAll(async () => {
  directory = newDirectory()
  devVars = path.join(directory, 'secrets')
  settings = await localSettings(devVars)
})

/** The two configurations, and the file of who can sign in. */
async function prepare(options: Partial<LocalSettings> = {}) {
  const [, playground = '', , real = ''] = await preparePlayground({
    directory: mkdtempSync(path.join(directory, 'one-')),
    settings: { ...settings, ...options },
    key: demoKey(settings),
    devVars,
    variables: { READ_CONSISTENCY: 'nearest' },
  })
  const { assets, services } = json(playground)
  return { real, services, session: path.join(assets.directory, 'playground', 'session.json') }
}

function json(file: string) {
  return Object(JSON.parse(readFileSync(file, 'utf8')))
}

describe('preparePlayground', () => {
  it('gives the real Worker its own configuration, with its secrets and the variables', async () => {
    const { real } = await prepare()

    const { main, vars, d1_databases } = json(real)
    expect(statSync(main).isFile()).toBe(true)
    expect(vars).toMatchObject({ AUTH_ISSUER: settings.issuer, READ_CONSISTENCY: 'nearest' })
    expect(d1_databases).toMatchObject([{ binding: 'DB' }])
    const secrets = readFileSync(path.join(path.dirname(real), '.dev.vars'), 'utf8')
    expect(secrets).toBe(readFileSync(devVars, 'utf8'))
  })

  it('calls the real Worker what the bindings of the playground call it', async () => {
    const { real, services } = await prepare()
    const { name: service } = json(real)

    expect(services).toMatchObject([{ service }, { service }])
  })

  it('keeps the tokens from other users of the machine', async () => {
    const { session } = await prepare()

    expect(statSync(session).mode & 0o777).toBe(0o600)
    expect(json(session).accounts).toMatchObject({ ada: { name: 'Ada' }, ben: { name: 'Ben' } })
  })

  it('lets nobody sign in where account tokens come from another issuer', async () => {
    const { session } = await prepare({ accountIssuer: undefined })

    expect(json(session)).toEqual({ clientId: 'demo-storefront' })
  })
})
