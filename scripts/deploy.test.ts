import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { addressOf, carryOut } from './deployment.ts'
import { type Deployment, describePlan, obstacles, planDeployment } from './deployment-plan.ts'
import { type Environment, readEnvironments } from './environments.ts'
import { type Finished, finished } from './finished.ts'
import { newKeyPair } from './local-settings.ts'
import { readSecretsFile } from './secrets-file.ts'
import { type Cloudflare, standInWrangler } from './stand-in-wrangler.ts'
import { build } from './wrangler.ts'

let directory: string
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'cart-accounts-deploy-'))
  await build(directory)
}, 60_000)
afterAll(() => {
  rmSync(directory, { recursive: true })
})

const ADDRESS = 'https://cart-accounts-staging.shop.workers.dev'
/** What the deployed Worker answers, one after the other, the last for ever. */
let readyz: Response[]
let cloudflare: Cloudflare
beforeEach(() => {
  readyz = [Response.json({ status: 'ok' })]
  cloudflare = {
    loggedIn: true,
    accounts: [{ id: 'abc', name: 'Shop' }],
    workers: { 'cart-accounts-staging': ['AUTH_SIGNING_JWK'] },
    databases: { DB: [] },
    failing: '',
    targets: [ADDRESS],
  }
})

const WELL = {
  variables: { AUTH_ISSUER: 'https://auth.shop.test', AUTH_AUDIENCE: 'https://carts.shop.test' },
  databases: [
    { binding: 'DB', name: 'cart-accounts-staging', id: '5e2e7c51-8f0b-4d5b-9a52-3b1f1f3c9a10' },
  ],
}

/** The command with the staging of wrangler.toml, changed as an operator would have. */
async function deploy(
  changes: Partial<Environment> = WELL,
  { file, by = 'operator' }: { file?: string; by?: Deployment['by'] } = {},
) {
  const environments = readEnvironments()
  const found = environments.find(({ name }) => name === (changes.name ?? 'staging'))
  if (found === undefined) throw new Error('There is no such environment')
  const variables = { ...found.variables, ...changes.variables }
  const environment = { ...found, ...changes, variables }
  const printed: string[] = []
  const asked: string[] = []
  const bundle = path.join(directory, 'app.js')
  const { wrangler, calls } = standInWrangler(environment.worker, bundle, cloudflare)
  const deployment = {
    environment,
    environments,
    secretsFile: file === undefined ? undefined : readSecretsFile(file),
    by,
    directory: mkdtempSync(path.join(directory, 'run-')),
  }
  const surroundings = {
    wrangler,
    fetch: async (url: string) => {
      asked.push(url)
      const [now, next] = readyz
      if (next !== undefined) readyz.shift()
      return now?.clone() ?? Response.error()
    },
    print: (text: string) => printed.push(text),
    readyWithinMs: 50,
  }
  const plan = await planDeployment(deployment, surroundings)
  const text = describePlan(deployment, plan)
  const outcome =
    obstacles(plan).length > 0
      ? 'not begun'
      : await carryOut(deployment, plan, surroundings).then(
          () => 'done',
          (error: unknown) => String(error),
        )
  return { plan, text, outcome, calls, asked, printed: printed.join('') }
}

const LOOKING = [
  'deploy --dry-run --outdir --env staging',
  'whoami --json',
  'secret list --env staging',
  'd1 execute DB --yes --json --command --remote --env staging',
]

describe('npm run deploy', () => {
  it('looks, migrates, deploys and asks the deployed Worker, in this order', async () => {
    const { outcome, calls, asked, printed, text } = await deploy()

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
    cloudflare.databases = { DB: ['0001_associations.sql', '0002_application_keys.sql'] }

    const { outcome, calls, text } = await deploy()

    expect(outcome).toBe('done')
    expect(calls).toEqual([...LOOKING, 'deploy --env staging'])
    expect(text).toContain('every migration is applied')
  })

  it('migrates each of several databases', async () => {
    cloudflare.databases = { DB: [], DB_1: ['0001_associations.sql'] }
    const second = { binding: 'DB_1', name: 'cart-accounts-staging-1', id: 'a-1' }

    const { calls, outcome } = await deploy({ ...WELL, databases: [...WELL.databases, second] })

    expect(outcome).toBe('done')
    expect(calls.slice(LOOKING.length)).toEqual([
      'd1 execute DB_1 --yes --json --command --remote --env staging',
      'd1 migrations apply DB --remote --env staging',
      'd1 migrations apply DB_1 --remote --env staging',
      'deploy --env staging',
    ])
  })

  it('says all that is missing at once, each with what mends it, and touches nothing', async () => {
    cloudflare.workers = {}

    const { outcome, calls, text } = await deploy({
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
  ✗ AUTH_AUDIENCE is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ CORS_ORIGINS is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ SHOPPER_RATE_LIMIT is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ FAILURE_RATE_LIMIT is bound at the top level of wrangler.toml, and not for staging
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
    cloudflare.loggedIn = false

    const { outcome, calls, text } = await deploy()

    expect(outcome).toBe('not begun')
    expect(calls).toEqual(LOOKING.slice(0, 2))
    expect(text).toContain('✗ You are not logged in to Cloudflare\n      npx wrangler login\n')
    expect(text).toContain('? Which secrets and migrations there are')
    expect(text).not.toContain('No key verifies')
  })

  it('asks to choose one of several accounts', async () => {
    cloudflare.accounts.push({ id: 'def', name: 'Other' })

    const { outcome, text } = await deploy()

    expect(outcome).toBe('not begun')
    expect(text).toContain(
      'export CLOUDFLARE_ACCOUNT_ID=<id>\n      # Shop: abc\n      # Other: def',
    )
  })

  it('says that a database is not in this account', async () => {
    cloudflare.databases = {}

    const { outcome, text } = await deploy()

    expect(outcome).toBe('not begun')
    expect(text).toContain('✗ DB (cart-accounts-staging) is not in this account')
    expect(text).toContain('npx wrangler d1 create cart-accounts-staging')
  })

  it.each([
    { failing: 'secret list', what: 'The secrets of cart-accounts-staging' },
    { failing: 'd1 execute', what: 'DB (cart-accounts-staging)' },
  ])('does not begin where $failing fails', async ({ failing, what }) => {
    cloudflare.failing = failing

    const { outcome, text } = await deploy()

    expect(outcome).toBe('not begun')
    expect(text).toContain(`? ${what}: A request to the Cloudflare API`)
  })

  it('deploys nothing where a migration fails', async () => {
    cloudflare.failing = 'd1 migrations apply'

    const { outcome, calls } = await deploy()

    expect(outcome).toContain('DB could not be migrated, and nothing was deployed:\n')
    expect(calls.at(-1)).toBe('d1 migrations apply DB --remote --env staging')
  })

  it('says that the migrations are applied where the deployment fails', async () => {
    cloudflare.failing = 'deploy --env'

    const { outcome } = await deploy()

    expect(outcome).toContain('The Worker could not be deployed; the migrations are applied:\n')
  })

  it('waits for a new address to be known', async () => {
    readyz.unshift(new Response('There is nothing here yet', { status: 404 }))

    const { outcome, asked } = await deploy()

    expect(outcome).toBe('done')
    expect(asked).toHaveLength(2)
  })

  it('fails where the deployed Worker is not ready, in the words of the Worker', async () => {
    const errors = [{ status: 503, title: 'Service Unavailable', detail: 'DB must answer' }]
    readyz = [Response.json({ errors }, { status: 503 })]

    const { outcome } = await deploy()

    expect(outcome).toBe(
      `CommandError: Deployed, but ${ADDRESS}/readyz is not 200: 503 DB must answer`,
    )
  })

  it('hands over a file of secrets, whose keys count, and prints none of them', async () => {
    cloudflare.workers = {}
    const { privateJwk } = await newKeyPair()
    const file = path.join(directory, 'secrets.env')
    writeFileSync(file, `AUTH_SIGNING_JWK='${JSON.stringify(privateJwk)}'\n`)

    const { outcome, calls, text, printed } = await deploy(WELL, { file })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy --env staging --secrets-file')
    expect(text).toContain('AUTH_SIGNING_JWK: from the file')
    expect(text + printed).not.toContain(privateJwk.d)
  })

  it('leaves it to the deployed Worker whether the builds of Cloudflare have brought a key', async () => {
    cloudflare.workers = {}
    const errors = [{ status: 503, title: 'x', detail: 'AUTH_JWKS must be set' }]
    readyz = [Response.json({ errors }, { status: 503 })]

    const { outcome, text } = await deploy(WELL, { by: 'workers-builds' })

    expect(text).toContain('! No key verifies access tokens')
    expect(outcome).toContain('Deployed, but')
    expect(outcome).toContain('503 AUTH_JWKS must be set')
  })

  it('finds a malformed key in a file of secrets, and prints none of it', async () => {
    const file = path.join(directory, 'malformed.json')
    writeFileSync(file, JSON.stringify({ AUTH_JWKS: '{"keys":[{"kty":"hush"}]}' }))

    const { outcome, text } = await deploy(WELL, { file })

    expect(outcome).toBe('not begun')
    expect(text).toMatch(/✗ AUTH_JWKS keys\[0\].*\n {6}Correct it in .*malformed\.json/)
    expect(text).not.toContain('hush')
  })

  it('wants no private key in wrangler.toml, and prints none', async () => {
    const variables = { ...WELL.variables, AUTH_SIGNING_JWK: 'hush' }

    const { outcome, text } = await deploy({ ...WELL, variables })

    expect(outcome).toBe('not begun')
    expect(text).toContain('✗ AUTH_SIGNING_JWK is a secret, and stands in wrangler.toml')
    expect(text).not.toContain('hush')
  })

  it('warns of open origins in production, and goes on', async () => {
    cloudflare.workers = { 'cart-accounts-production': ['AUTH_JWKS'] }

    const { outcome, text } = await deploy({ ...WELL, name: 'production' })

    expect(outcome).toBe('done')
    expect(text).toContain('Warnings\n  ! CORS_ORIGINS lets the pages of every origin ask\n')
  })

  it('names the top level without --env, for which CLOUDFLARE_ENV stands empty', async () => {
    cloudflare.workers = { 'cart-accounts': ['AUTH_JWKS'] }

    const { outcome, calls } = await deploy({ ...WELL, name: '' })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy')
  })
})

describe('the address of a deployment', () => {
  it.each([
    { targets: ['https://a.shop.workers.dev'], address: 'https://a.shop.workers.dev' },
    { targets: ['carts.shop.test (custom domain)'], address: 'https://carts.shop.test' },
    { targets: ['carts.shop.test/* (zone name: shop.test)'], address: 'https://carts.shop.test' },
    { targets: ['*.shop.test/*', 'schedule: 0 0 * * *'], address: undefined },
    { targets: [], address: undefined },
  ])('is found among $targets', ({ targets, address }) => {
    const listed = targets.map((target) => `  ${target}\n`).join('')

    expect(addressOf(`Uploaded a (1 sec)\nDeployed a triggers (1 sec)\n${listed}Current`)).toBe(
      address,
    )
  })
})

describe('npm run deploy, as it is typed', () => {
  const typed = (...args: string[]): Finished => finished('deploy.ts', args, directory)

  it('tells the plan without a login, and fails for what is missing', () => {
    const { code, out, error } = typed('--dry-run', '--env', 'production')

    expect({ code, error }).toEqual({
      code: 1,
      error: 'Not ready to deploy: nothing was touched\n',
    })
    expect(out).toContain('Worker    cart-accounts-production\n')
    expect(out).toMatch(/Bundle {4}[\d.]+ KiB, [\d.]+ KiB gzipped/)
    expect(out).toContain('✗ You are not logged in to Cloudflare')
  })

  it.each([
    { args: ['--env', 'prod'], error: '--env must be staging or production, not "prod"' },
    {
      args: ['--secrets-file', 'nowhere'],
      error: '--secrets-file names a file that cannot be read: nowhere (ENOENT)',
    },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    expect(typed(...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})
