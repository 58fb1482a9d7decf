// npm run deploy: lists everything that is missing, or migrates, deploys and asks the Worker whether it is ready.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import {
  badArgument,
  CommandError,
  command,
  environmentOf,
  environmentOption,
  parseOptions,
  table,
} from '../lib/command-line.ts'
import { temporaryDirectory } from '../lib/directories.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { detailOf, redirectionOf } from '../lib/responses.ts'
import { build, bundleSize, runShown } from '../lib/wrangler.ts'
import {
  type Environment,
  findEnvironment,
  readEnvironments,
  sectionOf,
} from '../lib/wrangler-toml.ts'
import { refusedSettings } from './accepted-settings.ts'
import {
  askCloudflare,
  askPlaces,
  checklist,
  type Finding,
  localFindings,
  missing,
  putSecret,
  withRule,
} from './findings.ts'

const HELP = `Applies the remote migrations and deploys the Worker. What is missing is said first, all of it, and then nothing is touched.

  npm run deploy [-- --env <name>] [--secrets-file <file>] [--dry-run]

--env names an environment of wrangler.toml, staging or production; without it, or CLOUDFLARE_ENV, its top level is deployed.
--secrets-file hands secrets to the new Worker, as NAME=value lines or JSON. --dry-run tells the plan and touches nothing.
Nothing is asked on the way. The exit code is 1 where something is missing or a step failed, 2 for a bad argument.

Examples

  npm run deploy -- --env staging --dry-run
  npm run deploy -- --env staging
  npm run deploy -- --env production
`

export interface Deployment {
  environment: Environment
  /** All environments, the top level first. */
  environments: readonly Environment[]
  secretsFile?: { path: string; values: Record<string, string> } | undefined
  /** Cloudflare's own builds may upload the secrets with the first deployment only. */
  by: 'operator' | 'workers-builds'
}

const READY_WITHIN_MS = 60_000
const TRY_MS = 10_000
const secretsSchema = v.record(v.string(), v.string())
const deployReport = v.object({ type: v.literal('deploy'), targets: v.array(v.string()) })
const ready = v.pipe(v.string(), v.parseJson(), v.object({ status: v.literal('ok') }))

export const deploy = command(HELP, async (args) => {
  const { values } = parseOptions(args, {
    env: { type: 'string' },
    'secrets-file': { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  })
  const file = values['secrets-file']
  const environments = readEnvironments()
  const deployment: Deployment = {
    environment: findEnvironment(environments, environmentOf(values)),
    environments,
    secretsFile: file === undefined ? undefined : readSecretsFile(file),
    by: process.env['WORKERS_CI'] === '1' ? 'workers-builds' : 'operator',
  }
  stopAllAtTheEnd()
  const print = (text: string) => {
    process.stdout.write(text)
  }
  print('Building the Worker, and looking at what is there\n\n')
  await plan(deployment, print)
  if (values['dry-run']) return print('Ready to deploy; nothing was touched\n')
  await carryOut(deployment, print, READY_WITHIN_MS)
})

/**
 * Reads what wrangler deploy --secrets-file takes: JSON, or lines NAME=value.
 *
 * @throws CommandError if it cannot be read, or names no secret
 */
function readSecretsFile(file: string): Deployment['secretsFile'] {
  const text = readText(file)
  const json = v.safeParse(v.pipe(v.string(), v.parseJson(), secretsSchema), text)
  const values = json.success ? json.output : v.parse(secretsSchema, parseEnv(text))
  if (Object.keys(values).length > 0) return { path: path.resolve(file), values }
  throw badArgument(`--secrets-file must name a file of NAME=value lines, or JSON: ${file}`)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
    throw badArgument(`--secrets-file names a file that cannot be read: ${file}${code}`)
  }
}

/**
 * Prints the plan, and changes nothing.
 *
 * @throws CommandError if anything is missing
 */
export async function plan(deployment: Deployment, print: (text: string) => void): Promise<void> {
  const { environment, environments, secretsFile } = deployment
  const { env, name, vars, d1_databases, compatibility_date } = environment
  const directory = temporaryDirectory('deploy')
  await build(directory, ...environmentOption(env))
  const bundle = path.join(directory, 'app.js')
  const { account, secrets, isNew, findings } = await askCloudflare(environment)
  const places = await askPlaces(environment)
  // If Cloudflare could not be asked, the signing key is assumed to be there.
  const known = (secrets ?? ['AUTH_SIGNING_JWK']).map((secret) => [secret, undefined] as const)
  const refused = await refusedSettings(bundle, {
    compatibilityDate: compatibility_date,
    variables: vars,
    databases: d1_databases.map(({ binding }) => binding),
    secrets: { ...Object.fromEntries(known), ...secretsFile?.values },
  })
  const given = Object.keys(secretsFile?.values ?? {})
  const there = (secrets ?? []).filter((secret) => !given.includes(secret))
  const { kib, gzippedKib } = bundleSize(bundle)
  const rows = [
    ['Worker', `${name}${isNew ? ' (new)' : ''}`],
    ['Account', account],
    ...d1_databases.map(({ binding, database_name: database }) => [
      'Database',
      `${binding} = ${database}${places.get(binding) ?? ''}`,
    ]),
    ...there.map((secret) => ['Secret', `${secret}: there`]),
    ...given.map((secret) => ['Secret', `${secret}: from the file`]),
    ['Bundle', `${kib.toFixed(1)} KiB, ${gzippedKib.toFixed(1)} KiB gzipped`],
  ]
  const all = [
    ...findings,
    ...localFindings(environment, environments),
    ...refused.map((text) => settingFinding(text, deployment)),
  ]
  print(`${table(rows)}${checklist(all)}\n`)
  if (all.every(({ kind }) => kind === 'warning')) return
  throw new CommandError('Not ready to deploy: nothing was touched')
}

/** A setting that the Worker refuses, in the Worker's own words. */
function settingFinding(text: string, { environment, secretsFile, by }: Deployment): Finding {
  const [setting = ''] = /^[A-Z_\d]+/.exec(text) ?? []
  if (text === 'AUTH_JWKS must be set') {
    return {
      kind: by === 'operator' ? 'missing' : 'warning',
      text: `No key verifies access tokens: ${text}, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK`,
      mend: `npx cart-accounts keys signing-key | ${putSecret(environment, 'AUTH_SIGNING_JWK')}\nor, with an issuer of yours, set AUTH_JWKS_URL`,
    }
  }
  const isInFile = secretsFile?.values[setting] !== undefined
  const section = `under [${sectionOf(environment, 'vars')}] in wrangler.toml`
  return missing(
    withRule(text, environment),
    `Correct it ${isInFile ? `in ${secretsFile.path}` : section}`,
  )
}

/**
 * Applies the migrations, deploys, and waits until the deployed Worker is ready.
 *
 * @throws CommandError naming the step that failed, after which no other was taken
 */
export async function carryOut(
  { environment, secretsFile }: Deployment,
  print: (text: string) => void,
  readyWithinMs: number,
): Promise<void> {
  const option = environmentOption(environment.env)
  for (const { binding, database_name: name } of environment.d1_databases) {
    print(`Migrating ${binding} (${name})\n`)
    const { code } = await runShown(['d1', 'migrations', 'apply', binding, '--remote', ...option])
    if (code === 0) continue
    throw new CommandError(`${binding} could not be migrated, and nothing was deployed`)
  }
  print(`Deploying ${environment.name}\n`)
  const secrets = secretsFile === undefined ? [] : ['--secrets-file', secretsFile.path]
  const { code, reports } = await runShown(['deploy', ...option, ...secrets])
  if (code !== 0) {
    throw new CommandError('The Worker could not be deployed; the migrations are applied')
  }
  const targets = reports.flatMap((report) => (v.is(deployReport, report) ? report.targets : []))
  const address = addressOf(targets)
  if (address === undefined) {
    return print('Deployed. It has no address of its own to ask: see to its /readyz\n')
  }
  print(`Asking ${address}/readyz\n`)
  const giveUpAt = Date.now() + readyWithinMs
  for (;;) {
    const problem = await problemOf(`${address}/readyz`)
    if (problem === undefined) return print(`Ready: ${address}\n`)
    if (Date.now() >= giveUpAt) {
      throw new CommandError(`Deployed, but ${address}/readyz ${problem}`)
    }
    // A new address takes some seconds until it is known everywhere.
    await sleep(Math.min(1_000, readyWithinMs))
  }
}

/** The first target of a deployment that is an address, and not a pattern for several. */
export function addressOf(targets: string[]): string | undefined {
  for (const target of targets) {
    const [where = '', note = ''] = target.split(/ (?=\()/)
    if (where.startsWith('https://')) return where
    if (note.startsWith('(custom domain')) return `https://${where}`
    if (/^[^*/]+\/\*$/.test(where)) return `https://${where.slice(0, -'/*'.length)}`
  }
  return undefined
}

/** Why the Worker at this address is not ready; undefined if it is. */
async function problemOf(url: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(TRY_MS)
    const response = await fetch(url, { redirect: 'manual', signal })
    const text = await response.text()
    const redirection = redirectionOf(response, url)
    if (redirection !== undefined) return redirection
    // A login page answers 200 too.
    if (response.status === 200 && v.is(ready, text)) return undefined
    if (response.status === 200) return 'answers 200, and not {"status":"ok"}'
    return `is not 200: ${response.status} ${detailOf(text) ?? ''}`.trim()
  } catch (error) {
    return `is not 200: ${error instanceof Error ? error.message : error}`
  }
}
