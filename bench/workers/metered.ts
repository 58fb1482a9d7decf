// The service, with a header that says how long its bundle took to load and how many rows D1 counted. If STUBBED
// is bound, there is no header, and a D1 that returns no rows at once: every association was there before.

/** Holds the rows of one request at a time. */
const meter = { read: 0, written: 0 }

let bundle: typeof import('./app.js') | undefined
let bindings: object | undefined

export default {
  async fetch(request, env, context): Promise<Response> {
    const startedAt = performance.now()
    bundle ??= await import('./app.js')
    const loadMs = performance.now() - startedAt
    // The same object at each request, as workerd's own.
    bindings ??= { ...env, DB: env.STUBBED === undefined ? metered(env.DB) : stubbed }
    Object.assign(meter, { read: 0, written: 0 })
    const served = await bundle.default.fetch(request, bindings, context)
    if (env.STUBBED !== undefined) return served
    const response = new Response(served.body, served)
    response.headers.set('X-Measured', [loadMs, meter.read, meter.written].join())
    return response
  },
} satisfies ExportedHandler<{ DB: D1Database; STUBBED?: string }>

function metered(database: D1Database) {
  return {
    withSession: (constraint?: string) => {
      const session = database.withSession(constraint)
      return {
        prepare: (sql: string) => session.prepare(sql),
        batch: async (statements: D1PreparedStatement[]) => {
          const results = await session.batch(statements)
          for (const { meta } of results) {
            meter.read += meta.rows_read
            meter.written += meta.rows_written
          }
          return results
        },
        getBookmark: () => session.getBookmark(),
      }
    },
  }
}

const nothing = { results: [], success: true, meta: {} }
const statement = { bind: () => statement }
const session = {
  prepare: () => statement,
  batch: async (statements: unknown[]) => statements.map(() => nothing),
  getBookmark: () => '00000000-00000000-00000000-00000000000000000000000000000000',
}
const stubbed = { withSession: () => session }
