// A D1 binding in front of the real one: it counts the calls, and lets a test act around each.

/** Stands around one call to D1, the first being number 1; `call` makes it for real. */
export type Around = (number: number, call: () => Promise<D1Result[]>) => Promise<D1Result[]>

export interface WrappedD1 {
  db: D1Database
  calls: () => number
  /** What each session was opened with: a constraint, or a bookmark. */
  sessions: (string | undefined)[]
  /** The SQL of each statement that was prepared. */
  statements: string[]
}

export function wrapD1(real: D1Database, around: Around): WrappedD1 {
  let calls = 0
  const sessions: (string | undefined)[] = []
  const statements: string[] = []
  const originals = new WeakMap<object, D1PreparedStatement>()

  const statement = (original: D1PreparedStatement): D1PreparedStatement => {
    const proxy = only(original, {
      bind: (...values: unknown[]) => statement(original.bind(...values)),
    })
    originals.set(proxy, original)
    return proxy
  }

  const session = (original: D1DatabaseSession): D1DatabaseSession =>
    only(original, {
      prepare: (query: string) => {
        statements.push(query)
        return statement(original.prepare(query))
      },
      batch: (batch: D1PreparedStatement[]) => {
        calls += 1
        return around(calls, () => original.batch(batch.map((each) => originals.get(each) ?? each)))
      },
      getBookmark: () => original.getBookmark(),
    })

  const db = only(real, {
    withSession: (constraint?: string) => {
      sessions.push(constraint)
      return session(real.withSession(constraint))
    },
  })
  return { db, calls: () => calls, sessions, statements }
}

/** The target, of which these members alone may be used. */
function only<Target extends object>(target: Target, members: Record<string, unknown>): Target {
  return new Proxy(target, {
    get(_, name) {
      const member = members[String(name)]
      if (member === undefined) throw new Error(`Not wrapped: ${String(name)}`)
      return member
    },
  })
}

/** As D1 reports its errors. */
export function d1Error(message: string): Error {
  return new Error(`D1_ERROR: ${message}`, { cause: new Error(message) })
}
