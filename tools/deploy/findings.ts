// Findings: what a deployment lacks by wrangler.toml and by Cloudflare, each with the command that fixes it.
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'
import { SettingsError } from '../../src/errors.ts'
import { findPlacements, homeIn, type Placements } from '../../src/storage/shards.ts'
import { environmentOption, grouped, styled } from '../lib/command-line.ts'
import { parsed } from '../lib/responses.ts'
import { runToEnd, type WranglerResult } from '../lib/wrangler.ts'
import {
  type BoundDatabase,
  type Environment,
  notRepeated,
  sectionOf,
} from '../lib/wrangler-toml.ts'

interface Finding {
  /** A warning lets the deployment begin. */
  kind: 'missing' | 'warning'
  text: string
  /** A command, or what to do by hand. */
  mend: string
}

type AskedDatabase = Awaited<ReturnType<typeof askDatabase>>
type Homes = Placements<{ name: string }>

const SECRETS = ['AUTH_SIGNING_JWK', 'AUTH_JWKS', 'ACCOUNT_JWKS']
/** As in `npm start`, whose database has no id. */
const PLACEHOLDER_ID = /^[0-]*$/
/** RFC 2606, section 2: nobody has an address under it. */
const PLACEHOLDER_HOST = /^[a-z]+:\/\/[^/]+\.example(?=[:/]|$)/
const REGIONS = `<region>, near your shoppers and for good: weur, eeur, apac, oc, wnam or enam; or instead --jurisdiction eu, us or fedramp`
/** Names of stores that a finding shows. */
const MAX_SHOWN = 3

const identity = v.object({
  loggedIn: v.boolean(),
  accounts: v.optional(v.array(v.object({ id: v.string(), name: v.string() })), []),
})
const secretList = v.array(v.object({ name: v.string() }))
const counted = v.object({ tables: v.number() })
const COUNT_TABLES = `select count(*) as tables from sqlite_master where name = 'associations'`
const store = v.object({ id: v.string() })
/** Costs a row for each store: `distinct` would read every row. */
const STORES = `select id from (with recursive stores(id) as (
    select min(store_id) from associations
    union all select (select min(store_id) from associations where store_id > id) from stores where id is not null
  ) select id from stores) where id is not null`
const info = v.object({
  running_in_region: v.optional(v.string()),
  jurisdiction: v.nullish(v.string()),
  read_replication: v.optional(v.object({ mode: v.string() })),
})
/** How wrangler reports an error under --json; Cloudflare's own words are in the notes. */
const wranglerError = v.object({
  error: v.object({
    text: v.string(),
    notes: v.optional(v.array(v.object({ text: v.string() })), []),
  }),
})

/** Everything that can be found without asking Cloudflare or the Worker. */
export function localFindings(own: Environment, environments: readonly Environment[]): Finding[] {
  const { env, vars, d1_databases } = own
  const [top = own] = environments
  const others = environments.filter((each) => each.env !== env)
  const inVars = `under [${sectionOf(own, 'vars')}] in wrangler.toml`
  const placeholders = Object.entries(vars).filter(
    ([, value]) => typeof value === 'string' && PLACEHOLDER_HOST.test(value),
  )
  const isOpenToAll = env === 'production' && (vars['CORS_ORIGINS'] ?? '*') === '*'
  return [
    ...placeholders.map(([name, value]) =>
      missing(`${name} is still the placeholder ${value}`, `Set it ${inVars}`),
    ),
    ...d1_databases.flatMap((database) => {
      const { binding, database_name: name, database_id: id } = database
      const sharing = others.find((each) => each.d1_databases.some((d1) => d1.database_id === id))
      if (hasDatabase(database) && sharing === undefined) return []
      const what = hasDatabase(database)
        ? `is the database of ${titleOf(sharing)} too`
        : 'has no database yet'
      return missing(
        `${binding} (${name}) ${what}`,
        `npx wrangler d1 create ${name} --location <region>\n${REGIONS}\nThen put the id that it prints under [[${sectionOf(own, 'd1_databases')}]] in wrangler.toml`,
      )
    }),
    ...notRepeated(top, own).map((name) =>
      missing(
        `${name} is bound at the top level of wrangler.toml, and not for ${titleOf(own)}`,
        `Repeat it under [env.${env}]`,
      ),
    ),
    ...(isOpenToAll
      ? [
          warning(
            'CORS_ORIGINS lets the pages of every origin ask',
            `Name your storefronts ${inVars}: CORS_ORIGINS = "https://shop.example"`,
          ),
        ]
      : []),
    ...SECRETS.filter((name) => name in vars).map((name) => {
      const text = `${name} is a secret, and stands in wrangler.toml for all who read it`
      const find = name === 'AUTH_SIGNING_JWK' ? missing : warning
      return find(text, `Take it out, and ${putSecret(own, name)}`)
    }),
  ]
}

/**
 * Asks what Cloudflare has, by wrangler, with a finding for whatever it lacks or does not say. Secrets are
 * their names, or undefined if they cannot be asked for; places say where placed databases are.
 */
export async function askCloudflare(environment: Environment) {
  const who = parsed(identity, (await runToEnd(['whoami', '--json'])).stdout)
  const chosen = environment.account_id ?? process.env['CLOUDFLARE_ACCOUNT_ID']
  // Not every token may list them.
  const accounts = who?.accounts.filter(({ id }) => !chosen || id === chosen) ?? []
  const account = accounts.map(({ id, name }) => `${name} (${id})`).join(' or ') || 'not known'
  if (who?.loggedIn === false) {
    const mend = 'npx wrangler login\nor, where no browser is, set CLOUDFLARE_API_TOKEN'
    const findings = [missing('You are not logged in to Cloudflare', mend)]
    return {
      account,
      secrets: undefined,
      isNew: false,
      places: new Map<string, string>(),
      findings,
    }
  }
  const command = ['secret', 'list', ...environmentOption(environment.env)]
  const listed = await runToEnd(command)
  const isNew = /Worker ".+?".* not found/.test(stripVTControlCharacters(listed.stderr))
  const secrets = isNew ? [] : parsed(secretList, listed.stdout)?.map(({ name }) => name)
  const found = placementsOf(environment)
  const placements = found instanceof SettingsError ? undefined : found
  const databases: AskedDatabase[] = []
  for (const database of environment.d1_databases.filter(hasDatabase)) {
    databases.push(await askDatabase(environment, database, placements))
  }
  const findings = [
    ...(secrets === undefined ? [notAsked(environment.name, listed, command)] : []),
    ...databases.flatMap((database) => database.findings),
    ...(placements === undefined ? [] : leftBehind(environment, databases, placements)),
    ...(isNew ? [] : emptyBesideFull(environment, databases, placements)),
  ]
  const places = new Map(databases.map(({ binding, place }) => [binding, place]))
  return { account, secrets, isNew, places, findings }
}

/** Asks for what the settings make matter. */
async function askDatabase(
  environment: Environment,
  { binding, database_name: name, database_id: id }: BoundDatabase,
  placements: Homes | undefined,
) {
  const title = `${binding} (${name})`
  const option = environmentOption(environment.env)
  const findings: Finding[] = []
  const query = async <Row>(sql: string, row: v.GenericSchema<unknown, Row>) => {
    const command = ['d1', 'execute', binding, '--command', sql, '--yes', '--json', '--remote']
    const result = await runToEnd([...command, ...option])
    const printed = parsed(v.tuple([v.object({ results: v.array(row) })]), result.stdout)
    if (printed !== undefined) return printed[0].results
    findings.push(notAsked(title, result, ['d1', 'info', binding, ...option]))
    return undefined
  }
  const tables = (await query(COUNT_TABLES, counted))?.[0]?.tables
  const mayMove = placements !== undefined && homesOf(environment).length > 1
  const listed = tables && mayMove ? await query(STORES, store) : undefined
  const isNearest = environment.vars['READ_CONSISTENCY'] === 'nearest'
  const isPlaced = placements?.digest !== undefined
  const asked = isNearest || isPlaced
  const command = ['d1', 'info', binding, '--json', ...option]
  const found = asked ? parsed(info, (await runToEnd(command)).stdout) : undefined
  if (isNearest && found?.read_replication?.mode !== 'auto') {
    findings.push(
      warning(
        `READ_CONSISTENCY is nearest, and ${title} has no copies, as far as Cloudflare says: its primary answers every read`,
        `Switch on read replication in the dashboard, or\ncurl -X PUT https://api.cloudflare.com/client/v4/accounts/$CLOUDFLARE_ACCOUNT_ID/d1/database/${id} -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" --json '{"read_replication":{"mode":"auto"}}'`,
      ),
    )
  }
  const region = found?.running_in_region ?? 'a region that Cloudflare does not say'
  const jurisdiction = found?.jurisdiction ? `, jurisdiction ${found.jurisdiction}` : ''
  const place = isPlaced ? `, in ${region}${jurisdiction}` : ''
  const stores = new Set(listed?.map((each) => each.id))
  return { binding, title, tables, stores, place, findings }
}

/** Finds empty databases that would take stores from full ones. */
function emptyBesideFull(
  environment: Environment,
  databases: readonly AskedDatabase[],
  placements: Homes | undefined,
): Finding[] {
  const empty = databases.filter(({ tables }) => tables === 0)
  // Without tables at all, there are no carts yet.
  if (empty.some(({ binding }) => binding === 'DB')) return []
  const rules = [...(placements?.present.rules ?? []), ...(placements?.future.rules ?? [])]
  const placed = rules.flatMap(([, homes]) => homes.map(({ name }) => name))
  const filled = [...placed, environment.vars['MOVING_TO']]
  return empty
    .filter(({ binding }) => !filled.includes(binding))
    .map(({ binding, title }) =>
      missing(
        `${title} is empty, and would take stores whose rows are elsewhere: carts would be lost`,
        `Set MOVING_TO = "${binding}" under [${sectionOf(environment, 'vars')}] in wrangler.toml: docs/databases.md has the steps`,
      ),
    )
}

/** Finds stores with rows only in databases that are not their home. */
function leftBehind(
  { env }: Environment,
  databases: readonly AskedDatabase[],
  { present }: Homes,
): Finding[] {
  const target = ['--remote', ...environmentOption(env)].join(' ')
  return databases.flatMap(({ binding, stores }) => {
    const lost = [...stores].filter((storeId) => {
      const { name } = homeIn(present, storeId)
      const home = databases.find((each) => each.binding === name)
      return name !== binding && !home?.stores.has(storeId)
    })
    if (lost.length === 0) return []
    const named = lost.slice(0, MAX_SHOWN).join(', ') + (lost.length > MAX_SHOWN ? ', …' : '')
    return missing(
      `${binding} has all rows of ${grouped(lost.length)} stores that belong elsewhere: carts would be lost (${named})`,
      `Set the new rules as STORE_PLACEMENT_NEXT, and move the stores first: docs/databases.md has the steps
Or, if a move left these rows behind and the stores have no carts any more, delete them:
npx wrangler d1 execute ${binding} ${target} --command "delete from associations where store_id = '${lost[0]}'"`,
    )
  })
}

/** A setting that the Worker refuses, in the Worker's own words. */
export function settingFinding(
  text: string,
  environment: Environment,
  secretsFile: { path: string; values: Record<string, string> } | undefined,
): Finding {
  if (text === 'AUTH_JWKS must be set') {
    // Cloudflare's own builds may upload the secrets with the first deployment only.
    const find = process.env['WORKERS_CI'] === '1' ? warning : missing
    return find(
      `No key verifies access tokens: ${text}, or AUTH_JWKS_URL, or AUTH_SIGNING_JWK`,
      `npx cart-accounts keys signing-key | ${putSecret(environment, 'AUTH_SIGNING_JWK')}\nor, with an issuer of yours, set AUTH_JWKS_URL`,
    )
  }
  const [setting = ''] = /^[A-Z_\d]+/.exec(text) ?? []
  const isInFile = secretsFile?.values[setting] !== undefined
  const section = `under [${sectionOf(environment, 'vars')}] in wrangler.toml`
  // The response leaves out the rule of a placement.
  const placements = placementsOf(environment)
  const isOfRule = placements instanceof SettingsError && placements.message === text
  const rule = isOfRule && placements.cause instanceof Error ? placements.cause.message : text
  return missing(rule, `Correct it ${isInFile ? `in ${secretsFile.path}` : section}`)
}

function notAsked(what: string, result: WranglerResult, command: string[]): Finding {
  const { text, notes = [] } = parsed(wranglerError, result.stdout)?.error ?? {}
  const [, printed] = /\[ERROR\]\s*(.+)/.exec(stripVTControlCharacters(result.stderr)) ?? []
  const [reason] = (notes[0]?.text ?? text ?? printed ?? 'wrangler does not say why').split('\n')
  return missing(`${what} cannot be looked at: ${reason}`, `npx wrangler ${command.join(' ')}`)
}

/** The findings in lines, what is missing first. */
export function checklist(findings: readonly Finding[]): string {
  const lines = findings
    .toSorted((one, other) => one.kind.localeCompare(other.kind))
    .map(({ kind, text, mend }) => {
      const mark = kind === 'missing' ? styled('red', '✗') : styled('yellow', '!')
      return `  ${mark} ${text}\n${mend.replaceAll(/^/gm, '      ')}\n`
    })
  return lines.length === 0 ? '' : `\n${lines.join('')}`
}

function missing(text: string, mend: string): Finding {
  return { kind: 'missing', text, mend }
}

function warning(text: string, mend: string): Finding {
  return { kind: 'warning', text, mend }
}

function putSecret({ env }: Environment, secret: string): string {
  return `npx wrangler secret put ${secret} --env ${env === '' ? '""' : env}`
}

function hasDatabase({ database_id }: BoundDatabase): boolean {
  return !PLACEHOLDER_ID.test(database_id)
}

function titleOf(environment: Environment | undefined): string {
  return environment?.env || 'the top level'
}

/** Where stores are by the settings; what is malformed in them is an error, which the Worker says too. */
function placementsOf(environment: Environment): Homes | SettingsError {
  try {
    return findPlacements(environment.vars, homesOf(environment))
  } catch (error) {
    if (error instanceof SettingsError) return error
    throw error
  }
}

function homesOf({ d1_databases }: Environment): { name: string }[] {
  return d1_databases
    .map(({ binding }) => ({ name: binding }))
    .filter(({ name }) => /^DB(_[1-9]\d*)?$/.test(name))
}
