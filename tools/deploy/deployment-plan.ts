// The plan of a deployment: what is there, what it would change, and what keeps it from beginning. Touches nothing.
import path from 'node:path'
import { bundleSize } from '../build/bundle-size.ts'
import { environmentOption, table } from '../lib/command-line.ts'
import { trackedFindings } from '../lib/tracked-files.ts'
import type { DeploymentSettings } from './accepted-settings.ts'
import {
  type DeployedState,
  deployedState,
  migrationNames,
  requireSuccess,
  type Wrangler,
} from './deployed-state.ts'
import { type Environment, sectionOf } from './environments.ts'
import { checklist, configurationFindings, type Finding, putSecret, SECRETS } from './findings.ts'
import type { SecretsFile } from './secrets-file.ts'

export interface Deployment {
  environment: Environment
  /** All of them, the top level first. */
  environments: readonly Environment[]
  secretsFile: SecretsFile | undefined
  /** Cloudflare's own builds may put the secrets in place with their first deployment only. */
  by: 'operator' | 'workers-builds'
  /** Where the Worker is built. */
  directory: string
}

/** What a deployment uses of the world. */
export interface Surroundings {
  wrangler: Wrangler
  print: (text: string) => void
  /** What the Worker says of settings that it would not take. */
  refusedSettings: (bundle: string, settings: DeploymentSettings) => Promise<string[]>
  fetch: (url: string, init: RequestInit) => Promise<Response>
  /** How long a new address may take until it answers. */
  readyWithinMs: number
}

export interface Plan {
  state: DeployedState
  size: { kib: number; gzippedKib: number }
  findings: Finding[]
}

/** Looks at everything, and touches nothing. */
export async function planDeployment(
  deployment: Deployment,
  surroundings: Surroundings,
): Promise<Plan> {
  const { wrangler, print } = surroundings
  const { environment, environments, directory } = deployment
  const option = environmentOption(environment.name)
  print('Building the Worker\n')
  const command = ['deploy', '--dry-run', '--outdir', directory, ...option]
  requireSuccess(await wrangler(command), 'The Worker could not be built')
  const bundle = path.join(directory, 'app.js')
  print('Asking Cloudflare what is there\n')
  const state = await deployedState(environment, wrangler)
  print('Asking the Worker whether it takes these settings\n')
  const findings = [
    ...state.findings,
    ...configurationFindings(environment, environments),
    ...(await settingFindings(deployment, state, bundle, surroundings)),
    ...emptyDatabases(environment, state),
    ...trackedFindings(),
  ]
  return { state, size: bundleSize(bundle), findings }
}

/** The plan and its checklist, as a text. */
export function describePlan(deployment: Deployment, { state, size, findings }: Plan): string {
  const { environment } = deployment
  const secrets = secretsOf(deployment, state)
  const rows = [
    ['Worker', `${environment.worker}${state.isNew ? ' (new)' : ''}`],
    ['Account', state.account ?? 'not known'],
    ...environment.databases.map(({ binding, name }) => [
      'Database',
      `${binding} = ${name}, ${migrationsText(state.pending[binding])}`,
    ]),
    ...Object.entries(environment.variables).map(([name, value]) => [
      'Variable',
      `${name} = ${variableText(name, value)}`,
    ]),
    ...SECRETS.map((name) => ['Secret', `${name}: ${secretText(deployment, state, name)}`]),
    ...secrets
      .filter((name) => !SECRETS.includes(name))
      .map((name) => ['Secret', `${name}: there`]),
    ['Bundle', `${size.kib.toFixed(1)} KiB, ${size.gzippedKib.toFixed(1)} KiB gzipped`],
  ]
  return `\n${table(rows)}${checklist(findings)}\n`
}

/** What the deployment must not begin with: what is missing, and what nobody could look at. */
export function obstacles({ findings }: Plan): Finding[] {
  return findings.filter(({ kind }) => kind !== 'warning')
}

/** What is to be done to a database, in words. */
export function migrationsText(pending: string[] | undefined): string {
  if (pending === undefined) return 'its migrations are not known'
  if (pending.length === 0) return 'every migration is applied'
  return `to apply: ${pending.join(', ')}`
}

/** Stores would be looked for in it, where none of their rows are, and their carts claimed anew. */
function emptyDatabases(environment: Environment, { pending, isNew }: DeployedState): Finding[] {
  const all = migrationNames().length
  const isEmpty = (binding: string) => pending[binding]?.length === all
  if (isNew || isEmpty('DB')) return []
  return environment.databases
    .filter(({ binding }) => isEmpty(binding) && environment.variables['MOVING_TO'] !== binding)
    .map(({ binding, name }) => ({
      kind: 'missing',
      text: `${binding} (${name}) is empty, and would take stores whose rows are elsewhere: carts would be lost`,
      mend: `Set MOVING_TO = "${binding}" under [${sectionOf(environment, 'vars')}] in wrangler.toml: docs/operating.md has the steps`,
    }))
}

async function settingFindings(
  deployment: Deployment,
  state: DeployedState,
  bundle: string,
  { refusedSettings }: Surroundings,
): Promise<Finding[]> {
  const { environment, secretsFile } = deployment
  const given = secretsFile?.values ?? {}
  // Where nobody could be asked, the one that the Worker cannot do without is taken for granted.
  const known = state.secrets ?? ['AUTH_SIGNING_JWK']
  const secrets = { ...Object.fromEntries(known.map((name) => [name, undefined])), ...given }
  const refused = await refusedSettings(bundle, {
    compatibilityDate: environment.compatibilityDate,
    variables: environment.variables,
    databases: environment.databases.map(({ binding }) => binding),
    secrets,
  })
  return refused.map((text) => settingFinding(text, deployment))
}

/** In the Worker's own words, and how it is mended. */
function settingFinding(text: string, { environment, secretsFile, by }: Deployment): Finding {
  const [name = ''] = /^[A-Z_\d]+/.exec(text) ?? []
  if (text === 'AUTH_JWKS must be set') {
    return {
      kind: by === 'operator' ? 'missing' : 'warning',
      text: `No key verifies access tokens: ${text}, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK`,
      mend: `npm run -s keys -- signing-key | ${putSecret(environment, 'AUTH_SIGNING_JWK')}\nor, with an issuer of yours, set AUTH_JWKS_URL`,
    }
  }
  const where =
    secretsFile?.values[name] === undefined
      ? `under [${sectionOf(environment, 'vars')}] in wrangler.toml`
      : `in ${secretsFile.path}`
  return { kind: 'missing', text, mend: `Correct it ${where}` }
}

function secretsOf({ secretsFile }: Deployment, { secrets = [] }: DeployedState): string[] {
  return [...new Set([...secrets, ...Object.keys(secretsFile?.values ?? {})])]
}

function variableText(name: string, value: unknown): string {
  if (SECRETS.includes(name)) return '…'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function secretText({ secretsFile }: Deployment, { secrets }: DeployedState, name: string): string {
  if (secretsFile?.values[name] !== undefined) return 'from the file'
  if (secrets === undefined) return 'not known'
  return secrets.includes(name) ? 'there' : 'not set'
}
