import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { openLocalDatabases } from '../../tools/lib/local-databases.ts'
import { runToEnd } from '../../tools/lib/wrangler.ts'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { newDirectory } from './finished.ts'

let directory: string
let devVars: string
beforeEach(() => {
  directory = newDirectory()
  devVars = path.join(directory, '.dev.vars')
})

describe('the local settings', () => {
  it.each([
    '',
    'CORS_ORIGINS=https://shop.example\n',
    'CORS_ORIGINS=*',
    readFileSync(path.join(projectRoot, '.dev.vars.example'), 'utf8'),
  ])('add a key pair to a file that has others, once, and keep those: %j', async (text) => {
    writeFileSync(devVars, text, { mode: 0o644 })

    const { signingKey } = await localSettings(devVars)

    const added = readFileSync(devVars, 'utf8')
    const { AUTH_JWKS = '', AUTH_SIGNING_JWK: _, ...others } = parseEnv(added)
    const { AUTH_SIGNING_JWK: _empty, ...before } = parseEnv(text)
    expect(others).toEqual(before)
    expect(JSON.parse(AUTH_JWKS).keys).toEqual([
      {
        kid: signingKey.kid,
        alg: 'ES256',
        use: 'sig',
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
      },
    ])
    expect(statSync(devVars).mode & 0o777).toBe(0o600)
    expect(await localSettings(devVars)).toMatchObject({ signingKey: { kid: signingKey.kid } })
    expect(readFileSync(devVars, 'utf8')).toBe(added)
  })

  it('let the file override the variables of wrangler.toml', async () => {
    writeFileSync(devVars, 'AUTH_ISSUER=https://issuer.example\n')

    expect(await localSettings(devVars)).toMatchObject({ issuer: 'https://issuer.example' })
  })

  it('have no issuer of account tokens if those have keys of their own', async () => {
    const accountIssuer = 'https://identity.example'
    writeFileSync(devVars, `ACCOUNT_ISSUER=${accountIssuer}\n`)
    expect(await localSettings(devVars)).toMatchObject({ accountIssuer })

    appendFileSync(devVars, `ACCOUNT_JWKS='{"keys":[]}'\n`)
    expect(await localSettings(devVars)).toMatchObject({ accountIssuer: undefined })
  })

  it('say in one line that the file cannot be written', async () => {
    const nowhere = path.join(directory, 'nowhere', '.dev.vars')

    await expect(localSettings(nowhere)).rejects.toThrow(`${nowhere} cannot be written: ENOENT`)
  })

  const key = '{"kid":"a","alg":"ES256","kty":"EC","d":"AA"}'
  const otherKey = 'FILE has no AUTH_SIGNING_JWK beside its other key'
  it.each([
    [`AUTH_JWKS='{'`, 'AUTH_JWKS in FILE is malformed'],
    [`AUTH_JWKS=[]\nAUTH_SIGNING_JWK='{}'`, 'AUTH_JWKS in FILE is malformed'],
    [`AUTH_JWKS='{"keys":[${key}]}'`, otherKey],
    [`AUTH_SIGNING_JWK='${key}'`, 'FILE has no AUTH_JWKS beside its other key'],
    [`AUTH_JWKS='{"keys":[]}'\nAUTH_SIGNING_JWK='{}'`, 'AUTH_SIGNING_JWK in FILE is malformed'],
    [
      `AUTH_JWKS='{"keys":[]}'\nAUTH_SIGNING_JWK='${key}'`,
      'AUTH_JWKS in FILE lacks the key of AUTH_SIGNING_JWK',
    ],
    [
      `AUTH_JWKS='{"keys":[${key}]}'\nAUTH_SIGNING_JWK='${key}'`,
      'AUTH_SIGNING_JWK in FILE is not a key for ES256',
    ],
    [
      `AUTH_JWKS='{"keys":[${key}]}'\nAUTH_SIGNING_JWK='{"kid":"a","alg":"ES256","kty":"EC"}'`,
      'AUTH_SIGNING_JWK in FILE is malformed',
    ],
  ])('say in one line what is wrong: %s', async (text, error) => {
    writeFileSync(devVars, `${text}\n`)

    await expect(localSettings(devVars)).rejects.toThrow(
      `${error.replace('FILE', devVars)}: correct it, or delete the file and npm start makes a new one`,
    )
  })
})

describe('the migrations of the local databases', () => {
  const addMigration = (name: string, sql: string): void =>
    writeFileSync(path.join(directory, 'migrations', name), sql)

  /** Migrates, and returns the names of the tables and of the migrations that were applied. */
  async function migrated(): Promise<unknown[][]> {
    const config = path.join(directory, 'wrangler.toml')
    const { bindings, migrate, close } = await openLocalDatabases({
      config,
      'persist-to': directory,
    })
    const namesIn = async (sql: string) => {
      const { results } = await bindings.DB.prepare(sql).all()
      return results.map(({ name }) => name)
    }
    try {
      await migrate()
      return [
        await namesIn("select name from sqlite_master where name like 't_' order by name"),
        await namesIn('select name from d1_migrations order by id'),
      ]
    } finally {
      await close()
    }
  }

  beforeEach(() => {
    mkdirSync(path.join(directory, 'migrations'))
    const database = 'binding = "DB"\ndatabase_name = "local"\ndatabase_id = "local"'
    writeFileSync(
      path.join(directory, 'wrangler.toml'),
      `compatibility_date = "2026-08-03"\n[[d1_databases]]\n${database}\n`,
    )
  })

  it('continue after the last that wrangler applied, as wrangler does after them', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\n-- a comment; with a semicolon\n')
    expect(await migrated()).toEqual([['t1'], ['0001_one.sql']])

    addMigration('0002_two.sql', "create table t2 (x);\ninsert into t2 values ('a;b');\n")
    const where = ['--persist-to', directory, '--config', path.join(directory, 'wrangler.toml')]
    const wrangler = await runToEnd(['d1', 'migrations', 'apply', 'DB', '--local', ...where])
    addMigration('0003_three.sql', 'create table t3 (x);\ncreate index i3 on t3 (x);\n')

    expect(wrangler.code).toBe(0)
    expect(await migrated()).toEqual([
      ['t1', 't2', 't3'],
      ['0001_one.sql', '0002_two.sql', '0003_three.sql'],
    ])
  })

  it('are applied whole or not at all, and the next one waits', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\ninsert into nowhere values (1);\n')
    addMigration('0002_two.sql', 'create table t2 (x);\n')

    await expect(migrated()).rejects.toThrow('no such table: nowhere')
    addMigration('0001_one.sql', 'create table t1 (x);\n')

    expect(await migrated()).toEqual([
      ['t1', 't2'],
      ['0001_one.sql', '0002_two.sql'],
    ])
  })
})
