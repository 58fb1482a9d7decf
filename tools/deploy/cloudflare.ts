// Asks Cloudflare, through wrangler, what it has of a deployment already; changes nothing.
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { environmentOption } from '../lib/command-line.ts'
import { runToEnd, type WranglerResult } from '../lib/wrangler.ts'
import { type BoundDatabase, type Environment, sectionOf } from './environments.ts'
import { type Finding, hasDatabase, missing, noDatabase } from './findings.ts'

export interface Deployed {
  account: string
  /** Their names; undefined if Cloudflare could not be asked for them. */
  secrets: string[] | undefined
  /** Whether this deployment makes the Worker. */
  isNew: boolean
  findings: Finding[]
}

const identity = v.object({
  loggedIn: v.boolean(),
  accounts: v.optional(v.array(v.object({ id: v.string(), name: v.string() })), []),
})
const secretList = v.array(v.object({ name: v.string() }))
const tableCount = v.tuple([v.object({ results: v.tuple([v.object({ tables: v.number() })]) })])
const COUNT_TABLES = `select count(*) as tables from sqlite_master where name = 'associations'`

/** How wrangler reports an error under --json; Cloudflare's own words are in the notes. */
const toldError = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    error: v.object({
      text: v.string(),
      notes: v.optional(v.array(v.object({ text: v.string() })), []),
    }),
  }),
)

/** What Cloudflare has, and findings for whatever it lacks or does not say. */
export async function askCloudflare(environment: Environment): Promise<Deployed> {
  const unknown = { account: 'not known', secrets: undefined, isNew: false }
  const who = read(await runToEnd(['whoami', '--json']), identity)
  if (who?.loggedIn === false) {
    const mend = 'npx wrangler login\nor, where no browser is, set CLOUDFLARE_API_TOKEN'
    return { ...unknown, findings: [missing('You are not logged in to Cloudflare', mend)] }
  }
  // Not every token may list them.
  const accounts = who?.accounts ?? []
  const chosen = environment.account_id ?? process.env['CLOUDFLARE_ACCOUNT_ID']
  const account = chosen ? accounts.find(({ id }) => id === chosen) : accounts[0]
  if (accounts.length > 0 && (account === undefined || (!chosen && accounts.length > 1))) {
    const text = chosen
      ? `The account ${chosen} is none of yours`
      : 'You have several accounts, and none is chosen'
    const ids = accounts.map(({ id, name }) => `\n# ${name}: ${id}`).join('')
    const findings = [missing(text, `export CLOUDFLARE_ACCOUNT_ID=<id>${ids}`)]
    return { ...unknown, findings }
  }
  const command = ['secret', 'list', ...environmentOption(environment.env)]
  const listed = await runToEnd(command)
  const isNew = /Worker ".+?".* not found/.test(stripVTControlCharacters(listed.stderr))
  const secrets = isNew ? [] : read(listed, secretList)?.map(({ name }) => name)
  return {
    account: account === undefined ? 'not known' : `${account.name} (${account.id})`,
    secrets,
    isNew,
    findings: [
      ...(secrets === undefined ? [notAsked(environment.name, listed, command)] : []),
      ...(await databaseFindings(environment, isNew)),
    ],
  }
}

/** Databases that do not exist, and those without tables beside others that have them. */
async function databaseFindings(environment: Environment, isNew: boolean): Promise<Finding[]> {
  const findings: Finding[] = []
  const empty: BoundDatabase[] = []
  for (const database of environment.d1_databases.filter(hasDatabase)) {
    const { binding, database_name: name } = database
    const statement = ['--yes', '--json', '--command', COUNT_TABLES]
    const target = ['--remote', ...environmentOption(environment.env)]
    const result = await runToEnd(['d1', 'execute', binding, ...statement, ...target])
    const tables = read(result, tableCount)?.[0].results[0].tables
    if (tables === 0) empty.push(database)
    if (tables !== undefined) continue
    const reason = reasonOf(result) ?? ''
    findings.push(
      reason.includes('[code: 7404]')
        ? noDatabase(environment, database, `is not in this account: ${reason}`)
        : notAsked(`${binding} (${name})`, result, ['d1', 'info', binding, ...target.slice(1)]),
    )
  }
  // Without a Worker, or without tables at all, there are no carts yet.
  if (isNew || empty.some(({ binding }) => binding === 'DB')) return findings
  const lossy = empty.filter(({ binding }) => binding !== environment.vars['MOVING_TO'])
  return [
    ...findings,
    ...lossy.map(({ binding, database_name: name }) =>
      missing(
        `${binding} (${name}) is empty, and would take stores whose rows are elsewhere: carts would be lost`,
        `Set MOVING_TO = "${binding}" under [${sectionOf(environment, 'vars')}] in wrangler.toml: docs/operating.md has the steps`,
      ),
    ),
  ]
}

/** What a command printed as JSON; undefined if it printed something else. */
function read<Output>(
  { stdout }: WranglerResult,
  schema: v.GenericSchema<unknown, Output>,
): Output | undefined {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), stdout)
  return result.success ? result.output : undefined
}

function notAsked(what: string, result: WranglerResult, command: string[]): Finding {
  const reason = reasonOf(result) ?? 'wrangler does not say why'
  return missing(`${what} cannot be looked at: ${reason}`, `npx wrangler ${command.join(' ')}`)
}

/** The reason in a line; undefined if nothing that was printed looks like one. */
function reasonOf({ stdout, stderr }: WranglerResult): string | undefined {
  const told = v.safeParse(toldError, stdout)
  if (told.success) {
    const { text, notes } = told.output.error
    return firstLine(notes[0]?.text ?? text)
  }
  return /\[ERROR\]\s*(.+)/.exec(stripVTControlCharacters(stderr))?.[1]
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
