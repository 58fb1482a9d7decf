// The service with a D1 that returns no rows at once: every association was there before.
import app from './app.js'

const nothing = { results: [], success: true, meta: {} }
const statement = {
  bind: () => statement,
  all: async () => nothing,
  run: async () => nothing,
}

const session = {
  prepare: () => statement,
  batch: async (statements: unknown[]) => statements.map(() => nothing),
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
