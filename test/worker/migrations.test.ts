// During a rollout the old code runs on the new schema; if the migration is late, the new code on
// the old schema (CONTRIBUTING.md: expand, migrate, contract).
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { issuing } from './application-keys.ts'
import { accounts, accountsOf, cartOf, cartsOf, erasureOf, sendJsonWith } from './requests.ts'
import { server, shopper } from './tokens.ts'
import { type RecordedStatement, wrapD1 } from './wrapped-d1.ts'

/** One round trip. */
interface Exchange {
  statements: RecordedStatement[]
  rows: unknown[][]
}

interface Conversation {
  /** The status of each response to a client. */
  statuses: Record<string, number>
  exchanges: Exchange[]
}

const ONE_KEY = `insert into application_keys (client_id, store_id, name, created_at)
  values ('client', 'demo', 'Test', 1)`.replaceAll('\n', ' ')
const NOW = new Date('2026-01-01T00:00:00Z')

/** Sends every operation that reads or writes, with fixed ids and times. */
async function converse(real: D1Database): Promise<Conversation> {
  const exchanges: Exchange[] = []
  const { db, batches } = wrapD1(real, async (_, call) => {
    const results = await call()
    const rows = results.map((result) => result.results)
    exchanges.push({ statements: batches.at(-1) ?? [], rows })
    return results
  })
  vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  let ids = 0
  vi.spyOn(crypto, 'randomUUID').mockImplementation(() => {
    ids += 1
    return `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`
  })
  await real.exec(ONE_KEY)
  const [first, asServer] = [await shopper('account-1'), await server()]
  const statuses: Record<string, number> = {}
  const ask = async (
    what: string,
    method: string,
    path: string,
    caller: Record<string, string>,
    body?: unknown,
  ): Promise<void> => {
    const bindings = { ...issuing, DB: db, SHOPPER_RATE_LIMIT: undefined }
    statuses[what] = (await sendJsonWith(bindings, method, path, caller, body)).status
  }

  const [own, others] = [accountsOf('cart-1'), accountsOf('cart-2')]
  const [one, two] = [accounts('account-1'), accounts('account-2')]
  await ask('ready', 'GET', '/readyz', {})
  const grant = { grant_type: 'implicit', client_id: 'client' }
  await ask('a token', 'POST', '/oauth/access_token', {}, grant)
  await ask('a claim', 'POST', own, first, one)
  await ask('the same claim', 'POST', own, first, one)
  await ask('two accounts', 'POST', own, asServer, accounts('account-1', 'account-2'))
  await ask('another cart', 'POST', others, asServer, two)
  await ask('a cart of others', 'POST', others, first, one)
  await ask('a cart', 'GET', cartOf('cart-1'), asServer)
  await ask('its accounts', 'GET', own, asServer)
  await ask('own carts', 'GET', '/v2/carts', first)
  await ask('carts of an account', 'GET', cartsOf('account-2'), asServer)
  await ask('a removal', 'DELETE', own, first, one)
  await ask('a new cart', 'POST', '/v2/carts', first, { id: 'cart-3' })
  await ask('the same cart', 'POST', '/v2/carts', first, { id: 'cart-3' })
  await ask('removing its own cart', 'DELETE', cartOf('cart-3'), first)
  await ask('removing a cart of others', 'DELETE', cartOf('cart-2'), first)
  await ask('removing any cart', 'DELETE', cartOf('cart-1'), asServer)
  await ask('an export', 'GET', erasureOf('account-2'), asServer)
  await ask('an erasure', 'DELETE', erasureOf('account-2'), asServer)
  vi.useRealTimers()
  vi.restoreAllMocks()
  return { statuses, exchanges }
}

/** Runs the recorded statements on a different database, and returns its rows. */
async function repeat(exchanges: Exchange[], db: D1Database): Promise<unknown[][][]> {
  await db.exec(ONE_KEY)
  const answers: unknown[][][] = []
  for (const { statements } of exchanges) {
    const batch = statements.map(({ sql, parameters }) => db.prepare(sql).bind(...parameters))
    answers.push((await db.batch(batch)).map(({ results }) => results))
  }
  return answers
}

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
