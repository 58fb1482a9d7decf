// Deployments into a made-up account: only wrangler and the deployed address are played.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build as bundle } from 'esbuild'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { refusedSettings } from '../../tools/deploy/accepted-settings.ts'
import { addressOf, carryOut, type Deployment, plan } from '../../tools/deploy/deploy.ts'
import { run } from '../../tools/lib/command-line.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { build, runShown, runToEnd } from '../../tools/lib/wrangler.ts'
import { findEnvironment, readEnvironments } from '../../tools/lib/wrangler-toml.ts'
import { newKeyPair } from '../../tools/tokens/local-settings.ts'
import { type Finished, newDirectory, printedBy } from './finished.ts'

vi.mock('../../tools/lib/wrangler.ts', { spy: true })
vi.mock('../../tools/deploy/accepted-settings.ts', { spy: true })

const ADDRESS = 'https://cart-accounts-staging.shop.workers.dev'
const SECOND_DATABASE = `
[[env.staging.d1_databases]]
binding = "DB_1"
database_name = "cart-accounts-staging-1"
database_id = "a-1"
`
const NOT_BEGUN = 'Not ready to deploy: nothing was touched\n'

const directory = newDirectory()
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
  vi.unstubAllEnvs()
  calls = []
  asked = []
  cloudflare = {
    loggedIn: true,
    secrets: ['AUTH_SIGNING_JWK'],
    tables: { DB: 0 },
    stores: {},
    mode: 'disabled',
    failing: 'nothing',
    answers: [Response.json({ status: 'ok' })],
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
  const { loggedIn, secrets, tables, stores, mode } = cloudflare
  const printed = (json: unknown) => ({ code: 0, stdout: JSON.stringify(json), stderr: '' })
  const refused = (text: string) => ({ code: 1, stdout: '\n', stderr: `\u2718 [ERROR] ${text}\n` })
  if (!called(args)) return refused('A request to the Cloudflare API (/accounts/0/x) failed.')
  const [command, subcommand, binding = ''] = args
  const accounts = [{ id: 'abc', name: 'Shop' }]
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
  { env = 'staging', secretsFile }: { env?: string; secretsFile?: Deployment['secretsFile'] } = {},
): Promise<Finished> {
  const file = path.join(directory, 'wrangler.toml')
  writeFileSync(file, text)
  const environments = readEnvironments(file)
  const deployment = { environment: findEnvironment(environments, env), environments, secretsFile }
  return await printedBy(() =>
    run(async () => {
      await plan(deployment)
      await carryOut(deployment, 50)
    }),
  )
}

describe('the plan of a deployment', () => {
  it('says all that is missing at once, each with what mends it, and touches nothing', async () => {
    cloudflare.secrets = undefined
    const text = withVariables('ACCOUNT_JWKS_URL = "ftp://identity.shop.test"', PLACEHOLDERS)

    const { out, error } = await deployed(
      text.replace('[vars]', '[vars]\nREAD_CONSISTENCY = "nearest"'),
    )

    expect(error).toBe(NOT_BEGUN)
    expect(calls).toEqual(['whoami --json', 'secret list --env staging'])
    expect(out).toContain('Worker    cart-accounts-staging (new)\n')
    expect(
      out.slice(out.indexOf('  ✗')),
    ).toBe(`  ✗ AUTH_ISSUER is still the placeholder https://auth.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ AUTH_AUDIENCE is still the placeholder https://api.staging.cart-accounts.example
      Set it under [env.staging.vars] in wrangler.toml
  ✗ DB (cart-accounts-staging) has no database yet
      npx wrangler d1 create cart-accounts-staging --location <region>
      <region>, near your shoppers and for good: weur, eeur, apac, oc, wnam or enam; or instead --jurisdiction eu, us or fedramp
      Then put the id that it prints under [[env.staging.d1_databases]] in wrangler.toml
  ✗ READ_CONSISTENCY is bound at the top level of wrangler.toml, and not for staging
      Repeat it under [env.staging]
  ✗ No key verifies access tokens: AUTH_JWKS must be set, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK
      npx cart-accounts keys signing-key | npx wrangler secret put AUTH_SIGNING_JWK --env staging
      or, with an issuer of yours, set AUTH_JWKS_URL
  ✗ ACCOUNT_JWKS_URL must be an https address; http is for this machine alone
      Correct it under [env.staging.vars] in wrangler.toml

`)
  })

  const rules = '{ "eu-*" = ["DB_1"] }'
  const wrongRule = 'must list databases for each rule, and only bound ones: "eu-*"\n'
  const lost = 'rows of 1 stores that belong elsewhere: carts would be lost'
  const unasked = 'cannot be looked at: A request to the Cloudflare API'
  const two = (variables: string) => withVariables(variables) + SECOND_DATABASE
  const provider = (claim: string) =>
    withVariables(`ACCOUNT_ISSUER = "https://sso.shop.test"
ACCOUNT_TOKENS = { typ = "JWT", audience = "https://api.shop.test", store = "demo", account_claim = "${claim}" }`)
  /** What two databases have. */
  const spread = (stores: Cloudflare['stores']) => ({ tables: { DB: 1, DB_1: 1 }, stores })
  const halfEmpty = { tables: { DB: 1, DB_1: 0 } }
  it.each([
    ['You are not logged in to Cloudflare\n', toml, { loggedIn: false }],
    [`cart-accounts-staging ${unasked}`, toml, { failing: 'secret list' }],
    [`DB (cart-accounts-staging) ${unasked}`, toml, { failing: 'd1 execute' }],
    ['DB_1 (cart-accounts-staging-1) is empty, and would take stores', two(''), halfEmpty],
    [`DB has all ${lost} (eu-1)`, two(`STORE_PLACEMENT = ${rules}`), spread({ DB: ['eu-1'] })],
    [`DB_1 has all ${lost} (eu)`, two(`STORE_PLACEMENT_NEXT = ${rules}`), spread({ DB_1: ['eu'] })],
    [`DB_1 has all ${lost} (eu-2)`, two(''), spread({ DB_1: ['eu-2'] })],
    [
      `STORE_PLACEMENT ${wrongRule}`,
      withVariables(`STORE_PLACEMENT = ${rules}\nSTORE_PLACEMENT_NEXT = {}`),
      {},
    ],
    [`STORE_PLACEMENT_NEXT ${wrongRule}`, withVariables(`STORE_PLACEMENT_NEXT = ${rules}`), {}],
    ['ACCOUNT_TOKENS account_claim[0] must lead to', provider('email'), {}],
    ['ACCOUNT_JWKS or ACCOUNT_JWKS_URL must be set beside', provider('sub'), {}],
    [
      'AUTH_SIGNING_JWK is a secret, and stands in wrangler.toml',
      withVariables('AUTH_SIGNING_JWK = "hush"'),
      {},
    ],
  ])('says once that %s', async (text, file, given) => {
    Object.assign(cloudflare, given)

    const { out, error } = await deployed(file)

    expect(error).toBe(NOT_BEGUN)
    expect(calls.filter((call) => /^deploy|migrations/.test(call))).toEqual([])
    expect(out.split(`  ✗ ${text}`)).toHaveLength(2)
    expect(out).not.toContain('hush')
  })

  it('finds a malformed key in a file of secrets, and prints none of it', async () => {
    const secretsFile = { path: '/x.json', values: { AUTH_JWKS: '{"keys":[{"kty":"hush"}]}' } }

    const { out, error } = await deployed(toml, { secretsFile })

    expect(error).toBe(NOT_BEGUN)
    expect(out).toMatch(/✗ AUTH_JWKS keys\[0\].*\n {6}Correct it in \/x\.json/)
    expect(out).not.toContain('hush')
  })

  const places = 'DB_1 = cart-accounts-staging-1, in WEUR, jurisdiction eu\n'
  it.each([
    ['MOVING_TO = "DB_1"', halfEmpty, 'DB_1 = cart-accounts-staging-1\n'],
    [`STORE_PLACEMENT_NEXT = ${rules}`, spread({ DB: ['eu-1'] }), places],
    [`STORE_PLACEMENT = ${rules}`, spread({ DB: ['eu-1'], DB_1: ['eu-1'] }), places],
  ])('goes on, and shows the places of placed databases: %s', async (variables, given, text) => {
    Object.assign(cloudflare, given)

    const { code, out } = await deployed(two(variables))

    expect(code).toBe(0)
    expect(out).toContain(text)
  })

  const copies = 'READ_CONSISTENCY is nearest, and DB (cart-accounts-staging) has no copies'
  it.each([
    [copies, {}],
    [copies, { failing: 'd1 info' }],
    [undefined, { mode: 'auto' }],
  ])('warns if nearest reads have no copies, and goes on: %s, %j', async (warning, given) => {
    Object.assign(cloudflare, given)

    const { code, out } = await deployed(withVariables('READ_CONSISTENCY = "nearest"'))

    expect(code).toBe(0)
    expect(/! (.* copies)/.exec(out)?.[1]).toBe(warning)
  })

  it('warns of open origins in production, and goes on', async () => {
    const { code, out } = await deployed(toml, { env: 'production' })

    expect(code).toBe(0)
    expect(out).toContain('  ! CORS_ORIGINS lets the pages of every origin ask\n')
  })
})

describe('a deployment', () => {
  beforeEach(() => {
    vi.mocked(refusedSettings).mockResolvedValue([])
  })

  it('looks, migrates each database, deploys and asks the deployed Worker, in this order', async () => {
    cloudflare.tables = { DB: 0, DB_1: 0 }

    const { code, out } = await deployed(toml + SECOND_DATABASE)

    expect(code).toBe(0)
    expect(calls).toEqual([
      'whoami --json',
      'secret list --env staging',
      'd1 execute DB --yes --json --command --remote --env staging',
      'd1 execute DB_1 --yes --json --command --remote --env staging',
      'd1 migrations apply DB --remote --env staging',
      'd1 migrations apply DB_1 --remote --env staging',
      'deploy --env staging',
    ])
    expect(asked).toEqual([`${ADDRESS}/readyz manual`])
    expect(out).toContain(`Ready: ${ADDRESS}\n`)
    expect(out).toContain('Account   Shop (abc)')
    expect(out).toContain('AUTH_SIGNING_JWK: there')
    expect(out).not.toContain('✗')
  })

  it.each([
    {
      failing: 'd1 migrations apply DB --remote --env staging',
      error: 'DB could not be migrated, and nothing was deployed\n',
    },
    {
      failing: 'deploy --env staging',
      error: 'The Worker could not be deployed; the migrations are applied\n',
    },
  ])('ends if a step fails: $failing', async ({ failing, error }) => {
    cloudflare.failing = failing

    expect(await deployed()).toMatchObject({ code: 1, error })
    expect(calls.at(-1)).toBe(failing)
  })

  it('waits for a new address to be known', async () => {
    cloudflare.answers.unshift(new Response('There is nothing here yet', { status: 404 }))

    expect(await deployed()).toMatchObject({ code: 0 })
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

    const { error } = await deployed()

    expect(error).toBe(`Deployed, but ${ADDRESS}/readyz ${problem}\n`)
  })

  it('names the top level without --env, for which CLOUDFLARE_ENV stands empty', async () => {
    expect(await deployed(toml, { env: '' })).toMatchObject({ code: 0 })
    expect(calls.at(-1)).toBe('deploy')
  })

  it.each([
    { targets: ['https://a.shop.workers.dev'], address: 'https://a.shop.workers.dev' },
    { targets: ['carts.shop.test (custom domain)'], address: 'https://carts.shop.test' },
    { targets: ['carts.shop.test/* (zone name: shop.test)'], address: 'https://carts.shop.test' },
    { targets: ['*.shop.test/*', 'schedule: 0 0 * * *'], address: undefined },
    { targets: [], address: undefined },
  ])('has its address among $targets', ({ targets, address }) => {
    expect(addressOf(targets)).toBe(address)
  })
})

describe('the key of a deployment', () => {
  beforeEach(() => {
    cloudflare.secrets = undefined
  })

  it('may come by a file of secrets, none of which is printed', async () => {
    const { privateJwk } = await newKeyPair()
    const values = { AUTH_SIGNING_JWK: JSON.stringify(privateJwk) }

    const { code, out } = await deployed(toml, { secretsFile: { path: '/x.env', values } })

    expect(code).toBe(0)
    expect(calls.at(-1)).toBe('deploy --env staging --secrets-file')
    expect(out).toContain('AUTH_SIGNING_JWK: from the file')
    expect(out).not.toContain(privateJwk.d)
  })

  it('may be what the builds of Cloudflare bring: the deployed Worker says whether they have', async () => {
    vi.stubEnv('WORKERS_CI', '1')
    const errors = [{ status: 503, title: 'x', detail: 'AUTH_JWKS must be set' }]
    cloudflare.answers = [Response.json({ errors }, { status: 503 })]

    const { out, error } = await deployed()

    expect(out).toContain('! No key verifies access tokens')
    expect(error).toBe(`Deployed, but ${ADDRESS}/readyz is not 200: 503 AUTH_JWKS must be set\n`)
  })
})
