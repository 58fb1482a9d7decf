// The service, with a header that says how many rows D1 counted for the response.
import app from './app.js'

interface MeteredStatement {
  native: D1PreparedStatement
  bind: (...values: unknown[]) => MeteredStatement
  all: () => Promise<D1Result>
  run: () => Promise<D1Result>
}

/** Holds the figures of one request at a time. */
const meter = { read: 0, written: 0 }

let bindings: object | undefined

export default {
  async fetch(
    request: Request,
    env: { DB: D1Database },
    context: ExecutionContext,
  ): Promise<Response> {
    bindings ??= { ...env, DB: meteredDatabase(env.DB) }
    meter.read = 0
    meter.written = 0
    const served = await app.fetch(request, bindings, context)
    const response = new Response(served.body, served)
    response.headers.set('X-Rows', `${meter.read},${meter.written}`)
    return response
  },
}

function meteredDatabase(database: D1Database) {
  return {
    withSession: (constraint?: string) => {
      const session = database.withSession(constraint)
      return {
        prepare: (sql: string) => metered(session.prepare(sql)),
        batch: async (statements: MeteredStatement[]) =>
          (await session.batch(statements.map(({ native }) => native))).map(counted),
        getBookmark: () => session.getBookmark(),
      }
    },
  }
}

function metered(native: D1PreparedStatement): MeteredStatement {
  return {
    native,
    bind: (...values) => metered(native.bind(...values)),
    all: async () => counted(await native.all()),
    run: async () => counted(await native.run()),
  }
}

function counted(result: D1Result): D1Result {
  meter.read += result.meta.rows_read
  meter.written += result.meta.rows_written
  return result
}
