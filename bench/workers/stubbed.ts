// The service with a D1 that answers at once, and with no rows: nothing was inserted that was not there.
import app from './app.js'

const statement = { bind: () => statement }

const session = {
  prepare: () => statement,
  batch: async (statements: unknown[]) => statements.map(() => ({ results: [] })),
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
