// Carries a deployment out, step by step: one that fails is the last.
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { CommandError, environmentOption } from '../lib/command-line.ts'
import { requireSuccess } from './deployed-state.ts'
import { type Deployment, migrationsText, type Plan, type Surroundings } from './deployment-plan.ts'

const POLL_MS = 1_000
const answer = v.object({ errors: v.tuple([v.object({ detail: v.string() })]) })

/**
 * Applies the migrations, deploys, and asks the deployed Worker whether it is ready.
 *
 * @throws CommandError naming the step that failed, after which no other was taken
 */
export async function carryOut(
  { environment, secretsFile }: Deployment,
  { state }: Plan,
  surroundings: Surroundings,
): Promise<void> {
  const { wrangler, print } = surroundings
  const option = environmentOption(environment.name)
  for (const { binding, name } of environment.databases) {
    const pending = state.pending[binding]
    if (pending?.length === 0) continue
    print(`Migrating ${binding} (${name}): ${migrationsText(pending)}\n`)
    const command = ['d1', 'migrations', 'apply', binding, '--remote', ...option]
    const failure = `${binding} could not be migrated, and nothing was deployed`
    requireSuccess(await wrangler(command), failure)
  }
  print(`Deploying ${environment.worker}\n`)
  const secrets = secretsFile === undefined ? [] : ['--secrets-file', secretsFile.path]
  const { stdout } = requireSuccess(
    await wrangler(['deploy', ...option, ...secrets]),
    'The Worker could not be deployed; the migrations are applied',
  )
  const address = addressOf(stdout)
  if (address === undefined) {
    return print('Deployed. It has no address of its own to ask: see to its /readyz\n')
  }
  await requireReady(address, surroundings)
}

/** The first address that wrangler lists, where one is more than a pattern. */
export function addressOf(stdout: string): string | undefined {
  const [, listed = ''] = stripVTControlCharacters(stdout).split(/^Deployed .* triggers.*$/m)
  const targets = listed.split('\n').filter((line) => /^\s{2,}\S/.test(line))
  for (const target of targets.map((line) => line.trim())) {
    const [where = '', note] = target.split(/ (?=\()/)
    if (where.startsWith('https://')) return where
    if (note?.startsWith('(custom domain') === true) return `https://${where}`
    if (/^[^*/]+\/\*$/.test(where)) return `https://${where.slice(0, -'/*'.length)}`
  }
  return undefined
}

async function requireReady(
  address: string,
  { fetch, print, readyWithinMs }: Surroundings,
): Promise<void> {
  print(`Asking ${address}/readyz\n`)
  const giveUpAt = Date.now() + readyWithinMs
  for (;;) {
    const found = await readiness(address, fetch)
    if (found === '200') return print(`Ready: ${address}\n`)
    if (Date.now() >= giveUpAt) {
      throw new CommandError(`Deployed, but ${address}/readyz is not 200: ${found}`)
    }
    // A new address takes some seconds until it is known everywhere.
    await sleep(Math.min(POLL_MS, readyWithinMs))
  }
}

async function readiness(address: string, fetch: Surroundings['fetch']): Promise<string> {
  try {
    const response = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(10_000) })
    const text = await response.text()
    if (response.status === 200) return '200'
    const told = v.safeParse(v.pipe(v.string(), v.parseJson(), answer), text)
    return `${response.status}${told.success ? ` ${told.output.errors[0].detail}` : ''}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
