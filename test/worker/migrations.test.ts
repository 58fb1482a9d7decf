// During a rollout the old code runs on the new schema; if the migration is late, the new code on
// the old schema (CONTRIBUTING.md: expand, migrate, contract).
import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { getTableConfig, SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { describe, expect, it, vi } from 'vitest'
import { applicationKeys, associations } from '../../src/storage/schema.ts'
import { issuing } from './application-keys.ts'
import {
  accessOf,
  accounts,
  accountsOf,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { planOf, type RecordedStatement, wrapD1 } from './wrapped-d1.ts'

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

const nobody = async () => ({})
const first = () => shopper('account-1')
const [one, two] = [accounts('account-1'), accounts('account-2')]
const [own, others] = [accountsOf('cart-1'), accountsOf('cart-2')]
const grant = { grant_type: 'implicit', client_id: 'client' }

type Asked = [
  what: string,
  status: number,
  caller: () => Promise<Record<string, string>>,
  method: string,
  path: string,
  body?: object,
]

/** Every operation that reads or writes, with fixed ids. */
const requests: Asked[] = [
  ['ready', 200, nobody, 'GET', '/readyz'],
  ['a token', 200, nobody, 'POST', '/oauth/access_token', grant],
  ['a claim', 200, first, 'POST', own, one],
  ['the same claim', 204, first, 'POST', own, one],
  ['two accounts', 200, server, 'POST', own, accounts('account-1', 'account-2')],
  ['another cart', 200, server, 'POST', others, two],
  ['a cart of others', 403, first, 'POST', others, one],
  ['a cart', 200, server, 'GET', cartOf('cart-1')],
  ['own cart', 200, first, 'GET', cartOf('cart-1')],
  ['who has it', 200, server, 'GET', accessOf('cart-1')],
  ['its accounts', 200, server, 'GET', own],
  ['own account', 200, first, 'GET', own],
  ['own carts', 200, first, 'GET', '/v2/carts'],
  ['carts of an account', 200, server, 'GET', cartsOf('account-2')],
  ['a removal', 204, first, 'DELETE', own, one],
  ['a new cart', 201, first, 'POST', '/v2/carts', { id: 'cart-3' }],
  ['the same cart', 200, first, 'POST', '/v2/carts', { id: 'cart-3' }],
  ['removing its own cart', 204, first, 'DELETE', cartOf('cart-3')],
  ['removing a cart of others', 403, first, 'DELETE', cartOf('cart-2')],
  ['removing any cart', 204, server, 'DELETE', cartOf('cart-1')],
  ['an export', 200, server, 'GET', erasureOf('account-2')],
  ['an erasure', 204, server, 'DELETE', erasureOf('account-2')],
]
const promised = Object.fromEntries(requests.map(([what, status]) => [what, status]))

/** Sends these requests at a fixed time, and records what the database is asked and answers. */
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
  const bindings = { ...issuing, DB: db, SHOPPER_RATE_LIMIT: undefined }
  const statuses: Record<string, number> = {}
  for (const [what, , caller, method, path, body] of requests) {
    const response = await sendJsonWith(bindings, method, path, await caller(), body)
    statuses[what] = response.status
  }
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

describe('the code', () => {
  it('sends D1 the statements that are recorded; vitest -u records new ones', async () => {
    const conversation = await converse(env.DB)

    expect(conversation.statuses).toEqual(promised)
    const text = `${JSON.stringify(conversation, null, 2)}\n`
    await expect(text).toMatchFileSnapshot(fileOf(newest))
  })

  it('runs on the schema before the newest', async () => {
    const before = newest === OLDEST ? migrations : migrations.slice(0, -1)
    await applyD1Migrations(env.TEST_PREVIOUS_DB, before)

    const { statuses } = await converse(env.TEST_PREVIOUS_DB)

    expect(statuses).toEqual(promised)
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

/** Plans that read no more rows than a cart, an account or a key has, or than the request named. */
const BOUNDED = [
  /^SEARCH associations USING PRIMARY KEY \(store_id=\? AND cart_id=\?/,
  /^SEARCH (associations|listed) USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\?/,
  /^SEARCH application_keys USING PRIMARY KEY \(client_id=\?\)/,
  /^SCAN (json_each VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\))/,
]
const BY_LAST_USE =
  /^SEARCH associations USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\? AND used_at>\?\)/

describe('the recorded statements', () => {
  // Not the first, of /readyz, which only looks for any row.
  const [, ...exchanges] = conversations[fileOf(newest)]?.exchanges ?? []
  const recorded = exchanges.flatMap(({ statements }) => statements)

  it('find their rows by a key or the index, and scan no table', async () => {
    for (const statement of recorded) {
      const plan = await planOf(statement)

      const reads = plan.filter((step) => /^(SCAN|SEARCH)/.test(step))
      const unbounded = reads.filter((step) => !BOUNDED.some((bounded) => bounded.test(step)))
      expect(reads, statement.sql).not.toEqual([])
      expect(unbounded, statement.sql).toEqual([])
    }
  })

  it('are two for a list of carts, in the order of the index', async () => {
    const order =
      'order by "associations"."used_at" desc, "associations"."cart_id" asc limit ?4 offset'
    const lists = exchanges.filter(({ statements }) => statements[0]?.sql.includes(order))
    const plans = await Promise.all(lists.flatMap(({ statements }) => statements).map(planOf))

    expect([lists.length, plans.length]).toEqual([2, 4])
    for (const plan of plans) expect(plan).toContainEqual(expect.stringMatching(BY_LAST_USE))
  })

  it('sort nothing but the accounts of a cart, and an export', async () => {
    const plans = await Promise.all(recorded.map(planOf))

    const sorted = recorded.filter((_, index) => plans[index]?.join().includes('TEMP B-TREE'))
    expect(sorted.map(({ sql }) => /order by "\w+"."(\w+)"/.exec(sql)?.[1])).toEqual([
      'created_at',
      'cart_id',
    ])
  })
})

async function query(sql: string, ...values: unknown[]): Promise<Record<string, unknown>[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all()
  return results
}

describe('the migrated tables', () => {
  it.each([associations, applicationKeys])(
    'have the columns and keys of schema.ts',
    async (table) => {
      const { name, columns, primaryKeys } = getTableConfig(table)
      const key = primaryKeys.flatMap((each) => each.columns.map((column) => column.name))

      const migrated = await query(
        'select name, type, "notnull", pk from pragma_table_info(?)',
        name,
      )

      expect(migrated).toEqual(
        columns.map((column) => ({
          name: column.name,
          type: column.getSQLType().toUpperCase(),
          notnull: Number(column.notNull),
          pk: column.primary ? 1 : 1 + key.indexOf(column.name),
        })),
      )
      const form = await query('select strict, wr from pragma_table_list where name = ?', name)
      expect(form).toEqual([{ strict: 1, wr: 1 }])
    },
  )

  it('have the one index of schema.ts', async () => {
    const { name, indexes } = getTableConfig(associations)
    const dialect = new SQLiteAsyncDialect()

    const migrated = await query(
      `select index_list.name as "index", index_xinfo.name, "desc"
        from pragma_index_list(?) as index_list, pragma_index_xinfo(index_list.name) as index_xinfo
        where origin = 'c' and key = 1 order by index_list.name, seqno`,
      name,
    )

    const declared = indexes.flatMap(({ config }) =>
      config.columns.map((column) => [config.name, dialect.sqlToQuery(sql`${column}`).sql]),
    )
    expect(
      migrated.map(({ index, name, desc }) => [
        index,
        `"associations"."${name}"${desc === 1 ? ' desc' : ''}`,
      ]),
    ).toEqual(declared)
  })

  it('refuse a digest that is not a SHA-256 in hex', async () => {
    const insert = query("insert into application_keys values ('c', 's', 'n', 'secret', 1)")

    await expect(insert).rejects.toThrow('CHECK constraint failed')
  })
})
