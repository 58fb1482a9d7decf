// The service with a clock that a header sets days ahead, for the races.
import app from './app.js'

const clock = Date.now
let daysAhead = 0
Date.now = () => clock() + daysAhead * 24 * 60 * 60 * 1000

export default {
  fetch(request: Request, env: object, context: ExecutionContext): Promise<Response> {
    daysAhead = Number(request.headers.get('X-Days-Ahead'))
    return app.fetch(request, env, context)
  },
}
