// Findings: what a deployment lacks, each with the command that fixes it. Those that wrangler.toml and git alone show are made here.
import { spawnSync } from 'node:child_process'
import { styled } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'
import { type BoundDatabase, type Environment, notRepeated, sectionOf } from './environments.ts'

export interface Finding {
  /** A warning lets the deployment begin. */
  kind: 'missing' | 'warning'
  text: string
  /** A command, or what to do by hand. */
  mend: string
}

const SECRETS = ['AUTH_SIGNING_JWK', 'AUTH_JWKS', 'ACCOUNT_JWKS']
/** As in `npm start`, whose database has no id. */
const PLACEHOLDER_ID = /^[0-]*$/
/** RFC 2606, section 2: nobody has an address under it. */
const PLACEHOLDER_HOST = /^[a-z]+:\/\/[^/]+\.example(?=[:/]|$)/

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
      if (!hasDatabase(database)) return noDatabase(own, database, 'has no database yet')
      const { database_id: id } = database
      const sharing = others.find((each) => each.d1_databases.some((d1) => d1.database_id === id))
      return sharing ? noDatabase(own, database, `is the database of ${titleOf(sharing)} too`) : []
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
    ...(openToAll
      ? [
          warning(
            'CORS_ORIGINS lets the pages of every origin ask',
            `Name your storefronts under ${inVars}: CORS_ORIGINS = "https://shop.example"`,
          ),
        ]
      : []),
    ...SECRETS.filter((name) => name in vars).map((name) =>
      (name === 'AUTH_SIGNING_JWK' ? missing : warning)(
        `${name} is a secret, and stands in wrangler.toml for all who read it`,
        `Take it out, and ${putSecret(own, name)}`,
      ),
    ),
    ...trackedFiles(projectRoot),
  ]
}

export function missing(text: string, mend: string): Finding {
  return { kind: 'missing', text, mend }
}

function warning(text: string, mend: string): Finding {
  return { kind: 'warning', text, mend }
}

export function hasDatabase({ database_id }: BoundDatabase): boolean {
  return !PLACEHOLDER_ID.test(database_id)
}

/** A binding without a database of its own. */
export function noDatabase(
  environment: Environment,
  { binding, database_name: name }: BoundDatabase,
  what: string,
): Finding {
  const section = `[[${sectionOf(environment, 'd1_databases')}]]`
  return missing(
    `${binding} (${name}) ${what}`,
    `npx wrangler d1 create ${name}\nand put the id that it prints under ${section} in wrangler.toml`,
  )
}

/** The command that uploads a secret. */
export function putSecret({ env }: Environment, secret: string): string {
  return `npx wrangler secret put ${secret} --env ${env === '' ? '""' : env}`
}

/** Files of this machine that git tracks; none if there is no git. */
export function trackedFiles(directory: string): Finding[] {
  const list = ['ls-files', '--', '.dev.vars', '.wrangler']
  const { stdout } = spawnSync('git', list, { cwd: directory, encoding: 'utf8' })
  const names = (stdout ?? '').split('\n').flatMap((file) => file.split('/', 1))
  return [...new Set(names)]
    .filter((name) => name !== '')
    .map((name) =>
      warning(
        `git has ${name}, which holds keys or rows of this machine`,
        `git rm -r --cached ${name}`,
      ),
    )
}

/** A checklist, what is missing first. */
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

function titleOf({ env }: Environment): string {
  return env === '' ? 'the top level' : env
}
