import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { refusedSettings } from '../../tools/deploy/accepted-settings.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import {
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

describe('the plan of a deployment', () => {
  it('says all that is missing at once, each with what mends it, and touches nothing', async () => {
    scene.refusedSettings = refusedSettings
    scene.cloudflare.workers = {}

    const { outcome, calls, text } = await deployIn(scene, {
      variables: { ACCOUNT_JWKS_URL: 'ftp://identity.shop.test', READ_CONSISTENCY: 'now' },
      rateLimits: [{ binding: 'SHOPPER_RATE_LIMIT', namespaceId: '3002' }],
      bindings: { DB: 'd1' },
    })

    expect(outcome).toBe('not begun')
    expect(calls).toEqual(LOOKING.slice(0, 3))
    expect(text).toContain('Worker    cart-accounts-staging (new)\n')
    expect(text.slice(text.indexOf('Missing'))).toBe(`Missing
  ✗ AUTH_ISSUER is still the placeholder https://auth.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ AUTH_AUDIENCE is still the placeholder https://api.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ DB (cart-accounts-staging) has no database yet
      npx wrangler d1 create cart-accounts-staging
      and put the id that it prints under [[env.staging.d1_databases]] in wrangler.toml
  ✗ SHOPPER_RATE_LIMIT has no counter of its own: production counts under 3002 too
      Choose another namespace_id under [[env.staging.ratelimits]] in wrangler.toml
  ✗ AUTH_ISSUER is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ SHOPPER_RATE_LIMIT is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ READ_CONSISTENCY must be primary or nearest, not "now"
      Correct it under [env.staging.vars] in wrangler.toml
  ✗ No key verifies access tokens: AUTH_JWKS must be set, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK
      npm run -s keys -- signing-key | npx wrangler secret put AUTH_SIGNING_JWK --env staging
      or, with an issuer of yours, set AUTH_JWKS_URL
  ✗ ACCOUNT_JWKS_URL must be an https address; http is for this machine alone
      Correct it under [env.staging.vars] in wrangler.toml

`)
  })

  it('says that nobody is logged in, and what it could not check', async () => {
    scene.cloudflare.loggedIn = false

    const { outcome, calls, text } = await deployIn(scene)

    expect(outcome).toBe('not begun')
    expect(calls).toEqual(LOOKING.slice(0, 2))
    expect(text).toContain('✗ You are not logged in to Cloudflare\n      npx wrangler login\n')
    expect(text).toContain('? Which secrets and migrations there are')
    expect(text).not.toContain('No key verifies')
  })

  it('asks to choose one of several accounts', async () => {
    scene.cloudflare.accounts.push({ id: 'def', name: 'Other' })

    const { outcome, text } = await deployIn(scene)

    expect(outcome).toBe('not begun')
    expect(text).toContain(
      'export CLOUDFLARE_ACCOUNT_ID=<id>\n      # Shop: abc\n      # Other: def',
    )
  })

  it.each([
    { variables: {}, outcome: 'not begun' },
    { variables: { MOVING_TO: 'DB_1' }, outcome: 'done' },
  ])('lets an empty database beside others take no store: $variables', async (given) => {
    scene.cloudflare.databases = { DB: MIGRATIONS, DB_1: [] }

    const { outcome, text } = await deployIn(scene, {
      variables: { ...WELL_SET.variables, ...given.variables },
      databases: [...WELL_SET.databases, SECOND_DATABASE],
    })

    expect(outcome).toBe(given.outcome)
    expect(text.includes('carts would be lost')).toBe(given.outcome === 'not begun')
  })

  it('says that a database is not in this account', async () => {
    scene.cloudflare.databases = {}

    const { outcome, text } = await deployIn(scene)

    expect(outcome).toBe('not begun')
    expect(text).toContain('✗ DB (cart-accounts-staging) is not in this account')
    expect(text).toContain('npx wrangler d1 create cart-accounts-staging')
  })

  it.each([
    { failing: 'secret list', what: 'The secrets of cart-accounts-staging' },
    { failing: 'd1 execute', what: 'DB (cart-accounts-staging)' },
  ])('does not begin where $failing fails', async ({ failing, what }) => {
    scene.cloudflare.failing = failing

    const { outcome, text } = await deployIn(scene)

    expect(outcome).toBe('not begun')
    expect(text).toContain(`? ${what}: A request to the Cloudflare API`)
  })

  it('finds a malformed key in a file of secrets, and prints none of it', async () => {
    scene.refusedSettings = refusedSettings
    const file = path.join(directory, 'malformed.json')
    writeFileSync(file, JSON.stringify({ AUTH_JWKS: '{"keys":[{"kty":"hush"}]}' }))

    const { outcome, text } = await deployIn(scene, WELL_SET, { file })

    expect(outcome).toBe('not begun')
    expect(text).toMatch(/✗ AUTH_JWKS keys\[0\].*\n {6}Correct it in .*malformed\.json/)
    expect(text).not.toContain('hush')
  })

  it('wants no private key in wrangler.toml, and prints none', async () => {
    const variables = { ...WELL_SET.variables, AUTH_SIGNING_JWK: 'hush' }

    const { outcome, text } = await deployIn(scene, { ...WELL_SET, variables })

    expect(outcome).toBe('not begun')
    expect(text).toContain('✗ AUTH_SIGNING_JWK is a secret, and stands in wrangler.toml')
    expect(text).not.toContain('hush')
  })

  it('warns of open origins in production, and goes on', async () => {
    scene.cloudflare.workers = { 'cart-accounts-production': ['AUTH_JWKS'] }

    const { outcome, text } = await deployIn(scene, { ...WELL_SET, name: 'production' })

    expect(outcome).toBe('done')
    expect(text).toContain('Warnings\n  ! CORS_ORIGINS lets the pages of every origin ask\n')
  })
})
