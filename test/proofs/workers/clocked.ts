// The service with a clock that a header sets ahead, with claims that another header sets, with settings
// that a PUT replaces, as a deployment does, and with two paths of its own: /sweep removes expired
// associations as the Cron Trigger does, and /sql runs the body.
import app from './app.js'

interface Bindings {
  DB: D1Database
}

const { log } = console
const clock = Date.now
let msAhead = 0
let deployed: Bindings | undefined
/** The bindings by those without CLAIMS: the service reads its settings once for each object. */
const invited = new WeakMap<object, object>()
Date.now = () => clock() + msAhead

export default {
  async fetch(request: Request, given: Bindings, context: ExecutionContext): Promise<Response> {
    if (request.method === 'PUT') {
      const changed = Object.entries({ ...given, ...Object(await request.json()) })
      // null unbinds.
      const bound = Object.fromEntries(changed.filter(([, value]) => value !== null))
      deployed = { ...bound, DB: given.DB }
      return new Response()
    }
    const env = deployed ?? given
    const { pathname } = new URL(request.url)
    // Leaves the clock to the requests of the races.
    if (pathname === '/readyz') return await app.fetch(request, env, context)
    msAhead = Number(request.headers.get('X-Ms-Ahead'))
    if (pathname === '/sweep') return Response.json(await sweep(env))
    if (pathname === '/sql') {
      const { results } = await env.DB.prepare(await request.text()).all()
      return Response.json(results)
    }
    const isInvited = request.headers.get('X-Claims') === 'invited'
    return await app.fetch(request, isInvited ? asInvited(env) : env, context)
  },
}

function asInvited(env: object): object {
  const known = invited.get(env) ?? { ...env, CLAIMS: 'invited' }
  invited.set(env, known)
  return known
}

/** Returns the line that a run logs, with the time that its longest call to D1 took. */
async function sweep(env: Bindings): Promise<object> {
  const run = { longest_ms: 0 }
  console.log = (line: string) => {
    if (line.includes('"task":"sweep"')) Object.assign(run, JSON.parse(line))
    log(line)
  }
  const session = env.DB.withSession('first-primary')
  const batch = async (statements: D1PreparedStatement[]) => {
    // As a network would be: without it, workerd reads no socket before the run is over.
    await scheduler.wait(1)
    const startedAt = clock()
    const results = await session.batch(statements)
    run.longest_ms = Math.max(run.longest_ms, clock() - startedAt)
    return results
  }
  const timed = { prepare: session.prepare.bind(session), batch }
  await app.scheduled({}, { ...env, DB: { withSession: () => timed } })
  return run
}
