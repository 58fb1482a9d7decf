// The service with a clock that a header sets ahead, with claims that another header sets, and with two
// paths of its own: /sweep removes expired associations as the Cron Trigger does, and /sql runs the body.
import app from './app.js'

const { log } = console
const clock = Date.now
let msAhead = 0
/** The bindings by those without CLAIMS: the service reads its settings once for each object. */
const invited = new WeakMap<object, object>()
Date.now = () => clock() + msAhead

export default {
  async fetch(
    request: Request,
    env: { DB: D1Database },
    context: ExecutionContext,
  ): Promise<Response> {
    msAhead = Number(request.headers.get('X-Ms-Ahead'))
    const { pathname } = new URL(request.url)
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
async function sweep(env: { DB: D1Database }): Promise<object> {
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
