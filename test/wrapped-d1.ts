// A D1 binding in front of the real one: it counts the calls, and lets a test act around each.

/** Stands around one call to D1, the first being number 1; `call` makes it for real. */
export type Around = (number: number, call: () => Promise<D1Result[]>) => Promise<D1Result[]>

export interface WrappedD1 {
  db: D1Database
  calls: () => number
}

export function wrapD1(real: D1Database, around: Around): WrappedD1 {
  let calls = 0
  const originals = new WeakMap<object, D1PreparedStatement>()

  const through = (call: () => Promise<D1Result[]>): Promise<D1Result[]> => {
    calls += 1
    return around(calls, call)
  }

  const statement = (original: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(original, {
      get(target, name) {
        if (name === 'bind') return (...values: unknown[]) => statement(target.bind(...values))
        if (name !== 'run') throw new Error(`Not wrapped: ${String(name)}`)
        return async () => {
          const [result] = await through(async () => [await target.run()])
          return result
        }
      },
    })
    originals.set(proxy, original)
    return proxy
  }

  const db = new Proxy(real, {
    get(target, name) {
      if (name === 'prepare') return (query: string) => statement(target.prepare(query))
      if (name !== 'batch') throw new Error(`Not wrapped: ${String(name)}`)
      return (statements: D1PreparedStatement[]) =>
        through(() => target.batch(statements.map((each) => originals.get(each) ?? each)))
    },
  })
  return { db, calls: () => calls }
}

/** As D1 reports its errors. */
export function d1Error(message: string): Error {
  return new Error(`D1_ERROR: ${message}`, { cause: new Error(message) })
}
