// The service of the races, whose settings a request replaces, as a deployment does.
import app from './app.js'
import clocked from './clocked.js'

let deployed: object | undefined

export default {
  async fetch(request: Request, env: object, context: ExecutionContext): Promise<Response> {
    if (request.method === 'PUT') {
      const all = { ...env, ...Object(await request.json()) }
      // null unbinds.
      deployed = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null))
      return new Response()
    }
    // Leaves the clock to the requests of the races.
    const service = new URL(request.url).pathname === '/readyz' ? app : clocked
    return service.fetch(request, deployed ?? env, context)
  },
}
