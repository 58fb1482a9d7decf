import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { environmentOf, targetOf } from '../../tools/lib/command-line.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import {
  type Environment,
  findEnvironment,
  notRepeated,
  readEnvironments,
} from '../../tools/lib/wrangler-toml.ts'
import { newDirectory } from './finished.ts'

const directory = newDirectory()

function missingIn(environments: Environment[]): string[] {
  const [top, ...named] = environments
  if (top === undefined) return []
  return named.flatMap((each) => notRepeated(top, each).map((name) => `${each.env}: ${name}`))
}

/** A copy of wrangler.toml with more at its top level, whose keys must come before the first table. */
function withAtTheTop(name: string, text: string): string {
  const file = path.join(directory, name)
  copyFileSync(path.join(projectRoot, 'wrangler.toml'), file)
  const toml = readFileSync(file, 'utf8')
  if (text.startsWith('[[')) appendFileSync(file, `\n${text}\n`)
  else writeFileSync(file, toml.replace(/^\[vars\]$/m, `[vars]\n${text}`))
  return file
}

describe('the environments of wrangler.toml', () => {
  it('are a staging and a production, each a Worker of its own', () => {
    expect(readEnvironments().map(({ env, name }) => ({ env, name }))).toEqual([
      { env: '', name: 'cart-accounts' },
      { env: 'staging', name: 'cart-accounts-staging' },
      { env: 'production', name: 'cart-accounts-production' },
    ])
  })

  it('stop a request that runs away, except at the top level, which a free plan can deploy', () => {
    const limits = { cpu_ms: 500 }

    expect(readEnvironments().map((each) => each['limits'])).toEqual([undefined, limits, limits])
  })

  it('repeat whatever is bound at the top level', () => {
    expect(missingIn(readEnvironments())).toEqual([])
  })

  it.each([
    { name: 'variable', text: 'READ_CONSISTENCY = "nearest"', missing: 'READ_CONSISTENCY' },
    {
      name: 'database',
      text: '[[d1_databases]]\nbinding = "DB_1"\ndatabase_name = "a"\ndatabase_id = "b"',
      missing: 'DB_1',
    },
    {
      name: 'limit',
      text: '[[ratelimits]]\nname = "NEW"\nnamespace_id = "1"\nsimple = { limit = 1, period = 60 }',
      missing: 'NEW',
    },
    {
      name: 'service',
      text: '[[services]]\nbinding = "OTHER"\nservice = "other"',
      missing: 'OTHER',
    },
  ])('are seen to lack a $name that is bound at the top level alone', ({ name, text, missing }) => {
    const environments = readEnvironments(withAtTheTop(`${name}.toml`, text))

    expect(missingIn(environments)).toEqual([`staging: ${missing}`, `production: ${missing}`])
  })

  it('share no database, no counter, no issuer and no audience', () => {
    const environments = readEnvironments()

    for (const own of [
      environments.flatMap((each) => each.d1_databases.map((d1) => d1.database_name)),
      environments.flatMap((each) => each.ratelimits.map((limit) => limit.namespace_id)),
      environments.map(({ vars }) => vars['AUTH_ISSUER']),
      environments.map(({ vars }) => vars['AUTH_AUDIENCE']),
    ]) {
      expect(new Set(own).size).toBe(own.length)
    }
  })

  it('are found by their names', () => {
    const environments = readEnvironments()

    expect(findEnvironment(environments, 'staging')).toBe(environments[1])
    expect(() => findEnvironment(environments, 'prod')).toThrow(
      '--env must be staging or production, not "prod"',
    )
  })
})

describe('the database that a command is about', () => {
  it('is the one of the environment that --env, or else CLOUDFLARE_ENV, names', () => {
    expect(targetOf({ remote: true })).toEqual(['--remote'])
    expect(targetOf({ remote: true, env: 'staging' })).toEqual(['--remote', '--env', 'staging'])

    process.env['CLOUDFLARE_ENV'] = 'production'
    expect(targetOf({ remote: true })).toEqual(['--remote', '--env', 'production'])
    expect(targetOf({ remote: true, env: '' })).toEqual(['--remote'])
    expect(targetOf({ remote: false })).toEqual(['--local'])
    expect(environmentOf({ env: 'staging' })).toBe('staging')
    delete process.env['CLOUDFLARE_ENV']
  })

  it('is no local one if an environment is named', () => {
    expect(() => targetOf({ remote: false, env: 'staging' })).toThrow(
      '--env names a deployed environment, and needs --remote beside it',
    )
  })
})
