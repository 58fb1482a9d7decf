// A peer: Fastify with PostgreSQL over a pool of connections, in a schema that it makes and drops.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import { escapeIdentifier, Pool } from 'pg'
import {
  ApiError,
  type ApplicationKey,
  type Authority,
  accountIdsOf,
  accountsDocument,
  type Caller,
  type Cart,
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

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the routes under `/v2` alone. */
    caller: Caller
  }
}

// A statement with a name is prepared once a connection.
const ASSOCIATE = {
  name: 'associate',
  text: 'select associate($1, $2, $3, $4, $5, $6, $7) as outcome',
}
/** A page, its rows as one JSON value, and how many there are: one round trip. */
const LIST = {
  name: 'list',
  text: `
    select
      (select count(*)::int from (
        select from associations where store_id = $1 and account_id = $2 limit ${MAX_COUNTED}
      ) as counted) as total,
      (select coalesce(json_agg(page), '[]') from (
        select cart_id as "cartId", created_at as "createdAt" from associations
        where store_id = $1 and account_id = $2
        order by created_at desc, cart_id limit $3 offset $4
      ) as page) as carts`,
}
const FIND_KEY = {
  name: 'find-key',
  text: `
    select store_id as "storeId", secret_digest as "secretDigest"
    from application_keys where client_id = $1`,
}

const TABLES = path.join(import.meta.dirname, 'postgres-tables.sql')

/** The five operations of the benchmark. */
export function fastifyPeer(authority: Authority, pool: Pool): FastifyInstance {
  const app = fastify({ forceCloseConnections: true })

  app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
    const answer = toApiError(error)
    if (answer.status === 500) console.error(error)
    if (answer.status === 401) reply.header('WWW-Authenticate', 'Bearer error="invalid_token"')
    return reply.status(answer.status).send(errorDocument(answer))
  })

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  )

  app.register(
    async (v2) => {
      v2.decorateRequest('caller')
      v2.addHook('onRequest', async (request) => {
        const { authorization, 'ep-account-management-authentication-token': token } =
          request.headers
        request.caller = await callerOf(authority, authorization, String(token ?? ''))
      })

      v2.post<{ Params: { cartID: string } }>(
        '/carts/:cartID/relationships/accounts',
        async ({ caller, params, body }, reply) => {
          const cart = cartIdOf(params.cartID)
          const ids = accountIdsOf(caller, body)
          const shared = caller.accountId === undefined
          const { storeId, subject } = caller
          const values = [storeId, cart, ids, Date.now(), subject, randomUUID(), shared]
          const { rows } = await pool.query<{ outcome: string }>({ ...ASSOCIATE, values })
          const outcome = rows[0]?.outcome
          if (outcome === 'taken') throw notPermitted()
          return outcome === 'created' ? accountsDocument(ids) : reply.status(204).send()
        },
      )

      v2.get<{ Querystring: Record<string, string> }>(
        '/carts',
        async ({ caller, query, protocol, host, url }) => {
          const account = listedAccount(caller, query['filter'])
          const page = pageOf(query)
          const values = [caller.storeId, account, page.limit, page.offset]
          const { rows } = await pool.query<{ total: number; carts: Cart[] }>({ ...LIST, values })
          const { total, carts } = rows[0] ?? { total: 0, carts: [] }
          return cartsDocument(`${protocol}://${host}${url}`, account, page, total, carts)
        },
      )
    },
    { prefix: '/v2' },
  )

  app.post('/oauth/access_token', async ({ body }, reply) => {
    const request = tokenRequestOf(body)
    const { rows } = await pool.query<ApplicationKey>({ ...FIND_KEY, values: [request.client_id] })
    reply.header('Cache-Control', 'no-store')
    return await grantToken(authority, request, rows[0])
  })

  return app
}

/** Fastify's own errors, such as of a body that is not JSON, say their status. */
function toApiError(error: Error & { statusCode?: number }): ApiError {
  if (error instanceof ApiError) return error
  const { statusCode = 500 } = error
  return statusCode < 500
    ? new ApiError(400, 'Bad Request', { detail: error.message })
    : new ApiError(500, 'Internal Server Error')
}

if (import.meta.main) {
  // PGHOST and the others say which server; PGOPTIONS has the schema as the search path.
  const { SCHEMA = '', CLIENT_ID = '' } = process.env
  const schema = escapeIdentifier(SCHEMA)
  // Connections that nobody uses for a while stay: the processes of the server are measured.
  const pool = new Pool({ idleTimeoutMillis: 0 })
  const app = fastifyPeer(await loadAuthority(process.env), pool)
  const serving = serve()
  process.once('SIGINT', async () => {
    await serving.catch(() => undefined)
    await app.close()
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
    process.exit()
  })
  const url = await serving
  process.stdout.write(`${JSON.stringify({ url })}\n`)

  async function serve(): Promise<string> {
    // Several statements in one query are one transaction: all of the schema, or none.
    await pool.query(`create schema ${schema};\n${readFileSync(TABLES, 'utf8')}`)
    const insert = "insert into application_keys values ($1, 'proofs', 'Benchmark', null, 0)"
    await pool.query(insert, [CLIENT_ID])
    const clients = Array.from({ length: pool.options.max }, () => pool.connect())
    for (const client of await Promise.all(clients)) client.release()
    return await app.listen({ host: '127.0.0.1', port: 0 })
  }
}
