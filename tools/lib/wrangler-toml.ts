// wrangler.toml: its environments, what each has bound, and what is inherited as wrangler inherits it.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'smol-toml'
import * as v from 'valibot'
import { badArgument, CommandError } from './command-line.ts'
import { projectRoot } from './directories.ts'

const database = v.looseObject({
  binding: v.string(),
  database_name: v.optional(v.string(), ''),
  database_id: v.optional(v.string(), ''),
  preview_database_id: v.optional(v.string()),
  migrations_dir: v.optional(v.string(), 'migrations'),
})
const section = v.looseObject({
  name: v.optional(v.string()),
  account_id: v.optional(v.string()),
  compatibility_date: v.optional(v.string()),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  d1_databases: v.optional(v.array(database), []),
  ratelimits: v.optional(v.array(v.object({ name: v.string(), namespace_id: v.string() })), []),
})
const environmentSections = v.object({ env: v.optional(v.record(v.string(), section), {}) })
const bound = v.union([v.object({ binding: v.string() }), v.object({ name: v.string() })])

export interface Environment extends v.InferOutput<typeof section> {
  /** Empty for the top level. */
  env: string
  name: string
  /** The names of all bindings and variables. */
  bindings: string[]
}

export type BoundDatabase = Environment['d1_databases'][number]

export const WRANGLER_TOML = path.join(projectRoot, 'wrangler.toml')

/**
 * Reads every environment, the top level first.
 *
 * @throws CommandError if the file cannot be read
 */
export function readEnvironments(file = WRANGLER_TOML): Environment[] {
  const toml = readToml(file)
  const top = v.parse(section, toml)
  const { env: named } = v.parse(environmentSections, toml)
  const { name: worker = '', account_id, compatibility_date } = top
  return Object.entries({ '': top, ...named }).map(([env, own]) => {
    const { name = env === '' ? worker : `${worker}-${env}`, vars, ...others } = own
    // The assets are inherited, with their binding.
    const bindings = [...Object.keys(vars), ...namesIn({ ...others, env: {}, assets: {} })]
    return { account_id, compatibility_date, ...own, env, name, bindings }
  })
}

/** @throws CommandError, exit code 2, if there is no such environment */
export function findEnvironment(environments: readonly Environment[], name: string): Environment {
  const found = environments.find(({ env }) => env === name)
  if (found !== undefined) return found
  const names = environments.map(({ env }) => env).filter((env) => env !== '')
  throw badArgument(`--env must be ${names.join(' or ')}, not ${JSON.stringify(name)}`)
}

/** The section of wrangler.toml that holds this member of an environment. */
export function sectionOf({ env }: Environment, member: string): string {
  return env === '' ? member : `env.${env}.${member}`
}

/** What is bound at the top level, and not in this environment: wrangler inherits no binding. */
export function notRepeated(top: Environment, { bindings }: Environment): string[] {
  return top.bindings.filter((name) => !bindings.includes(name))
}

function readToml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CommandError(`${file}: ${error instanceof Error ? error.message : error}`)
  }
}

/** The names of the bindings in a part of wrangler.toml, at any depth. */
function namesIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return []
  if (!v.is(bound, part)) return Object.values(part).flatMap(namesIn)
  return ['binding' in part ? part.binding : part.name]
}
