// The service, whose answers also say how many rows D1 has read and written for them, and its size.
import app from './app.js'

interface Meter {
  read: number
  written: number
  /** Bytes. */
  size: number
}

let metered: { bindings: object; meter: Meter } | undefined

/** For one request at a time. */
export default {
  async fetch(
    request: Request,
    env: { DB: D1Database },
    context: ExecutionContext,
  ): Promise<Response> {
    metered ??= attachMeter(env)
    const { bindings, meter } = metered
    meter.read = 0
    meter.written = 0
    const answer = await app.fetch(request, bindings, context)
    const response = new Response(answer.body, answer)
    response.headers.set('X-Rows', `${meter.read},${meter.written},${meter.size}`)
    return response
  },
}

function attachMeter(env: { DB: D1Database }) {
  const meter = { read: 0, written: 0, size: 0 }
  const withSession = (constraint?: string) => {
    const session = env.DB.withSession(constraint)
    return {
      prepare: (sql: string) => session.prepare(sql),
      batch: async (statements: D1PreparedStatement[]) => {
        const results = await session.batch(statements)
        for (const { meta } of results) {
          meter.read += meta.rows_read
          meter.written += meta.rows_written
          meter.size = meta.size_after
        }
        return results
      },
      getBookmark: () => session.getBookmark(),
    }
  }
  return { bindings: { ...env, DB: { withSession } }, meter }
}
