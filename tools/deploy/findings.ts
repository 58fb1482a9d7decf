// What stands between a deployment and its Worker, each with what mends it; and what wrangler.toml alone shows of that.
import { styled } from '../lib/command-line.ts'
import { type Environment, notRepeated, sectionOf } from './environments.ts'

export interface Finding {
  /** Something is missing; it would work but is not advisable; or it could not be looked at. */
  kind: 'missing' | 'warning' | 'unchecked'
  text: string
  /** A command, or what to do by hand. */
  mend?: string
}

/** Those that hold keys. */
export const SECRETS = ['AUTH_SIGNING_JWK', 'AUTH_JWKS', 'ACCOUNT_JWKS']

/** As in `npm start`, whose database has no id. */
const PLACEHOLDER_ID = /^[0-]*$/
/** RFC 2606, section 2: nobody has an address under it. */
const PLACEHOLDER_HOST = /^[a-z]+:\/\/[^/]+\.example(?=[:/]|$)/

/** Everything that can be seen without asking anybody. */
export function configurationFindings(
  environment: Environment,
  environments: readonly Environment[],
): Finding[] {
  const others = environments.filter(({ name }) => name !== environment.name)
  return [
    ...placeholders(environment),
    ...databaseFindings(environment, others),
    ...sharedLimits(environment, others),
    ...forgottenBindings(environment, environments),
    ...openOrigins(environment),
    ...openSecrets(environment),
  ]
}

/** The databases that exist, as far as wrangler.toml says. */
export function madeDatabases({ databases }: Environment): Environment['databases'] {
  return databases.filter(({ id }) => !PLACEHOLDER_ID.test(id))
}

/** A checklist, what is missing first. */
export function checklist(findings: readonly Finding[]): string {
  const kinds = [
    { kind: 'missing', title: 'Missing', style: 'red', mark: '✗' },
    { kind: 'unchecked', title: 'Not checked', style: 'yellow', mark: '?' },
    { kind: 'warning', title: 'Warnings', style: 'yellow', mark: '!' },
  ] as const
  return kinds
    .flatMap(({ kind, title, style, mark }) => {
      const lines = findings
        .filter((finding) => finding.kind === kind)
        .flatMap(({ text, mend = '' }) => [
          `  ${styled(style, mark)} ${text}`,
          ...mend.split('\n').flatMap((line) => (line === '' ? [] : [`      ${line}`])),
        ])
      return lines.length === 0 ? [] : ['', styled('bold', title), ...lines]
    })
    .map((line) => `${line}\n`)
    .join('')
}

function placeholders(environment: Environment): Finding[] {
  return Object.entries(environment.variables).flatMap(([name, value]) =>
    typeof value === 'string' && PLACEHOLDER_HOST.test(value)
      ? {
          kind: 'missing' as const,
          text: `${name} is still the placeholder ${value}`,
          mend: `Set it under [${sectionOf(environment, 'vars')}] in wrangler.toml`,
        }
      : [],
  )
}

function databaseFindings(environment: Environment, others: Environment[]): Finding[] {
  return environment.databases.flatMap((database) => {
    const { binding, name, id } = database
    if (PLACEHOLDER_ID.test(id)) return noDatabase(environment, database, 'has no database yet')
    const sharing = others.find(({ databases }) => databases.some((other) => other.id === id))
    if (sharing === undefined) return []
    return {
      kind: 'missing' as const,
      text: `${binding} (${name}) is the database of ${nameOf(sharing)} too`,
      mend: `npx wrangler d1 create ${name}\nand put the id that it prints into wrangler.toml`,
    }
  })
}

/** Of a binding that leads to no database. */
export function noDatabase(
  environment: Environment,
  { binding, name }: Environment['databases'][number],
  what: string,
): Finding {
  const section = `[[${sectionOf(environment, 'd1_databases')}]]`
  return {
    kind: 'missing',
    text: `${binding} (${name}) ${what}`,
    mend: `npx wrangler d1 create ${name}\nand put the id that it prints under ${section} in wrangler.toml`,
  }
}

function sharedLimits(environment: Environment, others: Environment[]): Finding[] {
  return environment.rateLimits.flatMap((limit) => {
    const same = ({ namespaceId }: typeof limit) => namespaceId === limit.namespaceId
    const within = environment.rateLimits.filter(same).length > 1 ? environment : undefined
    const sharing = within ?? others.find(({ rateLimits }) => rateLimits.some(same))
    if (sharing === undefined) return []
    return {
      kind: 'missing' as const,
      text: `${limit.binding} has no counter of its own: ${nameOf(sharing)} counts under ${limit.namespaceId} too`,
      mend: `Choose another namespace_id under [[${sectionOf(environment, 'ratelimits')}]] in wrangler.toml`,
    }
  })
}

function forgottenBindings(
  environment: Environment,
  [top = environment]: readonly Environment[],
): Finding[] {
  return notRepeated(top, environment).map((name) => ({
    kind: 'missing',
    text: `${name} is bound at the top level of wrangler.toml, and not for ${nameOf(environment)}`,
    mend: `Repeat it under [env.${environment.name}]`,
  }))
}

function openOrigins(environment: Environment): Finding[] {
  const { CORS_ORIGINS = '*' } = environment.variables
  if (environment.name !== 'production' || CORS_ORIGINS !== '*') return []
  return [
    {
      kind: 'warning',
      text: 'CORS_ORIGINS lets the pages of every origin ask',
      mend: `Name your storefronts under [${sectionOf(environment, 'vars')}]: CORS_ORIGINS = "https://shop.example"`,
    },
  ]
}

function openSecrets(environment: Environment): Finding[] {
  return SECRETS.filter((name) => name in environment.variables).map((name) => ({
    kind: name === 'AUTH_SIGNING_JWK' ? 'missing' : 'warning',
    text: `${name} is a secret, and stands in wrangler.toml for all who read it`,
    mend: `Take it out, and ${putSecret(environment, name)}`,
  }))
}

/** The command that asks for a secret, or reads it. */
export function putSecret({ name }: Environment, secret: string): string {
  return `npx wrangler secret put ${secret} --env ${name === '' ? '""' : name}`
}

function nameOf({ name }: Environment): string {
  return name === '' ? 'the top level' : name
}
