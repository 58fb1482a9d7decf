// The service with a D1 that answers at once: every association is there already, and nothing is waited for.
import app from './app.js'

const statement = { bind: () => statement }

const session = {
  prepare: () => statement,
  batch: async (statements: unknown[]) => statements.map(answer),
  getBookmark: () => '00000000-00000000-00000000-00000000000000000000000000000000',
}

let bindings: object | undefined

export default {
  fetch(request: Request, env: object, context: ExecutionContext): Promise<Response> {
    // The same object at each request, as workerd's own.
    bindings ??= { ...env, DB: { withSession: () => session } }
    return app.fetch(request, bindings, context)
  },
}

/** One row of what is there, and then none that was inserted. */
function answer(_: unknown, index: number): { results: object[] } {
  return { results: index === 0 ? [{ requestId: 'another' }] : [] }
}
