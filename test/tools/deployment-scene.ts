// A deployment in a made-up account, for the tests of deployments: settings, databases and a Worker to be changed.
import { mkdtempSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { carryOut } from '../../tools/deploy/deployment.ts'
import {
  type Deployment,
  describePlan,
  obstacles,
  planDeployment,
  type Surroundings,
} from '../../tools/deploy/deployment-plan.ts'
import type { Environment } from '../../tools/deploy/environments.ts'
import { readSecretsFile } from '../../tools/deploy/secrets-file.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { temporaryDirectory } from '../../tools/lib/temporary-directory.ts'
import { type Cloudflare, standInWrangler } from './stand-in-wrangler.ts'

/** What every plan asks wrangler, in this order; nothing of it changes anything. */
export const LOOKING = [
  'deploy --dry-run --outdir --env staging',
  'whoami --json',
  'secret list --env staging',
  'd1 execute DB --yes --json --command --remote --env staging',
]

export const ADDRESS = 'https://cart-accounts-staging.shop.workers.dev'
export const MIGRATIONS = ['0001_associations.sql', '0002_application_keys.sql']

/** What an operator has set, in the place of the placeholders. */
export const WELL_SET = {
  variables: { AUTH_ISSUER: 'https://auth.shop.test', AUTH_AUDIENCE: 'https://carts.shop.test' },
  databases: [
    { binding: 'DB', name: 'cart-accounts-staging', id: '5e2e7c51-8f0b-4d5b-9a52-3b1f1f3c9a10' },
  ],
}
export const SECOND_DATABASE = { binding: 'DB_1', name: 'cart-accounts-staging-1', id: 'a-1' }

export interface Scene {
  cloudflare: Cloudflare
  /** What the deployed Worker answers, one after the other, the last for ever. */
  readyz: Response[]
  /** What the Worker says of the settings, where it is not asked really, which takes a second. */
  refusedSettings: Surroundings['refusedSettings']
}

export interface Outcome {
  /** The plan, as it is printed. */
  text: string
  /** Whether it was done, not begun, or what went wrong. */
  outcome: string
  /** The commands of wrangler. */
  calls: string[]
  /** The addresses that were asked. */
  asked: string[]
  printed: string
}

/** An account with a Worker that has its key, and a database that has no tables. */
export function newScene(): Scene {
  return {
    readyz: [Response.json({ status: 'ok' })],
    refusedSettings: async () => [],
    cloudflare: {
      loggedIn: true,
      accounts: [{ id: 'abc', name: 'Shop' }],
      workers: { 'cart-accounts-staging': ['AUTH_SIGNING_JWK'] },
      databases: { DB: [] },
      failing: '',
      targets: [ADDRESS],
    },
  }
}

const directory = temporaryDirectory('deployments')
const bundle = path.join(directory, 'app.js')
await build({
  entryPoints: [path.join(projectRoot, 'src', 'app.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  external: ['cloudflare:*'],
})

/** Deploys the staging of wrangler.toml, with changes to it. */
export async function deployIn(
  { cloudflare, readyz, refusedSettings }: Scene,
  changes: Partial<Environment> = WELL_SET,
  { file, by = 'operator' }: { file?: string; by?: Deployment['by'] } = {},
): Promise<Outcome> {
  const environments = ['', 'staging', 'production'].map(environmentNamed)
  const found = environmentNamed(changes.name ?? 'staging')
  const variables = { ...found.variables, ...changes.variables }
  const environment = { ...found, ...changes, variables }
  const [printed, asked]: [string[], string[]] = [[], []]
  const { wrangler, calls } = standInWrangler(environment.worker, bundle, cloudflare)
  const secretsFile = file === undefined ? undefined : readSecretsFile(file)
  const deployment = {
    ...{ environment, environments, secretsFile, by },
    directory: mkdtempSync(path.join(directory, 'run-')),
  }
  const surroundings = {
    wrangler,
    refusedSettings,
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
  const end = (outcome: string) => ({ text, outcome, calls, asked, printed: printed.join('') })
  if (obstacles(plan).length > 0) return end('not begun')
  return await carryOut(deployment, plan, surroundings).then(
    () => end('done'),
    (error: unknown) => end(String(error)),
  )
}

/** As wrangler.toml has it before anybody has set anything. */
function environmentNamed(name: string): Environment {
  const counter = ['', 'staging', 'production'].indexOf(name) + 1
  const host = name === '' ? 'cart-accounts.example' : `${name}.cart-accounts.example`
  const worker = name === '' ? 'cart-accounts' : `cart-accounts-${name}`
  return {
    ...{ name, worker, compatibilityDate: '2026-08-03' },
    variables: {
      AUTH_ISSUER: `https://auth.${host}`,
      AUTH_AUDIENCE: `https://api.${host}`,
      CORS_ORIGINS: '*',
    },
    databases: [{ binding: 'DB', name: worker, id: '00000000-0000-0000-0000-000000000000' }],
    rateLimits: [
      { binding: 'SHOPPER_RATE_LIMIT', namespaceId: `${counter}001` },
      { binding: 'FAILURE_RATE_LIMIT', namespaceId: `${counter}002` },
    ],
    bindings: { AUTH_ISSUER: 'plain_text', DB: 'd1', SHOPPER_RATE_LIMIT: 'ratelimit' },
  }
}
