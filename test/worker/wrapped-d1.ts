// A D1 binding around the real one: it counts the calls, and lets a test act around each.
import { env } from 'cloudflare:workers'

/** Runs around one call to D1; numbers start at 1, and `call` makes the real call. */
export type Around = (number: number, call: () => Promise<D1Result[]>) => Promise<D1Result[]>

const passOn: Around = (_, call) => call()

/** Loses the acknowledgement of the first call. */
export const loseFirst: Around = async (number, call) => {
  const results = await call()
  if (number === 1) throw d1Error('Network connection lost.')
  return results
}

/** Fails every call in these words. */
export const failWith =
  (message: string): Around =>
  async () => {
    throw d1Error(message)
  }

export interface WrappedD1 {
  db: D1Database
  calls: () => number
  rowsRead: () => number
  rowsWritten: () => number
  /** The constraint or the bookmark that each session was opened with. */
  sessions: (string | undefined)[]
  /** The statements of each call. */
  batches: RecordedStatement[][]
}

export interface RecordedStatement {
  sql: string
  parameters: unknown[]
}

export function wrapD1(real: D1Database, around = passOn): WrappedD1 {
  const cost = { rowsRead: 0, rowsWritten: 0 }
  const sessions: (string | undefined)[] = []
  const batches: RecordedStatement[][] = []
  const originals = new WeakMap<object, RecordedStatement & { original: D1PreparedStatement }>()

  const statement = (
    original: D1PreparedStatement,
    sql: string,
    parameters: unknown[] = [],
  ): D1PreparedStatement => {
    const proxy = only(original, {
      bind: (...values: unknown[]) => statement(original.bind(...values), sql, values),
    })
    originals.set(proxy, { original, sql, parameters })
    return proxy
  }

  const session = (original: D1DatabaseSession): D1DatabaseSession => {
    // If the acknowledgement of a call is lost, the session learns no bookmark.
    let bookmark = original.getBookmark()
    return only(original, {
      prepare: (sql: string) => statement(original.prepare(sql), sql),
      // Not async: a fault may be thrown at once, before there is a promise.
      batch: (batch: D1PreparedStatement[]) => {
        const asked = batch.flatMap((each) => originals.get(each) ?? [])
        batches.push(asked.map(({ sql, parameters }) => ({ sql, parameters })))
        const call = async () => {
          const results = await original.batch(asked.map((each) => each.original))
          for (const { meta } of results) {
            cost.rowsRead += meta.rows_read
            cost.rowsWritten += meta.rows_written
          }
          return results
        }
        return around(batches.length, call).then((results) => {
          bookmark = original.getBookmark()
          return results
        })
      },
      getBookmark: () => bookmark,
    })
  }

  const db = only(real, {
    withSession: (constraint?: string) => {
      sessions.push(constraint)
      return session(real.withSession(constraint))
    },
  })
  return {
    db,
    sessions,
    batches,
    calls: () => batches.length,
    rowsRead: () => cost.rowsRead,
    rowsWritten: () => cost.rowsWritten,
  }
}

/** Returns the target, of which only these members may be used. */
function only<Target extends object>(target: Target, members: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      const member = members[String(name)]
      if (member === undefined) throw new Error(`Not wrapped: ${String(name)}`)
      return member
    },
  })
}

/** Returns the steps of SQLite's plan. */
export async function planOf({ sql, parameters }: RecordedStatement): Promise<string[]> {
  const { results } = await env.DB.prepare(`explain query plan ${sql}`)
    .bind(...parameters)
    .all<{ detail: string }>()
  return results.map(({ detail }) => detail)
}

/** An error in the form in which D1 reports it. */
export function d1Error(message: string): Error {
  return new Error(`D1_ERROR: ${message}`, { cause: new Error(message) })
}
