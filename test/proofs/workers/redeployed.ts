// The service of the races, whose settings a request replaces, as a deployment does.
import app from './app.js'
import clocked from './clocked.js'

interface Bindings {
  DB: D1Database
}

let deployed: Bindings | undefined

export default {
  async fetch(request: Request, env: Bindings, context: ExecutionContext): Promise<Response> {
    if (request.method === 'PUT') {
      const given = Object.entries({ ...env, ...Object(await request.json()) })
      // null unbinds.
      const bound = Object.fromEntries(given.filter(([, value]) => value !== null))
      deployed = { ...bound, DB: env.DB }
      return new Response()
    }
    // Leaves the clock to the requests of the races.
    const service = new URL(request.url).pathname === '/readyz' ? app : clocked
    return service.fetch(request, deployed ?? env, context)
  },
}
