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
/** Which column it selects comes next. */
const EXECUTE = 'd1 execute DB --command select'
const EXECUTE_1 = 'd1 execute DB_1 --command select'
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
const toml = PLACEHOLDERS.replaceAll('.example"', '.test"').replaceAll(
  /"[0-]{36}"/g,
  (_, place) => `"id-${place}"`,
)
const withVariables = (lines: string, text = toml) =>
  text.replace('[env.staging.vars]', `[env.staging.vars]\n${lines}`)

/** What wrangler 4.155 prints, by how the command begins: JSON, a text if it refuses, nothing if Cloudflare does. */
let wrangler: Record<string, unknown>
let calls: string[]
/** What the deployed Worker answers, one after the other, the last for ever. */
let answers: Response[]
let asked: string[]

const rows = (...results: object[]) => [{ results, success: true }]
const NO_WORKER = {
  'secret list': 'Worker "cart-accounts-staging" (env: staging) not found.',
}

beforeEach(() => {
  vi.resetAllMocks()
  vi.unstubAllEnvs()
  calls = []
  asked = []
  wrangler = {
    whoami: { loggedIn: true, accounts: [{ id: 'abc', name: 'Shop' }] },
    'secret list': [{ name: 'AUTH_SIGNING_JWK', type: 'secret_text' }],
    [`${EXECUTE} count`]: rows({ tables: 0 }),
    [`${EXECUTE_1} count`]: rows({ tables: 0 }),
    'd1 info DB ': { running_in_region: 'WEUR', jurisdiction: null },
    'd1 info DB_1 ': { running_in_region: 'WEUR', jurisdiction: 'eu' },
    'd1 migrations apply': {},
    deploy: {},
  }
  answers = [Response.json({ status: 'ok' })]
  vi.mocked(build).mockImplementation(async (to) => copyFileSync(app, path.join(to, 'app.js')))
  vi.mocked(runToEnd).mockImplementation(async (args) => resultOf(args))
  vi.mocked(runShown).mockImplementation(async (args) => {
    const reports = [{ type: 'wrangler-session' }, { type: 'deploy', targets: [ADDRESS] }]
    return { code: resultOf(args).code, reports }
  })
  vi.stubGlobal('fetch', async (url: string, { redirect }: RequestInit) => {
    asked.push(`${url} ${redirect}`)
    const [now, next] = answers
    if (next !== undefined) answers.shift()
    return now?.clone() ?? Response.error()
  })
})

function resultOf(args: string[]) {
  const command = args.join(' ')
  calls.push(args.filter((arg) => !/^(?:\/|select )/.test(arg)).join(' '))
  const [, answer = 'A request to the Cloudflare API (/accounts/0/x) failed.'] =
    Object.entries(wrangler).find(([beginning]) => command.startsWith(beginning)) ?? []
  if (typeof answer !== 'string') return { code: 0, stdout: JSON.stringify(answer), stderr: '' }
  return { code: 1, stdout: '\n', stderr: `\u2718 [ERROR] ${answer}\n` }
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
    Object.assign(wrangler, NO_WORKER)
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
  const one = rows({ tables: 1 })
  const spread = (inDb: string[], inDb1: string[]) => ({
    [`${EXECUTE} count`]: one,
    [`${EXECUTE_1} count`]: one,
    [`${EXECUTE} id`]: rows(...inDb.map((id) => ({ id }))),
    [`${EXECUTE_1} id`]: rows(...inDb1.map((id) => ({ id }))),
  })
  const halfEmpty = { ...spread([], []), [`${EXECUTE_1} count`]: rows({ tables: 0 }) }
  it.each([
    ['You are not logged in to Cloudflare\n', toml, { whoami: { loggedIn: false } }],
    [`cart-accounts-staging ${unasked}`, toml, { 'secret list': undefined }],
    [`DB (cart-accounts-staging) ${unasked}`, toml, { [`${EXECUTE} count`]: undefined }],
    ['DB_1 (cart-accounts-staging-1) is empty, and would take stores', two(''), halfEmpty],
    [`DB has all ${lost} (eu-1)`, two(`STORE_PLACEMENT = ${rules}`), spread(['eu-1'], [])],
    [`DB_1 has all ${lost} (eu)`, two(`STORE_PLACEMENT_NEXT = ${rules}`), spread([], ['eu'])],
    [`DB_1 has all ${lost} (eu-2)`, two(''), spread([], ['eu-2'])],
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
    Object.assign(wrangler, given)

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
    [`STORE_PLACEMENT_NEXT = ${rules}`, spread(['eu-1'], []), places],
    [`STORE_PLACEMENT = ${rules}`, spread(['eu-1'], ['eu-1']), places],
  ])('goes on, and shows the places of placed databases: %s', async (variables, given, text) => {
    Object.assign(wrangler, given)

    const { code, out } = await deployed(two(variables))

    expect(code).toBe(0)
    expect(out).toContain(text)
  })

  const copies = 'READ_CONSISTENCY is nearest, and DB (cart-accounts-staging) has no copies'
  it.each([
    [copies, { 'd1 info DB ': { read_replication: { mode: 'disabled' } } }],
    [copies, { 'd1 info DB ': undefined }],
    [undefined, { 'd1 info DB ': { read_replication: { mode: 'auto' } } }],
  ])('warns if nearest reads have no copies, and goes on: %s, %j', async (warning, given) => {
    Object.assign(wrangler, given)

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
    const { code, out } = await deployed(toml + SECOND_DATABASE)

    expect(code).toBe(0)
    expect(calls).toEqual([
      'whoami --json',
      'secret list --env staging',
      'd1 execute DB --command --yes --json --remote --env staging',
      'd1 execute DB_1 --command --yes --json --remote --env staging',
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
    ['d1 migrations apply', 'DB could not be migrated, and nothing was deployed\n'],
    ['deploy', 'The Worker could not be deployed; the migrations are applied\n'],
  ])('ends if a step fails: %s', async (step, error) => {
    wrangler[step] = undefined

    expect(await deployed()).toMatchObject({ code: 1, error })
    expect(calls.at(-1)).toMatch(new RegExp(`^${step} `))
  })

  it('waits for a new address to be known', async () => {
    answers.unshift(new Response('There is nothing here yet', { status: 404 }))

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
    answers = [answer]

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
    Object.assign(wrangler, NO_WORKER)
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
    answers = [Response.json({ errors }, { status: 503 })]

    const { out, error } = await deployed()

    expect(out).toContain('! No key verifies access tokens')
    expect(error).toBe(`Deployed, but ${ADDRESS}/readyz is not 200: 503 AUTH_JWKS must be set\n`)
  })
})
