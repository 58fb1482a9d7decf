import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusedSettings } from '../../tools/deploy/accepted-settings.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { newKeyPair } from '../../tools/tokens/local-settings.ts'
import {
  ADDRESS,
  deployIn,
  LOOKING,
  MIGRATIONS,
  newScene,
  type Scene,
  SECOND_DATABASE,
  WELL_SET,
} from './deployment-scene.ts'

const directory = temporaryDirectory('secrets')

let scene: Scene
beforeEach(() => {
  scene = newScene()
})

describe('a deployment', () => {
  it('looks, migrates, deploys and asks the deployed Worker, in this order', async () => {
    const { outcome, calls, asked, printed, text } = await deployIn(scene)

    expect(outcome).toBe('done')
    expect(calls).toEqual([
      ...LOOKING,
      'd1 migrations apply DB --remote --env staging',
      'deploy --env staging',
    ])
    expect(asked).toEqual([`${ADDRESS}/readyz`])
    expect(printed).toContain(`Ready: ${ADDRESS}\n`)
    expect(text).toContain('Account   Shop (abc)')
    expect(text).toContain('to apply: 0001_associations.sql, 0002_application_keys.sql')
    expect(text).toContain('AUTH_SIGNING_JWK: there')
    expect(text).not.toContain('Missing')
  })

  it('migrates nothing where every migration is applied', async () => {
    scene.cloudflare.databases = { DB: MIGRATIONS }

    const { outcome, calls, text } = await deployIn(scene)

    expect(outcome).toBe('done')
    expect(calls).toEqual([...LOOKING, 'deploy --env staging'])
    expect(text).toContain('every migration is applied')
  })

  it('migrates each of several databases', async () => {
    scene.cloudflare.databases = { DB: [], DB_1: ['0001_associations.sql'] }

    const { calls, outcome } = await deployIn(scene, {
      ...WELL_SET,
      databases: [...WELL_SET.databases, SECOND_DATABASE],
    })

    expect(outcome).toBe('done')
    expect(calls.slice(LOOKING.length)).toEqual([
      'd1 execute DB_1 --yes --json --command --remote --env staging',
      'd1 migrations apply DB --remote --env staging',
      'd1 migrations apply DB_1 --remote --env staging',
      'deploy --env staging',
    ])
  })

  it('deploys nothing where a migration fails', async () => {
    scene.cloudflare.failing = 'd1 migrations apply'

    const { outcome, calls } = await deployIn(scene)

    expect(outcome).toContain('DB could not be migrated, and nothing was deployed:\n')
    expect(calls.at(-1)).toBe('d1 migrations apply DB --remote --env staging')
  })

  it('says that the migrations are applied where the deployment fails', async () => {
    scene.cloudflare.failing = 'deploy --env'

    const { outcome } = await deployIn(scene)

    expect(outcome).toContain('The Worker could not be deployed; the migrations are applied:\n')
  })

  it('waits for a new address to be known', async () => {
    scene.readyz.unshift(new Response('There is nothing here yet', { status: 404 }))

    const { outcome, asked } = await deployIn(scene)

    expect(outcome).toBe('done')
    expect(asked).toHaveLength(2)
  })

  it('fails where the deployed Worker is not ready, in the words of the Worker', async () => {
    const errors = [{ status: 503, title: 'Service Unavailable', detail: 'DB must answer' }]
    scene.readyz = [Response.json({ errors }, { status: 503 })]

    const { outcome } = await deployIn(scene)

    expect(outcome).toBe(
      `CommandError: Deployed, but ${ADDRESS}/readyz is not 200: 503 DB must answer`,
    )
  })

  it('hands over a file of secrets, whose keys count, and prints none of them', async () => {
    scene.refusedSettings = refusedSettings
    scene.cloudflare.workers = {}
    const { privateJwk } = await newKeyPair()
    const file = path.join(directory, 'secrets.env')
    writeFileSync(file, `AUTH_SIGNING_JWK='${JSON.stringify(privateJwk)}'\n`)

    const { outcome, calls, text, printed } = await deployIn(scene, WELL_SET, { file })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy --env staging --secrets-file')
    expect(text).toContain('AUTH_SIGNING_JWK: from the file')
    expect(text + printed).not.toContain(privateJwk.d)
  })

  it('leaves it to the deployed Worker whether the builds of Cloudflare have brought a key', async () => {
    scene.refusedSettings = refusedSettings
    scene.cloudflare.workers = {}
    const errors = [{ status: 503, title: 'x', detail: 'AUTH_JWKS must be set' }]
    scene.readyz = [Response.json({ errors }, { status: 503 })]

    const { outcome, text } = await deployIn(scene, WELL_SET, { by: 'workers-builds' })

    expect(text).toContain('! No key verifies access tokens')
    expect(outcome).toContain('Deployed, but')
    expect(outcome).toContain('503 AUTH_JWKS must be set')
  })

  it('names the top level without --env, for which CLOUDFLARE_ENV stands empty', async () => {
    scene.cloudflare.workers = { 'cart-accounts': ['AUTH_JWKS'] }

    const { outcome, calls } = await deployIn(scene, { ...WELL_SET, name: '' })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy')
  })
})
