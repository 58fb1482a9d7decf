// Findings: what a deployment lacks by wrangler.toml and by Cloudflare, each with the command that fixes it.
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { SettingsError } from '../../src/errors.ts'
import { findPlacements, homeIn, type Placements } from '../../src/storage/shards.ts'
import { environmentOption, grouped, styled } from '../lib/command-line.ts'
import { runToEnd, type WranglerResult } from '../lib/wrangler.ts'
import {
  type BoundDatabase,
  type Environment,
  notRepeated,
  sectionOf,
} from '../lib/wrangler-toml.ts'

export interface Finding {
  /** A warning lets the deployment begin. */
  kind: 'missing' | 'warning'
  text: string
  /** A command, or what to do by hand. */
  mend: string
}

export interface Deployed {
  account: string
  /** Their names; undefined if Cloudflare could not be asked for them. */
  secrets: string[] | undefined
  /** Whether this deployment makes the Worker. */
  isNew: boolean
  findings: Finding[]
}

const SECRETS = ['AUTH_SIGNING_JWK', 'AUTH_JWKS', 'ACCOUNT_JWKS']
/** As in `npm start`, whose database has no id. */
const PLACEHOLDER_ID = /^[0-]*$/
/** RFC 2606, section 2: nobody has an address under it. */
const PLACEHOLDER_HOST = /^[a-z]+:\/\/[^/]+\.example(?=[:/]|$)/

const identity = v.object({
  loggedIn: v.boolean(),
  accounts: v.optional(v.array(v.object({ id: v.string(), name: v.string() })), []),
})
const secretList = v.array(v.object({ name: v.string() }))
const tableCount = v.tuple([v.object({ results: v.tuple([v.object({ tables: v.number() })]) })])
const COUNT_TABLES = `select count(*) as tables from sqlite_master where name = 'associations'`
/** Costs a row for each store: `distinct` would read every row. */
const STORES = `select id from (with recursive stores(id) as (
    select min(store_id) from associations
    union all select (select min(store_id) from associations where store_id > id) from stores where id is not null
  ) select id from stores) where id is not null`
const storeList = v.tuple([v.object({ results: v.array(v.object({ id: v.string() })) })])
const info = v.object({
  running_in_region: v.optional(v.string()),
  jurisdiction: v.nullish(v.string()),
  read_replication: v.optional(v.object({ mode: v.string() })),
})

/** Names of stores that a finding shows. */
const MAX_SHOWN = 3
const REGIONS = `<region>, near your shoppers and for good: weur, eeur, apac, oc, wnam or enam; or instead --jurisdiction eu, us or fedramp`
/** How wrangler reports an error under --json; Cloudflare's own words are in the notes. */
const wranglerError = v.object({
  error: v.object({
    text: v.string(),
    notes: v.optional(v.array(v.object({ text: v.string() })), []),
  }),
})

export function missing(text: string, mend: string): Finding {
  return { kind: 'missing', text, mend }
}

function warning(text: string, mend: string): Finding {
  return { kind: 'warning', text, mend }
}

export function putSecret({ env }: Environment, secret: string): string {
  return `npx wrangler secret put ${secret} --env ${env === '' ? '""' : env}`
}

/** Everything that can be found without asking Cloudflare or the Worker. */
export function localFindings(own: Environment, environments: readonly Environment[]): Finding[] {
  const { env, vars, d1_databases, ratelimits } = own
  const [top = own] = environments
  const others = environments.filter((each) => each.env !== env)
  const inVars = `[${sectionOf(own, 'vars')}] in wrangler.toml`
  const placeholders = Object.entries(vars).filter(
    ([, value]) => typeof value === 'string' && PLACEHOLDER_HOST.test(value),
  )
  const openToAll = env === 'production' && (vars['CORS_ORIGINS'] ?? '*') === '*'
  return [
    ...placeholders.map(([name, value]) =>
      missing(`${name} is still the placeholder ${value}`, `Set it under ${inVars}`),
    ),
    ...d1_databases.flatMap((database) => {
      const { binding, database_name: name, database_id: id } = database
      const sharing = others.find((each) => each.d1_databases.some((d1) => d1.database_id === id))
      if (hasDatabase(database) && sharing === undefined) return []
      const what = hasDatabase(database)
        ? `is the database of ${titleOf(sharing)} too`
        : 'has no database yet'
      const section = `[[${sectionOf(own, 'd1_databases')}]]`
      return missing(
        `${binding} (${name}) ${what}`,
        `npx wrangler d1 create ${name} --location <region>\n${REGIONS}\nThen put the id that it prints under ${section} in wrangler.toml`,
      )
    }),
    ...ratelimits.flatMap(({ name, namespace_id: id }, index) => {
      const rest = { ...own, ratelimits: ratelimits.toSpliced(index, 1) }
      const counting = [rest, ...others].find((each) =>
        each.ratelimits.some((limit) => limit.namespace_id === id),
      )
      if (counting === undefined) return []
      return missing(
        `${name} has no counter of its own: ${titleOf(counting)} counts under ${id} too`,
        `Choose another namespace_id under [[${sectionOf(own, 'ratelimits')}]] in wrangler.toml`,
      )
    }),
    ...notRepeated(top, own).map((name) =>
      missing(
        `${name} is bound at the top level of wrangler.toml, and not for ${titleOf(own)}`,
        `Repeat it under [env.${env}]`,
      ),
    ),
    ...(openToAll ? ['CORS_ORIGINS'] : []).map((name) =>
      warning(
        `${name} lets the pages of every origin ask`,
        `Name your storefronts under ${inVars}: ${name} = "https://shop.example"`,
      ),
    ),
    ...SECRETS.filter((name) => name in vars).map((name) =>
      (name === 'AUTH_SIGNING_JWK' ? missing : warning)(
        `${name} is a secret, and stands in wrangler.toml for all who read it`,
        `Take it out, and ${putSecret(own, name)}`,
      ),
    ),
  ]
}

/** What Cloudflare has, by wrangler, with a finding for whatever it lacks or does not say. */
export async function askCloudflare({ name, ...environment }: Environment): Promise<Deployed> {
  const who = read(await runToEnd(['whoami', '--json']), identity)
  const chosen = environment.account_id ?? process.env['CLOUDFLARE_ACCOUNT_ID']
  // Not every token may list them.
  const accounts = who?.accounts.filter(({ id }) => !chosen || id === chosen) ?? []
  const account = accounts.map(({ id, name }) => `${name} (${id})`).join(' or ') || 'not known'
  if (who?.loggedIn === false) {
    const mend = 'npx wrangler login\nor, where no browser is, set CLOUDFLARE_API_TOKEN'
    const findings = [missing('You are not logged in to Cloudflare', mend)]
    return { account, secrets: undefined, isNew: false, findings }
  }
  const command = ['secret', 'list', ...environmentOption(environment.env)]
  const listed = await runToEnd(command)
  const isNew = /Worker ".+?".* not found/.test(stripVTControlCharacters(listed.stderr))
  const secrets = isNew ? [] : read(listed, secretList)?.map(({ name }) => name)
  const findings = await databaseFindings({ name, ...environment }, isNew)
  findings.push(...(await copyFindings({ name, ...environment })))
  if (secrets === undefined) findings.unshift(notAsked(name, listed, command))
  return { account, secrets, isNew, findings }
}

/** Finds databases that cannot be asked, and empty ones beside full ones. */
async function databaseFindings(environment: Environment, isNew: boolean): Promise<Finding[]> {
  const findings: Finding[] = []
  const [empty, full]: [BoundDatabase[], BoundDatabase[]] = [[], []]
  for (const database of environment.d1_databases.filter(hasDatabase)) {
    const { binding, database_name: name } = database
    const target = ['--remote', ...environmentOption(environment.env)]
    const statement = ['--yes', '--json', '--command', COUNT_TABLES]
    const result = await runToEnd(['d1', 'execute', binding, ...statement, ...target])
    const tables = read(result, tableCount)?.[0].results[0].tables
    if (tables === 0) empty.push(database)
    else if (tables !== undefined) full.push(database)
    if (tables !== undefined) continue
    const command = ['d1', 'info', binding, ...target.slice(1)]
    findings.push(notAsked(`${binding} (${name})`, result, command))
  }
  findings.push(...(await leftBehind(environment, full)))
  // Without a Worker, or without tables at all, there are no carts yet.
  if (isNew || empty.some(({ binding }) => binding === 'DB')) return findings
  const lossy = empty.filter(
    ({ binding }) => binding !== environment.vars['MOVING_TO'] && !isPlaced(environment, binding),
  )
  return [
    ...findings,
    ...lossy.map(({ binding, database_name: name }) =>
      missing(
        `${binding} (${name}) is empty, and would take stores whose rows are elsewhere: carts would be lost`,
        `Set MOVING_TO = "${binding}" under [${sectionOf(environment, 'vars')}] in wrangler.toml: docs/databases.md has the steps`,
      ),
    ),
  ]
}

/** Where Cloudflare says that each database is, by its binding; nothing without a placement. */
export async function askPlaces(environment: Environment): Promise<Map<string, string>> {
  const places = new Map<string, string>()
  if (placementsOf(environment)?.digest === undefined) return places
  for (const { binding } of environment.d1_databases) {
    const option = environmentOption(environment.env)
    const found = read(await runToEnd(['d1', 'info', binding, '--json', ...option]), info)
    const region = found?.running_in_region ?? 'a region that Cloudflare does not say'
    const jurisdiction = found?.jurisdiction
    places.set(binding, `, in ${region}${jurisdiction ? `, jurisdiction ${jurisdiction}` : ''}`)
  }
  return places
}

/** Finds stores with rows only in databases that are not their home; `full` have tables. */
async function leftBehind(
  environment: Environment,
  full: readonly BoundDatabase[],
): Promise<Finding[]> {
  const placements = placementsOf(environment)
  if (placements === undefined || homesOf(environment).length < 2) return []
  const target = ['--remote', ...environmentOption(environment.env)]
  const findings: Finding[] = []
  const found = new Map<string, Set<string>>()
  for (const { binding, database_name: name } of full) {
    const statement = ['--yes', '--json', '--command', STORES]
    const result = await runToEnd(['d1', 'execute', binding, ...statement, ...target])
    const stores = read(result, storeList)?.[0].results.map(({ id }) => id)
    if (stores !== undefined) found.set(binding, new Set(stores))
    else findings.push(notAsked(`${binding} (${name})`, result, ['d1', 'info', binding]))
  }
  return [...findings, ...lossOf(placements, found, target)]
}

function lossOf(
  { present }: Placements<Home>,
  found: Map<string, Set<string>>,
  target: readonly string[],
): Finding[] {
  return [...found].flatMap(([binding, stores]) => {
    const lost = [...stores].filter((storeId) => {
      const { name } = homeIn(present, storeId)
      return name !== binding && !found.get(name)?.has(storeId)
    })
    if (lost.length === 0) return []
    const named = lost.slice(0, MAX_SHOWN).join(', ') + (lost.length > MAX_SHOWN ? ', …' : '')
    return missing(
      `${binding} has all rows of ${grouped(lost.length)} stores that belong elsewhere: carts would be lost (${named})`,
      `Set the new rules as STORE_PLACEMENT_NEXT, and move the stores first: docs/databases.md has the steps
Or, if a move left these rows behind and the stores have no carts any more, delete them:
npx wrangler d1 execute ${binding} ${target.join(' ')} --command "delete from associations where store_id = '${lost[0]}'"`,
    )
  })
}

/** Finds databases without copies, if reads are to come from the nearest copy. */
async function copyFindings({ env, vars, d1_databases }: Environment): Promise<Finding[]> {
  if (vars['READ_CONSISTENCY'] !== 'nearest') return []
  const findings: Finding[] = []
  for (const { binding, database_name: name, database_id: id } of d1_databases.filter(
    hasDatabase,
  )) {
    const result = await runToEnd(['d1', 'info', binding, '--json', ...environmentOption(env)])
    const found = read(result, info)
    if (found?.read_replication?.mode === 'auto') continue
    findings.push(
      warning(
        `READ_CONSISTENCY is nearest, and ${binding} (${name}) ${found ? 'has no copies: its primary answers every read' : 'does not say whether it has copies'}`,
        `Switch on read replication in the dashboard, or\ncurl -X PUT https://api.cloudflare.com/client/v4/accounts/$CLOUDFLARE_ACCOUNT_ID/d1/database/${id} -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" --json '{"read_replication":{"mode":"auto"}}'`,
      ),
    )
  }
  return findings
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
  const { text, notes = [] } = read(result, wranglerError)?.error ?? {}
  const [, printed] = /\[ERROR\]\s*(.+)/.exec(stripVTControlCharacters(result.stderr)) ?? []
  const [reason] = (notes[0]?.text ?? text ?? printed ?? 'wrangler does not say why').split('\n')
  return missing(`${what} cannot be looked at: ${reason}`, `npx wrangler ${command.join(' ')}`)
}

export function checklist(findings: readonly Finding[]): string {
  const kinds = [
    { kind: 'missing', title: 'Missing', style: 'red', mark: '✗' },
    { kind: 'warning', title: 'Warnings', style: 'yellow', mark: '!' },
  ] as const
  return kinds
    .flatMap(({ kind, title, style, mark }) => {
      const found = findings.filter((finding) => finding.kind === kind)
      const lines = found.map(
        ({ text, mend }) =>
          `  ${styled(style, mark)} ${text}\n${mend.replaceAll(/^/gm, '      ')}\n`,
      )
      return found.length === 0 ? [] : [`\n${styled('bold', title)}\n`, ...lines]
    })
    .join('')
}

function hasDatabase({ database_id }: BoundDatabase): boolean {
  return !PLACEHOLDER_ID.test(database_id)
}

function titleOf(environment: Environment | undefined): string {
  return environment?.env || 'the top level'
}

// The placement of stores, as the settings of an environment say.
export interface Home {
  name: string
}

/** Returns what the Worker said about a setting, with the rule that its response leaves out. */
export function withRule(text: string, { vars, ...environment }: Environment): string {
  const [setting = ''] = /^[A-Z_]+/.exec(text) ?? []
  const own = { STORE_PLACEMENT: undefined, STORE_PLACEMENT_NEXT: undefined }
  try {
    findPlacements({ ...vars, ...own, [setting]: vars[setting] }, homesOf(environment))
  } catch (error) {
    const { message = '', cause = undefined } = error instanceof SettingsError ? error : {}
    if (message === text && cause instanceof SettingsError) return cause.message
  }
  return text
}

/** Whether a rule names the database: others take no store there. */
export function isPlaced(environment: Environment, binding: string): boolean {
  const { present, future } = placementsOf(environment) ?? {}
  const rules = [...(present?.rules ?? []), ...(future?.rules ?? [])]
  return rules.some(([, homes]) => homes.some(({ name }) => name === binding))
}

/** Undefined if the settings are malformed, which the Worker says. */
export function placementsOf(environment: Environment): Placements<Home> | undefined {
  try {
    return findPlacements(environment.vars, homesOf(environment))
  } catch (error) {
    if (error instanceof SettingsError) return undefined
    throw error
  }
}

export function homesOf({ d1_databases }: Pick<Environment, 'd1_databases'>): Home[] {
  return d1_databases
    .map(({ binding }) => ({ name: binding }))
    .filter(({ name }) => /^DB(_[1-9]\d*)?$/.test(name))
}
