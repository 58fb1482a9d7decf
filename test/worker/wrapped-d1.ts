// A D1 binding around the real one: it counts the calls, and lets a test act around each.

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
  /** The SQL of each prepared statement. */
  statements: string[]
  /** The statements of each call. */
  batches: RecordedStatement[][]
}

export interface RecordedStatement {
  sql: string
  parameters: unknown[]
}

export function wrapD1(real: D1Database, around = passOn): WrappedD1 {
  let calls = 0
  const cost = { rowsRead: 0, rowsWritten: 0 }
  const sessions: (string | undefined)[] = []
  const statements: string[] = []
  const batches: RecordedStatement[][] = []
  const originals = new WeakMap<object, D1PreparedStatement>()
  const recorded = new WeakMap<object, RecordedStatement>()

  const statement = (
    original: D1PreparedStatement,
    sql: string,
    parameters: unknown[] = [],
  ): D1PreparedStatement => {
    const proxy = only(original, {
      bind: (...values: unknown[]) => statement(original.bind(...values), sql, values),
    })
    originals.set(proxy, original)
    recorded.set(proxy, { sql, parameters })
    return proxy
  }

  const session = (original: D1DatabaseSession): D1DatabaseSession => {
    // If the acknowledgement of a call is lost, the session learns no bookmark.
    let bookmark = original.getBookmark()
    const acknowledged = (results: D1Result[]): D1Result[] => {
      bookmark = original.getBookmark()
      return results
    }
    return only(original, {
      prepare: (query: string) => {
        statements.push(query)
        return statement(original.prepare(query), query)
      },
      batch: (batch: D1PreparedStatement[]) => {
        calls += 1
        batches.push(batch.flatMap((each) => recorded.get(each) ?? []))
        const asked = batch.map((each) => originals.get(each) ?? each)
        const call = async () => {
          const results = await original.batch(asked)
          for (const { meta } of results) {
            cost.rowsRead += meta.rows_read
            cost.rowsWritten += meta.rows_written
          }
          return results
        }
        return around(calls, call).then(acknowledged)
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
    ...{ db, sessions, statements, batches, calls: () => calls },
    ...{ rowsRead: () => cost.rowsRead, rowsWritten: () => cost.rowsWritten },
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

/** An error in the form in which D1 reports it. */
export function d1Error(message: string): Error {
  return new Error(`D1_ERROR: ${message}`, { cause: new Error(message) })
}
