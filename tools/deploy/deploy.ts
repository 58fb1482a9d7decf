// npm run deploy: says all that is missing, or else migrates, deploys and asks the Worker whether it is ready.

import { CommandError, environmentOf, parseOptions, run } from '../lib/command-line.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'
import { runToEnd } from '../lib/wrangler.ts'
import { refusedSettings } from './accepted-settings.ts'
import { carryOut } from './deployment.ts'
import { describePlan, obstacles, planDeployment } from './deployment-plan.ts'
import { findEnvironment, readEnvironments } from './environments.ts'
import { readSecretsFile } from './secrets-file.ts'

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

await run(async () => {
  const args = process.argv.slice(2)
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
  const environment = findEnvironment(environments, environmentOf(values))
  const secretsFile = file === undefined ? undefined : readSecretsFile(file)
  stopAllAtTheEnd()
  const deployment = {
    environment,
    environments,
    secretsFile,
    by: process.env['WORKERS_CI'] === '1' ? ('workers-builds' as const) : ('operator' as const),
    directory: temporaryDirectory('deploy'),
  }
  const print = (text: string) => {
    process.stdout.write(text)
  }
  const surroundings = {
    ...{ wrangler: runToEnd, refusedSettings, fetch, print },
    readyWithinMs: READY_WITHIN_MS,
  }
  const plan = await planDeployment(deployment, surroundings)
  print(describePlan(deployment, plan))
  if (obstacles(plan).length > 0) throw new CommandError('Not ready to deploy: nothing was touched')
  if (values['dry-run']) return print('Ready to deploy; nothing was touched\n')
  await carryOut(deployment, plan, surroundings)
})
