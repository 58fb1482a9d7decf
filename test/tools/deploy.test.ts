import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { targetOf } from '../../tools/lib/bound-databases.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { type Environment, notRepeated, readEnvironments } from '../../tools/lib/wrangler-toml.ts'
import { finished, misused, newDirectory } from './finished.ts'

const directory = newDirectory()

const read = (name: string): string => readFileSync(path.join(projectRoot, name), 'utf8')

describe('npm run deploy', () => {
  // A developer who runs the tests may be logged in.
  const { CLOUDFLARE_API_TOKEN: _token, CLOUDFLARE_API_KEY: _key, ...rest } = process.env
  const env = { ...rest, HOME: directory, XDG_CONFIG_HOME: directory }
  const typed = (...args: string[]) => finished('cli.mjs', ['deploy', ...args], directory, { env })

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
      error: '--secrets-file must name a file of NAME=value lines, or JSON: nowhere',
    },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    expect(typed(...args)).toEqual(misused(error))
  })
})

describe('the settings', () => {
  const manifest = v.object({
    cloudflare: v.object({
      bindings: v.record(v.string(), v.object({ description: v.string() })),
    }),
  })
  const { bindings } = v.parse(manifest, JSON.parse(read('package.json'))).cloudflare
  /** Every member of the interface; DB_1 and so on are not among them. */
  const declared = [...read('src/bindings.ts').matchAll(/^ {2}([A-Z_]+)(\??): (\w+)$/gm)].map(
    ([, name = '', , type]) => ({ name, type }),
  )
  const example = read('.dev.vars.example')

  it('are described for the Deploy to Cloudflare button, and nothing else is', () => {
    const [top] = readEnvironments()

    expect(declared.length).toBeGreaterThan(10)
    expect(Object.keys(bindings).toSorted()).toEqual(declared.map(({ name }) => name).toSorted())
    expect(top?.bindings.filter((name) => bindings[name] === undefined)).toEqual([])
    for (const { description } of Object.values(bindings)) expect(description).toMatch(/^.{20}/)
  })

  it('are in .dev.vars.example if they are texts, each under a comment, and no secret is', () => {
    const texts = declared.filter(({ type }) => type === 'string').map(({ name }) => name)
    const named = [...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name = '']) => name)

    expect(named.toSorted()).toEqual(texts.toSorted())
    for (const paragraph of example.trim().split('\n\n')) expect(paragraph).toMatch(/^# \S+ /)
    expect(example).not.toMatch(/"(?:d|k|kty)"/)
  })

  it('have the button ask for the signing key alone, since it wants every line of the example', () => {
    expect(parseEnv(example)).toEqual({ AUTH_SIGNING_JWK: '' })
  })
})

describe('the environments of wrangler.toml', () => {
  const environments = readEnvironments()
  const missingIn = ([top, ...others]: readonly Environment[]) =>
    others.map((each) => (top === undefined ? [] : notRepeated(top, each)))

  it('are a staging and a production, each a Worker of its own', () => {
    expect(environments.map(({ env, name }) => ({ env, name }))).toEqual([
      { env: '', name: 'cart-accounts' },
      { env: 'staging', name: 'cart-accounts-staging' },
      { env: 'production', name: 'cart-accounts-production' },
    ])
  })

  it('stop a request that runs away, except at the top level, which a free plan can deploy', () => {
    const limits = { cpu_ms: 500 }

    expect(environments.map((each) => each['limits'])).toEqual([undefined, limits, limits])
  })

  it('repeat whatever is bound at the top level', () => {
    const file = path.join(directory, 'wrangler.toml')
    const lacking = ['READ_CONSISTENCY', 'DB_1', 'NEW', 'OTHER']
    const added = `[[d1_databases]]
binding = "DB_1"
[[ratelimits]]
name = "NEW"
namespace_id = "1"
[[services]]
binding = "OTHER"
service = "other"
`
    const toml = read('wrangler.toml').replace('[vars]', '[vars]\nREAD_CONSISTENCY = "nearest"')
    writeFileSync(file, `${toml}\n${added}`)

    expect(missingIn(readEnvironments(file))).toEqual([lacking, lacking])
    expect(missingIn(environments)).toEqual([[], []])
  })

  it('share no database, no counter, no issuer and no audience', () => {
    for (const own of [
      environments.flatMap((each) => each.d1_databases.map((d1) => d1.database_name)),
      environments.flatMap((each) => each.ratelimits.map((limit) => limit.namespace_id)),
      environments.map(({ vars }) => vars['AUTH_ISSUER']),
      environments.map(({ vars }) => vars['AUTH_AUDIENCE']),
    ]) {
      expect(new Set(own).size).toBe(own.length)
    }
  })
})

describe('the databases that a command is about', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('are those of the environment that --env, or else CLOUDFLARE_ENV, names', () => {
    expect(targetOf({ remote: true })).toEqual(['--remote'])
    expect(targetOf({ remote: true, env: 'staging' })).toEqual(['--remote', '--env', 'staging'])

    vi.stubEnv('CLOUDFLARE_ENV', 'production')
    expect(targetOf({ remote: true })).toEqual(['--remote', '--env', 'production'])
    expect(targetOf({ remote: true, env: '' })).toEqual(['--remote'])
    expect(targetOf({ remote: false })).toEqual(['--local'])
  })
})
