import { env } from 'cloudflare:workers'
import { sql } from 'drizzle-orm'
import { getTableConfig, SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { applicationKeys, associations } from '../../src/storage/schema.ts'
import { issuing, storedKey } from './application-keys.ts'
import {
  accounts,
  accountsOf,
  associate,
  type Changes,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { type RecordedStatement, wrapD1 } from './wrapped-d1.ts'

const [cart, account] = [uniqueId('cart'), uniqueId('account')]
const callers = { server, shopper: () => shopper(account) }
const tokenRequest = async () => {
  const { clientId, secret } = await storedKey('confidential')
  return { grant_type: 'client_credentials', client_id: clientId, client_secret: secret }
}
const named = async () => accounts(account)
const none = async () => undefined

beforeAll(async () => {
  await associate(cart, await server(), account)
})

type Asked = [
  caller: keyof typeof callers,
  method: string,
  path: string,
  body: () => Promise<unknown>,
]

/** Every operation that queries the database, except /readyz, which only looks for any row. */
const operations: [name: string, Asked][] = [
  ['a list of carts, by a server', ['server', 'GET', cartsOf(account), none]],
  ['a list of carts, by a shopper', ['shopper', 'GET', '/v2/carts?page[offset]=20', none]],
  ['a single cart, by a server', ['server', 'GET', cartOf(cart), none]],
  ['a single cart, by a shopper', ['shopper', 'GET', cartOf(cart), none]],
  ['a list of accounts, by a server', ['server', 'GET', accountsOf(cart), none]],
  ['a list of accounts, by a shopper', ['shopper', 'GET', accountsOf(cart), none]],
  ['a new association, by a server', ['server', 'POST', accountsOf(uniqueId('cart')), named]],
  ['a new association, by a shopper', ['shopper', 'POST', accountsOf(uniqueId('cart')), named]],
  ['a repeated association, by a server', ['server', 'POST', accountsOf(cart), named]],
  ['a repeated association, by a shopper', ['shopper', 'POST', accountsOf(cart), named]],
  ['a new cart, by a shopper', ['shopper', 'POST', '/v2/carts', none]],
  ['an export', ['server', 'GET', erasureOf(account), none]],
  ['a dissociation, by a server', ['server', 'DELETE', accountsOf(cart), named]],
  ['a dissociation, by a shopper', ['shopper', 'DELETE', accountsOf(cart), named]],
  ['a removal, by a server', ['server', 'DELETE', cartOf(uniqueId('cart')), none]],
  ['a removal, by a shopper', ['shopper', 'DELETE', cartOf(uniqueId('cart')), none]],
  ['an erasure', ['server', 'DELETE', erasureOf(account), none]],
  ['a token request', ['server', 'POST', '/oauth/access_token', tokenRequest]],
]

/** Sends the request, and returns SQLite's plan of each of its statements. */
async function plansOf([caller, method, path, body]: Asked): Promise<string[][]> {
  const { db, batches } = wrapD1(env.DB)
  const changes: Changes = { ...issuing, DB: db }
  const { ok } = await sendJsonWith(changes, method, path, await callers[caller](), await body())
  expect(ok).toBe(true)
  return await Promise.all(batches.flat().map(planOf))
}

async function planOf({ sql, parameters }: RecordedStatement): Promise<string[]> {
  const { results } = await env.DB.prepare(`explain query plan ${sql}`)
    .bind(...parameters)
    .all<{ detail: string }>()
  return results.map(({ detail }) => detail)
}

/** Plans that read no more rows than a cart, an account or a key has, or than the request named. */
const BOUNDED = [
  /^SEARCH associations USING PRIMARY KEY \(store_id=\? AND cart_id=\?/,
  /^SEARCH (associations|listed) USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\?/,
  /^SEARCH application_keys USING PRIMARY KEY \(client_id=\?\)/,
  /^SCAN (json_each VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\))/,
]

describe.each(operations)('the statements of %s', (_, asked) => {
  it('find their rows by the primary key or the index, and scan no table', async () => {
    const plans = await plansOf(asked)

    const reads = plans.flat().filter((step) => /^(SCAN|SEARCH)/.test(step))
    expect(reads).not.toEqual([])
    expect(reads.filter((step) => !BOUNDED.some((bounded) => bounded.test(step)))).toEqual([])
  })
})

describe('the statements of a list of carts', () => {
  it.each(['server', 'shopper'] as const)(
    'are two, in the order of the index: %s',
    async (caller) => {
      const path = caller === 'server' ? cartsOf(account) : '/v2/carts'
      const plans = await plansOf([caller, 'GET', path, none])

      expect(plans).toHaveLength(2)
      for (const plan of plans) {
        expect(plan).toContainEqual(
          expect.stringMatching(
            /^SEARCH associations USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\? AND used_at>\?\)/,
          ),
        )
        expect(plan.join('\n')).not.toMatch(/TEMP B-TREE|SCAN associations/)
      }
    },
  )
})

describe('the statements of an erasure', () => {
  it('scan and sort nothing', async () => {
    const steps = (await plansOf(['server', 'DELETE', erasureOf(account), none])).flat()

    expect(steps).toHaveLength(4)
    expect(steps.join('\n')).not.toMatch(/SCAN|TEMP B-TREE/)
  })
})

async function query<Row>(sql: string, ...values: unknown[]): Promise<Row[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all<Row>()
  return results
}

describe('the migrated table of application keys', () => {
  const { name, columns } = getTableConfig(applicationKeys)

  it('has the columns and types of schema.ts, nullable if the schema says so', async () => {
    const migrated = await query<{ name: string; type: string; notnull: number; pk: number }>(
      'select name, type, "notnull", pk from pragma_table_info(?)',
      name,
    )

    expect(migrated).toEqual(
      columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        notnull: column.notNull ? 1 : 0,
        pk: column.primary ? 1 : 0,
      })),
    )
    expect(migrated.map((column) => column.name)).toEqual([
      'client_id',
      'store_id',
      'name',
      'secret_digest',
      'created_at',
    ])
  })

  it('refuses a digest that is not a SHA-256 in hex', async () => {
    await expect(
      query("insert into application_keys values ('c', 's', 'n', 'secret', 1)"),
    ).rejects.toThrow('CHECK constraint failed')
  })
})

describe('the migrated table', () => {
  const { name, columns, primaryKeys, indexes } = getTableConfig(associations)

  it('has the columns of schema.ts, with the same types, none of them nullable', async () => {
    const migrated = await query<{ name: string; type: string; notnull: number }>(
      'select name, type, "notnull" from pragma_table_info(?)',
      name,
    )

    expect(migrated).toEqual(
      columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        notnull: column.notNull ? 1 : 0,
      })),
    )
    expect(migrated.filter(({ notnull }) => notnull !== 1)).toEqual([])
  })

  it('has the primary key of schema.ts', async () => {
    const migrated = await query<{ name: string }>(
      'select name from pragma_table_info(?) where pk > 0 order by pk',
      name,
    )

    expect(migrated.map((column) => column.name)).toEqual(
      primaryKeys.flatMap((key) => key.columns.map((column) => column.name)),
    )
    expect(migrated.map((column) => column.name)).toEqual(['store_id', 'cart_id', 'account_id'])
  })

  it('has the one index of schema.ts, last used first', async () => {
    const [index] = indexes
    const migrated = await query<{ name: string }>(
      "select name from pragma_index_list(?) where origin = 'c'",
      name,
    )
    const columnsOfIndex = await query<{ name: string; desc: number }>(
      'select name, "desc" from pragma_index_xinfo(?) where key = 1 order by seqno',
      index?.config.name,
    )
    const dialect = new SQLiteAsyncDialect()
    const declared = index?.config.columns.map((column) => dialect.sqlToQuery(sql`${column}`).sql)

    expect(indexes).toHaveLength(1)
    expect(migrated).toEqual([{ name: index?.config.name }])
    expect(columnsOfIndex).toEqual([
      { name: 'store_id', desc: 0 },
      { name: 'account_id', desc: 0 },
      { name: 'used_at', desc: 1 },
      { name: 'cart_id', desc: 0 },
    ])
    expect(declared).toEqual([
      '"associations"."store_id"',
      '"associations"."account_id"',
      '"associations"."used_at" desc',
      '"associations"."cart_id"',
    ])
  })

  it('is strict and has no rowid', async () => {
    expect(await query('select strict, wr from pragma_table_list where name = ?', name)).toEqual([
      { strict: 1, wr: 1 },
    ])
  })
})
