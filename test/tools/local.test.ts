import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { openLocalDatabases } from '../../tools/lib/local-databases.ts'
import { runToEnd } from '../../tools/lib/wrangler.ts'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { newDirectory } from './finished.ts'

let devVars: string
beforeEach(() => {
  devVars = path.join(newDirectory(), '.dev.vars')
})

describe('the local settings', () => {
  it('add a key pair to a file that has other settings, and keep those', async () => {
    writeFileSync(devVars, 'CORS_ORIGINS=https://shop.example\n', { mode: 0o644 })

    const { signingKey } = await localSettings(devVars)

    const { CORS_ORIGINS, AUTH_JWKS = '' } = parseEnv(readFileSync(devVars, 'utf8'))
    expect(CORS_ORIGINS).toBe('https://shop.example')
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
  })

  it('add to a file whose last line has no end', async () => {
    writeFileSync(devVars, 'CORS_ORIGINS=*')

    await localSettings(devVars)

    expect(readFileSync(devVars, 'utf8')).toMatch(/^CORS_ORIGINS=\*\n# Made by npm start/)
  })

  it('add to a copy of .dev.vars.example', async () => {
    copyFileSync(path.join(projectRoot, '.dev.vars.example'), devVars)

    const made = await localSettings(devVars)

    expect(await localSettings(devVars)).toMatchObject({ signingKey: { kid: made.signingKey.kid } })
  })

  it('are read again as they were made', async () => {
    const made = await localSettings(devVars)

    const again = await localSettings(devVars)

    expect(again.signingKey.kid).toBe(made.signingKey.kid)
  })

  it('let the file override the variables of wrangler.toml', async () => {
    writeFileSync(devVars, 'AUTH_ISSUER=https://issuer.example\n')

    expect(await localSettings(devVars)).toMatchObject({ issuer: 'https://issuer.example' })
  })

  it('say in one line that the file cannot be written', async () => {
    const nowhere = path.join(path.dirname(devVars), 'nowhere', '.dev.vars')

    await expect(localSettings(nowhere)).rejects.toThrow(`${nowhere} cannot be written: ENOENT`)
  })

  it('have no issuer of account tokens if those have keys of their own', async () => {
    writeFileSync(devVars, 'ACCOUNT_ISSUER=https://identity.example\n')
    expect(await localSettings(devVars)).toMatchObject({
      accountIssuer: 'https://identity.example',
    })

    appendFileSync(devVars, `ACCOUNT_JWKS='{"keys":[]}'\n`)
    expect(await localSettings(devVars)).toMatchObject({ accountIssuer: undefined })
  })

  const key = '{"kid":"a","alg":"ES256","kty":"EC","d":"AA"}'
  it.each([
    { text: "AUTH_JWKS='{'", error: 'AUTH_JWKS in .dev.vars is malformed' },
    { text: `AUTH_JWKS=[]\nAUTH_SIGNING_JWK='{}'`, error: 'AUTH_JWKS in .dev.vars is malformed' },
    {
      text: `AUTH_JWKS='{"keys":[${key}]}'`,
      error: '.dev.vars has no AUTH_SIGNING_JWK beside its other key',
    },
    { text: `AUTH_SIGNING_JWK='${key}'`, error: '.dev.vars has no AUTH_JWKS beside its other key' },
    {
      text: `AUTH_JWKS='{"keys":[]}'\nAUTH_SIGNING_JWK='{}'`,
      error: 'AUTH_SIGNING_JWK in .dev.vars is malformed',
    },
    {
      text: `AUTH_JWKS='{"keys":[]}'\nAUTH_SIGNING_JWK='${key}'`,
      error: 'AUTH_JWKS in .dev.vars lacks the key of AUTH_SIGNING_JWK',
    },
    {
      text: `AUTH_JWKS='{"keys":[${key}]}'\nAUTH_SIGNING_JWK='${key}'`,
      error: 'AUTH_SIGNING_JWK in .dev.vars is not a key for ES256',
    },
    {
      text: `AUTH_JWKS='{"keys":[${key}]}'\nAUTH_SIGNING_JWK='{"kid":"a","alg":"ES256","kty":"EC"}'`,
      error: 'AUTH_SIGNING_JWK in .dev.vars is malformed',
    },
  ])('say in one line what is wrong: $error', async ({ text, error }) => {
    writeFileSync(devVars, `${text}\n`)

    await expect(localSettings(devVars)).rejects.toThrow(
      `${error.replace('.dev.vars', devVars)}: correct it, or delete the file and npm start makes a new one`,
    )
  })
})

let directory: string
let choice: { config: string; 'persist-to': string }
beforeEach(() => {
  directory = newDirectory()
  choice = { config: path.join(directory, 'wrangler.toml'), 'persist-to': directory }
  mkdirSync(path.join(directory, 'migrations'))
  writeFileSync(
    choice.config,
    `compatibility_date = "2026-08-03"
[[d1_databases]]
binding = "DB"
database_name = "local"
database_id = "local"
`,
  )
})

const addMigration = (name: string, sql: string): void =>
  writeFileSync(path.join(directory, 'migrations', name), sql)

/** Migrates, and returns the names of the tables and of the migrations that were applied. */
async function migrated(): Promise<{ tables: unknown[]; migrations: unknown[] }> {
  const { bindings, migrate, close } = await openLocalDatabases(choice)
  try {
    await migrate()
    const namesIn = async (sql: string) => {
      const { results } = await bindings.DB.prepare(sql).all()
      return results.map(({ name }) => name)
    }
    return {
      tables: await namesIn("select name from sqlite_master where name like 't_' order by name"),
      migrations: await namesIn('select name from d1_migrations order by id'),
    }
  } finally {
    await close()
  }
}

describe('the migrations of the local databases', () => {
  it('continue after the last that wrangler applied, as wrangler does after them', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\n-- a comment; with a semicolon\n')
    expect(await migrated()).toEqual({ tables: ['t1'], migrations: ['0001_one.sql'] })

    addMigration('0002_two.sql', "create table t2 (x);\ninsert into t2 values ('a;b');\n")
    const args = ['--local', '--persist-to', directory, '--config', choice.config]
    const wrangler = await runToEnd(['d1', 'migrations', 'apply', 'DB', ...args])
    addMigration('0003_three.sql', 'create table t3 (x);\ncreate index i3 on t3 (x);\n')

    expect(wrangler.code).toBe(0)
    expect(await migrated()).toEqual({
      tables: ['t1', 't2', 't3'],
      migrations: ['0001_one.sql', '0002_two.sql', '0003_three.sql'],
    })
  })

  it('are applied whole or not at all, and the next one waits', async () => {
    addMigration('0001_one.sql', 'create table t1 (x);\ninsert into nowhere values (1);\n')
    addMigration('0002_two.sql', 'create table t2 (x);\n')

    await expect(migrated()).rejects.toThrow('no such table: nowhere')
    addMigration('0001_one.sql', 'create table t1 (x);\n')

    expect(await migrated()).toEqual({
      tables: ['t1', 't2'],
      migrations: ['0001_one.sql', '0002_two.sql'],
    })
  })
})
