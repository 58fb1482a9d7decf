// The service, and at /queries how often strangers have made it ask the database.
import app from './app.js'

/** Counts queries of application keys: strangers cause no others. */
let queries = 0

let bindings: object | undefined

export default {
  async fetch(
    request: Request,
    env: { DB: D1Database },
    context: ExecutionContext,
  ): Promise<Response> {
    if (new URL(request.url).pathname === '/queries') return Response.json(queries)
    bindings ??= { ...env, DB: { withSession: counted(env.DB) } }
    return await app.fetch(request, bindings, context)
  },
}

/** `/readyz` names this table too, and the requests of shoppers do not. */
function counted(database: D1Database) {
  return (constraint?: string) => {
    const session = database.withSession(constraint)
    return {
      prepare: (sql: string) => {
        if (sql.includes('application_keys')) queries += 1
        return session.prepare(sql)
      },
      batch: (statements: D1PreparedStatement[]) => session.batch(statements),
      getBookmark: () => session.getBookmark(),
    }
  }
}
