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
import { askReadiness, parsed, reasonOf } from '../lib/responses.ts'
import { build, bundleSize, runShown } from '../lib/wrangler.ts'
import { type Environment, findEnvironment, readEnvironments } from '../lib/wrangler-toml.ts'
import { refusedSettings } from './accepted-settings.ts'
import { askCloudflare, checklist, localFindings, settingFinding } from './findings.ts'

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
}

const READY_WITHIN_MS = 60_000
const secretsSchema = v.pipe(v.record(v.string(), v.string()), v.minEntries(1))
const deployReport = v.object({ type: v.literal('deploy'), targets: v.array(v.string()) })

export const deploy = command(HELP, async (args) => {
  const { values } = parseOptions(args, {
    env: { type: 'string' },
    'secrets-file': { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  })
  const file = values['secrets-file']
  const environments = readEnvironments()
  const deployment = {
    environment: findEnvironment(environments, environmentOf(values)),
    environments,
    secretsFile: file === undefined ? undefined : readSecretsFile(file),
  }
  stopAllAtTheEnd()
  print('Building the Worker, and looking at what is there\n\n')
  await plan(deployment)
  if (values['dry-run']) return print('Ready to deploy; nothing was touched\n')
  await carryOut(deployment, READY_WITHIN_MS)
})

/**
 * Reads what wrangler deploy --secrets-file takes: JSON, or lines NAME=value.
 *
 * @throws CommandError if it cannot be read, or names no secret
 */
function readSecretsFile(file: string): Deployment['secretsFile'] {
  try {
    const text = readFileSync(file, 'utf8')
    const values = parsed(secretsSchema, text) ?? v.parse(secretsSchema, parseEnv(text))
    return { path: path.resolve(file), values }
  } catch {
    throw badArgument(`--secrets-file must name a file of NAME=value lines, or JSON: ${file}`)
  }
}

/**
 * Prints the plan, and changes nothing.
 *
 * @throws CommandError if anything is missing
 */
export async function plan({ environment, environments, secretsFile }: Deployment): Promise<void> {
  const { env, name, d1_databases } = environment
  const directory = temporaryDirectory('deploy')
  await build(directory, ...environmentOption(env))
  const bundle = path.join(directory, 'app.js')
  const { account, secrets, isNew, places, findings } = await askCloudflare(environment)
  // If Cloudflare could not be asked, the signing key is assumed to be there.
  const known = (secrets ?? ['AUTH_SIGNING_JWK']).map((secret) => [secret, undefined] as const)
  const values = { ...Object.fromEntries(known), ...secretsFile?.values }
  const refused = await refusedSettings(bundle, environment, values)
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
    ...refused.map((text) => settingFinding(text, environment, secretsFile)),
  ]
  print(`${table(rows)}${checklist(all)}\n`)
  if (all.every(({ kind }) => kind === 'warning')) return
  throw new CommandError('Not ready to deploy: nothing was touched')
}

/**
 * Applies the migrations, deploys, and waits until the deployed Worker is ready.
 *
 * @throws CommandError naming the step that failed, after which no other was taken
 */
export async function carryOut(
  { environment, secretsFile }: Deployment,
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
    const problem = await askReadiness(`${address}/readyz`).then(() => undefined, reasonOf)
    if (problem === undefined) return print(`Ready: ${address}\n`)
    if (Date.now() >= giveUpAt) throw new CommandError(`Deployed, but ${problem}`)
    // A new address takes some seconds until it is known everywhere.
    await sleep(Math.min(1_000, readyWithinMs))
  }
}

function print(text: string): void {
  process.stdout.write(text)
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
