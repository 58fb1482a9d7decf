// The service with a clock that a header sets ahead, for the races.
import app from './app.js'

const clock = Date.now
let msAhead = 0
Date.now = () => clock() + msAhead

export default {
  fetch(request: Request, env: object, context: ExecutionContext): Promise<Response> {
    msAhead = Number(request.headers.get('X-Ms-Ahead'))
    return app.fetch(request, env, context)
  },
}
