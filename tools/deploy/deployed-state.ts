// What Cloudflare has of a deployment already, asked through wrangler, which changes nothing by it.
import { globSync } from 'node:fs'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { CommandError, environmentOption } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'
import { reasonOf, type WranglerResult } from '../lib/wrangler-error.ts'
import type { Environment } from './environments.ts'
import { type Finding, madeDatabases, noDatabase } from './findings.ts'

/** Runs wrangler with these arguments, to its end. */
export type Wrangler = (args: string[]) => Promise<WranglerResult>

export interface DeployedState {
  /** Where it is known. */
  account: string | undefined
  /** Their names; undefined where they could not be asked for. */
  secrets: string[] | undefined
  /** Whether this deployment makes it. */
  isNew: boolean
  /** The migrations that are to be applied, by binding; of a database that could not be asked, none. */
  pending: Record<string, string[]>
  findings: Finding[]
}

const identity = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    loggedIn: v.boolean(),
    accounts: v.optional(v.array(v.object({ id: v.string(), name: v.string() })), []),
  }),
)
const secretList = v.pipe(v.string(), v.parseJson(), v.array(v.object({ name: v.string() })))
const appliedMigrations = v.pipe(
  v.string(),
  v.parseJson(),
  v.tuple([v.object({ results: v.array(v.object({ name: v.string() })) })]),
)
/** Everything that Cloudflare knows, or what keeps it from being asked. */
export async function deployedState(
  environment: Environment,
  wrangler: Wrangler,
): Promise<DeployedState> {
  const state: DeployedState = {
    account: undefined,
    secrets: undefined,
    isNew: false,
    pending: {},
    findings: [],
  }
  const who = await wrangler(['whoami', '--json'])
  const told = v.safeParse(identity, who.stdout)
  if (told.success && !told.output.loggedIn) {
    state.findings.push(NOT_LOGGED_IN, NOT_ASKED)
    return state
  }
  const accounts = told.success ? told.output.accounts : []
  const chosen = process.env['CLOUDFLARE_ACCOUNT_ID']
  const account = accounts.find(({ id }) => id === chosen || accounts.length === 1)
  state.account = account && `${account.name} (${account.id})`
  const secrets = await wrangler(['secret', 'list', ...environmentOption(environment.name)])
  if (secrets.stderr.includes('More than one account available')) {
    const ids = accounts.map(({ id, name }) => `\n# ${name}: ${id}`).join('')
    state.findings.push({
      kind: 'missing',
      text: 'You have several accounts, and none is chosen',
      mend: `export CLOUDFLARE_ACCOUNT_ID=<id>${ids}`,
    })
    return state
  }
  readSecrets(state, environment, secrets)
  for (const database of madeDatabases(environment)) {
    await readMigrations(state, environment, database, wrangler)
  }
  return state
}

const NOT_ASKED: Finding = {
  kind: 'unchecked',
  text: 'Which secrets and migrations there are, for which Cloudflare must be asked',
}

const NOT_LOGGED_IN: Finding = {
  kind: 'missing',
  text: 'You are not logged in to Cloudflare',
  mend: 'npx wrangler login\nor, where no browser is, set CLOUDFLARE_API_TOKEN',
}

/** The names of all migrations, in the order in which they are applied. */
export function migrationNames(): string[] {
  return globSync('*.sql', { cwd: path.join(projectRoot, 'migrations') }).toSorted()
}

function readSecrets(state: DeployedState, { worker }: Environment, result: WranglerResult): void {
  const told = v.safeParse(secretList, result.stdout)
  if (result.code === 0 && told.success) {
    state.secrets = told.output.map(({ name }) => name)
    return
  }
  if (/Worker ".+?"(?: \(env: .+?\))? not found/.test(stripVTControlCharacters(result.stderr))) {
    state.secrets = []
    state.isNew = true
    return
  }
  const reason = reasonOf(result) ?? 'wrangler does not say why'
  state.findings.push(unchecked(`The secrets of ${worker}`, reason))
}

async function readMigrations(
  state: DeployedState,
  environment: Environment,
  database: Environment['databases'][number],
  wrangler: Wrangler,
): Promise<void> {
  const { binding, name } = database
  // Its own list of migrations would first make the table that it reads.
  const statement = 'select name from d1_migrations'
  const target = ['--remote', ...environmentOption(environment.name)]
  const result = await wrangler([
    ...['d1', 'execute', binding, '--yes', '--json', '--command', statement],
    ...target,
  ])
  const told = v.safeParse(appliedMigrations, result.stdout)
  if (result.code === 0 && told.success) {
    const applied = told.output[0].results.map((row) => row.name)
    state.pending[binding] = migrationNames().filter((each) => !applied.includes(each))
    return
  }
  const reason = reasonOf(result) ?? 'wrangler does not say why'
  if (reason.includes('no such table')) {
    state.pending[binding] = migrationNames()
    return
  }
  if (reason.includes('[code: 7404]')) {
    state.findings.push(noDatabase(environment, database, `is not in this account: ${reason}`))
    return
  }
  state.findings.push(unchecked(`${binding} (${name})`, reason))
}

function unchecked(what: string, reason: string): Finding {
  return { kind: 'unchecked', text: `${what}: ${reason}` }
}

/** @throws CommandError with all that wrangler printed */
export function requireSuccess(result: WranglerResult, failure: string): WranglerResult {
  if (result.code === 0) return result
  throw new CommandError(`${failure}:\n${(result.stdout + result.stderr).trim()}`)
}
