// During a rollout the old code runs on the new schema; if the migration is late, the new code on
// the old schema (CONTRIBUTING.md: expand, migrate, contract).
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Conversation, converse, repeat } from './conversation.ts'

/** The oldest schema whose code may still run. A contract step raises it and deletes recordings. */
const OLDEST = '0002_application_keys.sql'

/** The recorded statements and rows of each schema's code, by the name of its newest migration. */
const conversations = import.meta.glob<Conversation>('./conversations/*.json', {
  eager: true,
  import: 'default',
})

const migrations = env.TEST_MIGRATIONS
const newest = migrations.at(-1)?.name ?? ''
const fileOf = (migration: string): string =>
  `./conversations/${migration.replace('.sql', '.json')}`

async function dropTables(db: D1Database): Promise<void> {
  const { results } = await db
    .prepare(
      `select name from sqlite_master
        where type = 'table' and name not like 'sqlite!_%' escape '!' and name not like '!_cf!_%' escape '!'`,
    )
    .all<{ name: string }>()
  for (const { name } of results) await db.exec(`drop table "${name}"`)
}

const asPromised = {
  ready: 200,
  'a token': 200,
  'a claim': 200,
  'the same claim': 204,
  'two accounts': 200,
  'another cart': 200,
  'a cart of others': 403,
  'a cart': 200,
  'its accounts': 200,
  'own carts': 200,
  'carts of an account': 200,
  'a removal': 204,
  'a new cart': 201,
  'the same cart': 200,
  'removing its own cart': 204,
  'removing a cart of others': 403,
  'removing any cart': 204,
  'an export': 200,
  'an erasure': 204,
}

describe('the code', () => {
  it('sends D1 the statements that are recorded; vitest -u records new ones', async () => {
    const conversation = await converse(env.DB)

    expect(conversation.statuses).toEqual(asPromised)
    const text = `${JSON.stringify(conversation, null, 2)}\n`
    await expect(text).toMatchFileSnapshot(fileOf(newest))
  })

  it('runs on the schema before the newest', async () => {
    const before = newest === OLDEST ? migrations : migrations.slice(0, -1)
    await applyD1Migrations(env.TEST_PREVIOUS_DB, before)

    const { statuses } = await converse(env.TEST_PREVIOUS_DB)

    expect(statuses).toEqual(asPromised)
  })
})

describe('the newest schema', () => {
  it.each(Object.entries(conversations))(
    'returns what the code of each schema expects: %s',
    async (_, { exchanges }) => {
      const db = env.TEST_REPEATED_DB
      await dropTables(db)
      await applyD1Migrations(db, migrations)

      const answers = await repeat(exchanges, db)

      expect(answers).toEqual(exchanges.map(({ rows }) => rows))
    },
  )

  it('is recorded, like every schema whose code may still run', () => {
    const since = migrations.slice(migrations.findIndex(({ name }) => name === OLDEST))

    expect(Object.keys(conversations)).toEqual(since.map(({ name }) => fileOf(name)))
  })
})
