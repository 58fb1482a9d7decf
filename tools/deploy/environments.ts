// The environments of wrangler.toml: what each deployment has, as wrangler itself reads and inherits it.
import path from 'node:path'
import * as v from 'valibot'
import {
  experimental_readRawConfig,
  unstable_convertConfigBindingsToStartWorkerBindings,
  unstable_readConfig,
} from 'wrangler'
import { badArgument, CommandError } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'

export interface Environment {
  /** Empty for the top level. */
  name: string
  worker: string
  compatibilityDate: string
  variables: Record<string, unknown>
  databases: { binding: string; name: string; id: string }[]
  rateLimits: { binding: string; namespaceId: string }[]
  /** Whatever is bound: its kind, by its name. */
  bindings: Record<string, string>
}

const CONFIGURATION = path.join(projectRoot, 'wrangler.toml')

const rawConfiguration = v.object({
  rawConfig: v.object({ env: v.optional(v.record(v.string(), v.unknown()), {}) }),
})
const configuration = v.object({
  name: v.string(),
  compatibility_date: v.string(),
  vars: v.record(v.string(), v.unknown()),
  d1_databases: v.array(
    v.object({
      binding: v.string(),
      database_name: v.optional(v.string(), ''),
      database_id: v.optional(v.string(), ''),
    }),
  ),
  ratelimits: v.array(v.object({ name: v.string(), namespace_id: v.string() })),
})
const kinds = v.record(v.string(), v.object({ type: v.string() }))

/** Every environment, the top level first. */
export function readEnvironments(file = CONFIGURATION): Environment[] {
  const raw = reading(() => experimental_readRawConfig({ config: file }, { hideWarnings: true }))
  const { env } = v.parse(rawConfiguration, raw).rawConfig
  return ['', ...Object.keys(env)].map((name) => readEnvironment(name, file))
}

/** The section of wrangler.toml that has these members of it. */
export function sectionOf({ name }: Pick<Environment, 'name'>, member: string): string {
  return name === '' ? member : `env.${name}.${member}`
}

/** @throws CommandError, exit code 2, where there is none of this name */
export function findEnvironment(environments: readonly Environment[], name: string): Environment {
  const found = environments.find((environment) => environment.name === name)
  if (found !== undefined) return found
  const names = environments.map((environment) => environment.name).filter((each) => each !== '')
  throw badArgument(`--env must be ${names.join(' or ')}, not ${JSON.stringify(name)}`)
}

/** What the top level has bound, and this one has not, or as another kind. */
export function notRepeated(top: Environment, { bindings }: Environment): string[] {
  const repeated = ([name, kind]: [string, string]) => bindings[name] === kind
  return Object.entries(top.bindings).flatMap((each) => (repeated(each) ? [] : [each[0]]))
}

function readEnvironment(env: string, config: string): Environment {
  const found = reading(() => unstable_readConfig({ config, env }, { hideWarnings: true }))
  const { name, compatibility_date, vars, d1_databases, ratelimits } = v.parse(configuration, found)
  const bindings = v.parse(kinds, unstable_convertConfigBindingsToStartWorkerBindings(found))
  return {
    name: env,
    worker: name,
    compatibilityDate: compatibility_date,
    variables: vars,
    databases: d1_databases.map(({ binding, database_name, database_id }) => ({
      binding,
      name: database_name,
      id: database_id,
    })),
    rateLimits: ratelimits.map(({ name, namespace_id }) => ({
      binding: name,
      namespaceId: namespace_id,
    })),
    bindings: Object.fromEntries(Object.entries(bindings).map(([key, { type }]) => [key, type])),
  }
}

function reading<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error))
  }
}
