// npm run deploy: lists everything that is missing, or migrates, deploys and asks the Worker whether it is ready.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { badArgument, environmentOf, parseOptions } from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { carryOut, type Deployment, plan } from './deployment.ts'
import { findEnvironment, readEnvironments } from './environments.ts'

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

const READY_WITHIN_MS = 60_000

const secretsSchema = v.record(v.string(), v.string())

export async function deploy(args: string[]): Promise<void> {
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(HELP)
    return
  }
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
}

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
