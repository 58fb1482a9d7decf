// A peer: Hono on Node, over a SQLite file of its own by the driver that Node has.
import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import {
  ApiError,
  type ApplicationKey,
  type Authority,
  accountIdsOf,
  accountsDocument,
  type Caller,
  callerOf,
  cartIdOf,
  cartsDocument,
  errorDocument,
  grantToken,
  listedAccount,
  loadAuthority,
  MAX_COUNTED,
  notPermitted,
  pageOf,
  tokenRequestOf,
} from './rules.ts'

const MIGRATIONS = path.resolve(import.meta.dirname, '../../migrations')

// SQLite has no boolean: 0 and 1.
const INSERT = `
  insert into associations (store_id, cart_id, account_id, created_at, created_by, request_id)
  select $store, $cart, value, $now, $subject, $request from json_each($accounts)
  where $shared or not exists (select 1 from associations where store_id = $store and cart_id = $cart)
  on conflict (store_id, cart_id, account_id) do nothing returning account_id`
const COUNT_PRESENT = `
  select count(*) as present from associations
  where store_id = $store and cart_id = $cart and account_id in (select value from json_each($accounts))`
const LIST = `
  select cart_id, created_at from associations where store_id = $store and account_id = $account
  order by created_at desc, cart_id limit $limit offset $offset`
const COUNT = `
  select count(*) as total from (
    select 1 from associations where store_id = $store and account_id = $account limit ${MAX_COUNTED})`
const FIND_KEY = 'select store_id, secret_digest from application_keys where client_id = ?'

/** The database in this file, with the tables of the service. */
export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  database.exec('pragma journal_mode = wal; pragma synchronous = full')
  for (const name of readdirSync(MIGRATIONS).toSorted()) {
    database.exec(readFileSync(path.join(MIGRATIONS, name), 'utf8'))
  }
  return database
}

/** The five operations of the benchmark. */
export function honoPeer(authority: Authority, database: DatabaseSync) {
  const insert = database.prepare(INSERT)
  const countPresent = database.prepare(COUNT_PRESENT)
  const list = database.prepare(LIST)
  const count = database.prepare(COUNT)
  const findKey = database.prepare(FIND_KEY)

  const app = new Hono<{ Variables: { caller: Caller } }>()

  app.onError((error, c) => {
    if (error instanceof ApiError) {
      if (error.status === 401) c.header('WWW-Authenticate', 'Bearer error="invalid_token"')
      return c.json(errorDocument(error), error.status)
    }
    // A body that is not JSON.
    if (error instanceof SyntaxError) {
      return c.json(errorDocument(new ApiError(400, 'Bad Request')), 400)
    }
    console.error(error)
    return c.json(errorDocument(new ApiError(500, 'Internal Server Error')), 500)
  })

  app.use('/v2/*', async (c, next) => {
    const accountToken = c.req.header('EP-Account-Management-Authentication-Token')
    c.set('caller', await callerOf(authority, c.req.header('Authorization'), accountToken))
    await next()
  })

  app.post('/v2/carts/:cartID/relationships/accounts', async (c) => {
    const { caller } = c.var
    const cart = cartIdOf(c.req.param('cartID'))
    const ids = accountIdsOf(caller, await c.req.json())
    const rows = { store: caller.storeId, cart, accounts: JSON.stringify(ids) }
    const inserted = insert.all({
      ...rows,
      now: Date.now(),
      subject: caller.subject,
      request: randomUUID(),
      shared: caller.accountId === undefined ? 1 : 0,
    })
    if (inserted.length > 0) return c.json(accountsDocument(ids))
    // Nothing comes between the two statements: both are synchronous, in the only process there is.
    if (countPresent.get(rows)?.['present'] === ids.length) return c.body(null, 204)
    throw notPermitted()
  })

  app.get('/v2/carts', (c) => {
    const { caller } = c.var
    const account = listedAccount(caller, c.req.query('filter'))
    const page = pageOf(c.req.query())
    const rows = { store: caller.storeId, account }
    const carts = list
      .all({ ...rows, ...page })
      .map((row) => ({ cartId: String(row['cart_id']), createdAt: Number(row['created_at']) }))
    const total = Number(count.get(rows)?.['total'])
    return c.json(cartsDocument(c.req.url, account, page, total, carts))
  })

  app.post('/oauth/access_token', async (c) => {
    const request = tokenRequestOf(await c.req.parseBody())
    const client = keyOf(findKey.get(request.client_id))
    c.header('Cache-Control', 'no-store')
    return c.json(await grantToken(authority, request, client))
  })

  return app
}

function keyOf(row: Record<string, unknown> | undefined): ApplicationKey | undefined {
  if (row === undefined) return undefined
  const { store_id: storeId, secret_digest: digest } = row
  return { storeId: String(storeId), secretDigest: typeof digest === 'string' ? digest : null }
}

if (import.meta.main) {
  const { DATABASE = '', CLIENT_ID = '' } = process.env
  const database = openDatabase(DATABASE)
  database
    .prepare("insert into application_keys values (?, 'proofs', 'Benchmark', null, 0)")
    .run(CLIENT_ID)
  const { fetch } = honoPeer(await loadAuthority(process.env), database)
  serve({ fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
    process.stdout.write(`{"url":"http://127.0.0.1:${port}"}\n`)
  })
}
