// Deployments into a made-up account: only wrangler and the deployed address are played.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build as bundle } from 'esbuild'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { refusedSettings } from '../../tools/deploy/accepted-settings.ts'
import { carryOut, type Deployment, plan } from '../../tools/deploy/deploy.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { build, runShown, runToEnd } from '../../tools/lib/wrangler.ts'
import { findEnvironment, readEnvironments } from '../../tools/lib/wrangler-toml.ts'
import { newKeyPair } from '../../tools/tokens/local-settings.ts'

vi.mock('../../tools/lib/wrangler.ts', { spy: true })
vi.mock('../../tools/deploy/accepted-settings.ts', { spy: true })

const LOOKING = [
  'whoami --json',
  'secret list --env staging',
  'd1 execute DB --yes --json --command --remote --env staging',
]
const DEPLOYING = ['d1 migrations apply DB --remote --env staging', 'deploy --env staging']
const ADDRESS = 'https://cart-accounts-staging.shop.workers.dev'
const SECOND_DATABASE = `
[[env.staging.d1_databases]]
binding = "DB_1"
database_name = "cart-accounts-staging-1"
database_id = "a-1"
`
const READY = { status: 'ok' }
const both = { DB: ['eu-1'], DB_1: ['eu-1'] }

// Each deployment has a directory until this process ends.
process.setMaxListeners(50)
const directory = temporaryDirectory('deployments')
const app = path.join(directory, 'app.js')
await bundle({
  entryPoints: [path.join(projectRoot, 'src', 'app.ts')],
  outfile: app,
  bundle: true,
  format: 'esm',
  external: ['cloudflare:*'],
})

/** wrangler.toml as the repository has it, and as an operator has set it. */
const PLACEHOLDERS = readFileSync(path.join(projectRoot, 'wrangler.toml'), 'utf8')
const ids = { last: 0 }
const toml = PLACEHOLDERS.replaceAll('.example"', '.test"').replaceAll(/"[0-]{36}"/g, () => {
  ids.last += 1
  return `"5e2e7c51-8f0b-4d5b-9a52-${String(ids.last).padStart(12, '0')}"`
})
const withVariables = (lines: string, text = toml) =>
  text.replace('[env.staging.vars]', `[env.staging.vars]\n${lines}`)

interface Cloudflare {
  loggedIn: boolean
  accounts: { id: string; name: string }[]
  /** The names of the secrets; no Worker if undefined. */
  secrets: string[] | undefined
  /** How many tables each database has. */
  tables: Record<string, number>
  /** The stores with rows in each database. */
  stores: Record<string, string[]>
  /** The mode of read replication, as the API says it. */
  mode: 'auto' | 'disabled' | undefined
  /** The command that fails. */
  failing: string
  /** What the deployed Worker answers, one after the other, the last for ever. */
  answers: Response[]
}

let cloudflare: Cloudflare
let calls: string[]
let asked: string[]

beforeEach(() => {
  vi.resetAllMocks()
  calls = []
  asked = []
  cloudflare = {
    loggedIn: true,
    accounts: [{ id: 'abc', name: 'Shop' }],
    secrets: ['AUTH_SIGNING_JWK'],
    tables: { DB: 0 },
    stores: {},
    mode: 'disabled',
    failing: 'nothing',
    answers: [Response.json(READY)],
  }
  vi.mocked(build).mockImplementation(async (to) => copyFileSync(app, path.join(to, 'app.js')))
  vi.mocked(runToEnd).mockImplementation(async (args) => answerTo(args))
  vi.mocked(runShown).mockImplementation(async (args) => {
    const reports = [{ type: 'wrangler-session' }, { type: 'deploy', targets: [ADDRESS] }]
    return { code: called(args) ? 0 : 1, reports }
  })
  vi.stubGlobal('fetch', async (url: string, { redirect }: RequestInit) => {
    asked.push(`${url} ${redirect}`)
    const [now, next] = cloudflare.answers
    if (next !== undefined) cloudflare.answers.shift()
    return now?.clone() ?? Response.error()
  })
})

/** Whether it succeeds. */
function called(args: string[]): boolean {
  calls.push(args.filter((arg) => !/^(?:\/|select )/.test(arg)).join(' '))
  return !calls.at(-1)?.startsWith(cloudflare.failing)
}

/** In the words of wrangler 4.155. */
function answerTo(args: string[]) {
  const { loggedIn, accounts, secrets, tables, stores, mode } = cloudflare
  const printed = (json: unknown) => ({ code: 0, stdout: JSON.stringify(json), stderr: '' })
  const refused = (text: string) => ({ code: 1, stdout: '\n', stderr: `\u2718 [ERROR] ${text}\n` })
  if (!called(args)) return refused('A request to the Cloudflare API (/accounts/0/x) failed.')
  const [command, subcommand, binding = ''] = args
  if (command === 'whoami') return printed(loggedIn ? { loggedIn, accounts } : { loggedIn })
  if (subcommand === 'info') {
    const jurisdiction = binding === 'DB_1' ? 'eu' : null
    const read_replication = mode && { mode }
    return printed({ running_in_region: 'WEUR', jurisdiction, read_replication })
  }
  if (args.some((arg) => arg.startsWith('select id'))) {
    return printed([{ results: (stores[binding] ?? []).map((id) => ({ id })), success: true }])
  }
  if (command === 'd1') {
    const found = tables[binding]
    if (found !== undefined) return printed([{ results: [{ tables: found }], success: true }])
    return printed({ error: { text: 'A request to the Cloudflare API failed.' } })
  }
  if (secrets !== undefined) return printed(secrets.map((name) => ({ name, type: 'secret_text' })))
  return refused('Worker "cart-accounts-staging" (env: staging) not found.')
}

/** Deploys the staging of a wrangler.toml. */
async function deployed(
  text = toml,
  { env = 'staging', ...changes }: Partial<Deployment> & { env?: string } = {},
): Promise<{ outcome: string; printed: string }> {
  const file = path.join(directory, 'wrangler.toml')
  writeFileSync(file, text)
  const environments = readEnvironments(file)
  const environment = findEnvironment(environments, env)
  const deployment: Deployment = { environment, environments, by: 'operator', ...changes }
  const printed: string[] = []
  const print = (line: string) => void printed.push(line)
  const outcome = await plan(deployment, print)
    .then(() => carryOut(deployment, print, 50))
    .then(
      () => 'done',
      (error: unknown) => String(error),
    )
  return { outcome, printed: printed.join('') }
}

const NOT_BEGUN = 'CommandError: Not ready to deploy: nothing was touched'

describe('the plan of a deployment', () => {
  it('says all that is missing at once, each with what mends it, and touches nothing', async () => {
    cloudflare.secrets = undefined
    const text = withVariables('ACCOUNT_JWKS_URL = "ftp://identity.shop.test"', PLACEHOLDERS)
      .replace('[vars]', '[vars]\nREAD_CONSISTENCY = "nearest"')
      .replace('"2001"', '"3002"')

    const { outcome, printed } = await deployed(text)

    expect(outcome).toBe(NOT_BEGUN)
    expect(calls).toEqual(LOOKING.slice(0, 2))
    expect(printed).toContain('Worker    cart-accounts-staging (new)\n')
    expect(printed.slice(printed.indexOf('Missing'))).toBe(`Missing
  ✗ AUTH_ISSUER is still the placeholder https://auth.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ AUTH_AUDIENCE is still the placeholder https://api.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ DB (cart-accounts-staging) has no database yet
      npx wrangler d1 create cart-accounts-staging --location <region>
      <region>, near your shoppers and for good: weur, eeur, apac, oc, wnam or enam; or instead --jurisdiction eu, us or fedramp
      Then put the id that it prints under [[env.staging.d1_databases]] in wrangler.toml
  ✗ SHOPPER_RATE_LIMIT has no counter of its own: production counts under 3002 too
      Choose another namespace_id under [[env.staging.ratelimits]] in wrangler.toml
  ✗ READ_CONSISTENCY is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ No key verifies access tokens: AUTH_JWKS must be set, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK
      npx cart-accounts keys signing-key | npx wrangler secret put AUTH_SIGNING_JWK --env staging
      or, with an issuer of yours, set AUTH_JWKS_URL
  ✗ ACCOUNT_JWKS_URL must be an https address; http is for this machine alone
      Correct it under [env.staging.vars] in wrangler.toml

`)
  })

  it('says that nobody is logged in, and asks for nothing else', async () => {
    cloudflare.loggedIn = false

    const { outcome, printed } = await deployed()

    expect(outcome).toBe(NOT_BEGUN)
    expect(calls).toEqual(LOOKING.slice(0, 1))
    expect(printed).toContain('✗ You are not logged in to Cloudflare\n      npx wrangler login\n')
    expect(printed).not.toContain('No key verifies')
  })

  it.each([
    { variables: '', outcome: NOT_BEGUN },
    { variables: 'MOVING_TO = "DB_1"', outcome: 'done' },
  ])('lets no empty database beside others take stores: $variables', async (given) => {
    cloudflare.tables = { DB: 1, DB_1: 0 }

    const { outcome, printed } = await deployed(withVariables(given.variables) + SECOND_DATABASE)

    expect(outcome).toBe(given.outcome)
    expect(printed.includes('carts would be lost')).toBe(given.outcome === NOT_BEGUN)
  })

  it.each([
    { title: 'are not moved', rules: 'STORE_PLACEMENT', stores: { DB: ['eu-1'] }, fails: true },
    { title: 'move', rules: 'STORE_PLACEMENT_NEXT', stores: { DB: ['eu-1'] }, fails: false },
    { title: 'are copied', rules: 'STORE_PLACEMENT', stores: both, fails: false },
    {
      title: 'are of no rule',
      rules: 'STORE_PLACEMENT_NEXT',
      stores: { DB_1: ['eu'] },
      fails: true,
    },
    { title: 'lose their rule', rules: '', stores: { DB_1: ['eu-2'] }, fails: true },
  ])('leaves no rows behind: stores that $title', async ({ rules, stores, fails }) => {
    cloudflare.tables = { DB: 1, DB_1: 1 }
    cloudflare.stores = stores
    const placement = rules === '' ? '' : `${rules} = { "eu-*" = ["DB_1"] }`

    const { outcome, printed } = await deployed(withVariables(placement) + SECOND_DATABASE)

    expect(outcome).toBe(fails ? NOT_BEGUN : 'done')
    expect(printed.includes('1 stores that belong elsewhere: carts would be lost (eu')).toBe(fails)
    const where = 'DB_1 = cart-accounts-staging-1, in WEUR, jurisdiction eu\n'
    expect(printed.includes(where)).toBe(placement !== '')
  })

  it.each(['STORE_PLACEMENT', 'STORE_PLACEMENT_NEXT'])(
    'names the rule that is wrong, once: %s',
    async (setting) => {
      const other = 'STORE_PLACEMENT_NEXT = {}'
      const rules = `${setting} = { "eu-*" = ["DB_1"] }${setting === 'STORE_PLACEMENT' ? `\n${other}` : ''}`

      const { outcome, printed } = await deployed(withVariables(rules))

      expect(outcome).toBe(NOT_BEGUN)
      const line = `✗ ${setting} must list databases for each rule, and only bound ones: "eu-*"\n`
      expect(printed.split(line)).toHaveLength(2)
    },
  )

  it.each([
    { failing: 'secret list', what: 'cart-accounts-staging' },
    { failing: 'd1 execute', what: 'DB (cart-accounts-staging)' },
  ])('does not begin if $failing fails', async ({ failing, what }) => {
    cloudflare.failing = failing

    const { outcome, printed } = await deployed()

    expect(outcome).toBe(NOT_BEGUN)
    expect(printed).toContain(`✗ ${what} cannot be looked at: A request to the Cloudflare API`)
  })

  it('finds a malformed key in a file of secrets, and prints none of it', async () => {
    const secretsFile = { path: '/x.json', values: { AUTH_JWKS: '{"keys":[{"kty":"hush"}]}' } }

    const { outcome, printed } = await deployed(toml, { secretsFile })

    expect(outcome).toBe(NOT_BEGUN)
    expect(printed).toMatch(/✗ AUTH_JWKS keys\[0\].*\n {6}Correct it in \/x\.json/)
    expect(printed).not.toContain('hush')
  })

  it.each([
    { member: 'account_claim = "email"', text: 'ACCOUNT_TOKENS account_claim[0] must lead to' },
    {
      member: 'account_claim = "sub"',
      text: 'ACCOUNT_JWKS or ACCOUNT_JWKS_URL must be set beside',
    },
  ])('asks the Worker about the tokens of another provider: $member', async ({ member, text }) => {
    const rules = `typ = "JWT"\naudience = "https://api.shop.test"\nstore = "demo"\n${member}\n`
    const issuer = withVariables('ACCOUNT_ISSUER = "https://sso.shop.test"')

    const { outcome, printed } = await deployed(
      `${issuer}\n[env.staging.vars.ACCOUNT_TOKENS]\n${rules}`,
    )

    expect(outcome).toBe(NOT_BEGUN)
    expect(printed).toContain(`✗ ${text}`)
  })

  it('wants no private key in wrangler.toml, and prints none', async () => {
    const { outcome, printed } = await deployed(withVariables('AUTH_SIGNING_JWK = "hush"'))

    expect(outcome).toBe(NOT_BEGUN)
    expect(printed).toContain('✗ AUTH_SIGNING_JWK is a secret, and stands in wrangler.toml')
    expect(printed).not.toContain('hush')
  })

  it('warns of open origins in production, and goes on', async () => {
    const { outcome, printed } = await deployed(toml, { env: 'production' })

    expect(outcome).toBe('done')
    expect(printed).toContain('Warnings\n  ! CORS_ORIGINS lets the pages of every origin ask\n')
  })

  it.each([
    { mode: 'disabled', failing: 'nothing', warning: 'has no copies: its primary' },
    { mode: undefined, failing: 'nothing', warning: 'has no copies: its primary' },
    { mode: 'auto', failing: 'd1 info', warning: 'does not say whether it has copies' },
    { mode: 'auto', failing: 'nothing', warning: undefined },
  ] as const)(
    'warns of nearest reads without copies, and goes on: $mode, $failing fails',
    async ({ warning, ...given }) => {
      Object.assign(cloudflare, given)

      const { outcome, printed } = await deployed(withVariables('READ_CONSISTENCY = "nearest"'))

      expect(outcome).toBe('done')
      expect(calls).toContain('d1 info DB --json --env staging')
      expect(/READ_CONSISTENCY is nearest, and DB \(.*\) (.*)/.exec(printed)?.[1] ?? '').toContain(
        warning ?? '',
      )
      expect(printed.includes('read_replication')).toBe(warning !== undefined)
    },
  )
})

describe('a deployment', () => {
  beforeEach(() => {
    vi.mocked(refusedSettings).mockResolvedValue([])
  })

  it('looks, migrates, deploys and asks the deployed Worker, in this order', async () => {
    const { outcome, printed } = await deployed()

    expect(outcome).toBe('done')
    expect(calls).toEqual([...LOOKING, ...DEPLOYING])
    expect(asked).toEqual([`${ADDRESS}/readyz manual`])
    expect(printed).toContain(`Ready: ${ADDRESS}\n`)
    expect(printed).toContain('Account   Shop (abc)')
    expect(printed).toContain('AUTH_SIGNING_JWK: there')
    expect(printed).not.toContain('Missing')
  })

  it('migrates each of several databases', async () => {
    cloudflare.tables = { DB: 0, DB_1: 0 }

    const { outcome } = await deployed(toml + SECOND_DATABASE)

    expect(outcome).toBe('done')
    expect(calls.slice(LOOKING.length + 1)).toEqual([
      'd1 migrations apply DB --remote --env staging',
      'd1 migrations apply DB_1 --remote --env staging',
      'deploy --env staging',
    ])
  })

  it('deploys nothing if a migration fails', async () => {
    cloudflare.failing = 'd1 migrations apply'

    const { outcome } = await deployed()

    expect(outcome).toContain('DB could not be migrated, and nothing was deployed')
    expect(calls.at(-1)).toBe('d1 migrations apply DB --remote --env staging')
  })

  it('says that the migrations are applied if the deployment fails', async () => {
    cloudflare.failing = 'deploy --env'

    const { outcome } = await deployed()

    expect(outcome).toContain('The Worker could not be deployed; the migrations are applied')
  })

  it('waits for a new address to be known', async () => {
    cloudflare.answers.unshift(new Response('There is nothing here yet', { status: 404 }))

    const { outcome } = await deployed()

    expect(outcome).toBe('done')
    expect(asked).toHaveLength(2)
  })

  it.each([
    {
      answer: Response.json({ errors: [{ detail: 'DB must answer' }] }, { status: 503 }),
      problem: 'is not 200: 503 DB must answer',
    },
    {
      answer: new Response('<h1>Sign in</h1>'),
      problem: 'answers 200, and not {"status":"ok"}',
    },
    {
      answer: Response.redirect('https://login.test/from?here'),
      problem: 'answers 302, a redirect to https://login.test, which is not followed',
    },
  ])('fails if the deployed address $problem', async ({ answer, problem }) => {
    cloudflare.answers = [answer]

    const { outcome } = await deployed()

    expect(outcome).toBe(`CommandError: Deployed, but ${ADDRESS}/readyz ${problem}`)
  })

  it('names the top level without --env, for which CLOUDFLARE_ENV stands empty', async () => {
    const { outcome } = await deployed(toml, { env: '' })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy')
  })
})

describe('the key of a deployment', () => {
  beforeEach(() => {
    cloudflare.secrets = undefined
  })

  it('may come by a file of secrets, none of which is printed', async () => {
    const { privateJwk } = await newKeyPair()
    const values = { AUTH_SIGNING_JWK: JSON.stringify(privateJwk) }

    const { outcome, printed } = await deployed(toml, { secretsFile: { path: '/x.env', values } })

    expect(outcome).toBe('done')
    expect(calls.at(-1)).toBe('deploy --env staging --secrets-file')
    expect(printed).toContain('AUTH_SIGNING_JWK: from the file')
    expect(printed).not.toContain(privateJwk.d)
  })

  it('may be what the builds of Cloudflare bring: the deployed Worker says whether they have', async () => {
    const errors = [{ status: 503, title: 'x', detail: 'AUTH_JWKS must be set' }]
    cloudflare.answers = [Response.json({ errors }, { status: 503 })]

    const { outcome, printed } = await deployed(toml, { by: 'workers-builds' })

    expect(printed).toContain('! No key verifies access tokens')
    expect(outcome).toContain('Deployed, but')
    expect(outcome).toContain('503 AUTH_JWKS must be set')
  })
})
