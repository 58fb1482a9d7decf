import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { addressOf } from '../../tools/deploy/deploy.ts'
import { environmentOf, targetOf } from '../../tools/lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import {
  type Environment,
  findEnvironment,
  notRepeated,
  readEnvironments,
} from '../../tools/lib/wrangler-toml.ts'
import { type Finished, finished, newDirectory } from './finished.ts'

describe('npm run deploy', () => {
  const directory = temporaryDirectory('deploy-test')
  // A developer who runs the tests may be logged in.
  const { CLOUDFLARE_API_TOKEN: _token, CLOUDFLARE_API_KEY: _key, ...rest } = process.env
  const env = { ...rest, HOME: directory, XDG_CONFIG_HOME: directory }
  const typed = (...args: string[]): Finished =>
    finished('cli.mjs', ['deploy', ...args], directory, { env })

  it('prints the plan without a login, and fails for what is missing', () => {
    const { code, out, error } = typed('--dry-run', '--env', 'production')

    expect({ code, error }).toEqual({
      code: 1,
      error: 'Not ready to deploy: nothing was touched\n',
    })
    expect(out).toMatch(/^Worker {4}cart-accounts-production$/m)
    expect(out).toMatch(/Bundle {4}[\d.]+ KiB, [\d.]+ KiB gzipped/)
    expect(out).toContain('✗ You are not logged in to Cloudflare')
  })

  it.each([
    { args: ['--env', 'prod'], error: '--env must be staging or production, not "prod"' },
    {
      args: ['--secrets-file', 'nowhere'],
      error: '--secrets-file names a file that cannot be read: nowhere (ENOENT)',
    },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    expect(typed(...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})

describe('the address of a deployment', () => {
  it.each([
    { targets: ['https://a.shop.workers.dev'], address: 'https://a.shop.workers.dev' },
    { targets: ['carts.shop.test (custom domain)'], address: 'https://carts.shop.test' },
    { targets: ['carts.shop.test/* (zone name: shop.test)'], address: 'https://carts.shop.test' },
    { targets: ['*.shop.test/*', 'schedule: 0 0 * * *'], address: undefined },
    { targets: [], address: undefined },
  ])('is found among $targets', ({ targets, address }) => {
    expect(addressOf(targets)).toBe(address)
  })
})

const read = (name: string): string => readFileSync(path.join(projectRoot, name), 'utf8')

const described = v.parse(
  v.pipe(
    v.string(),
    v.parseJson(),
    v.object({
      scripts: v.object({ deploy: v.string() }),
      cloudflare: v.object({
        bindings: v.record(
          v.string(),
          v.object({ description: v.pipe(v.string(), v.minLength(20)) }),
        ),
      }),
    }),
  ),
  read('package.json'),
).cloudflare.bindings

/** Every member of the interface; DB_1 and so on are not among them. */
const declared = [...read('src/bindings.ts').matchAll(/^ {2}([A-Z_]+)(\??): (\w+)$/gm)].map(
  ([, name = '', , type]) => ({ name, type }),
)

const example = read('.dev.vars.example')

describe('the Deploy to Cloudflare button', () => {
  it('describes each setting of the Worker, and nothing else', () => {
    expect(declared.length).toBeGreaterThan(10)
    expect(Object.keys(described).toSorted()).toEqual(declared.map(({ name }) => name).toSorted())
  })

  it('describes whatever it can ask for', () => {
    const [top] = readEnvironments()
    const asked = [...(top?.bindings ?? []), ...Object.keys(parseEnv(example))]

    expect(asked.filter((name) => described[name] === undefined)).toEqual([])
  })

  it('asks for one secret and no more, since it makes each line one that must be given', () => {
    expect(parseEnv(example)).toEqual({ AUTH_SIGNING_JWK: '' })
  })
})

describe('.dev.vars.example', () => {
  it('names each setting that is a text, with a comment before it', () => {
    const texts = declared.filter(({ type }) => type === 'string').map(({ name }) => name)
    const named = [...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name)

    expect(named.toSorted()).toEqual(texts.toSorted())
    for (const paragraph of example.trim().split('\n\n')) expect(paragraph).toMatch(/^# \S+ /)
  })

  it('holds nothing that could be taken for a secret', () => {
    expect(example).not.toMatch(/"(?:d|k|kty)"/)
  })
})

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
