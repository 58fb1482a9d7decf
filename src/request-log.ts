// What is seen of a request from outside: one JSON line in the log.
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { reasonOf } from './errors.ts'
import type { AnswerVariables } from './response/answer.ts'
import type { Database } from './storage/database.ts'
import type { AccessToken } from './tokens/verify.ts'

/** What those who answer a request leave on its context; a request that was refused left less. */
export interface ObservedVariables extends AnswerVariables {
  access?: AccessToken
  db?: Database
}

/** One line; `docs/operating.md` says what to make of it. */
export interface LogLine {
  request_id: string
  method?: string
  /** As in the contract; absent where no route matches. */
  route: string | undefined
  status: number
  /** From the first line of ours to the last. As all times: clocks of Workers stand still but for I/O. */
  ms: number
  store_id: string | undefined
  grant?: AccessToken['grantType'] | undefined
  /** Why the request was refused or failed. */
  reason: string | undefined
  auth_ms?: number | undefined
  d1_attempts: number | undefined
  d1_ms: number | undefined
}

/** Names each request, and logs it once, when it has been answered. */
export function observe(): MiddlewareHandler<{ Variables: ObservedVariables }> {
  return async function observe(c, next) {
    const startedAt = Date.now()
    // The Worker's own: a client's could claim the row of another request.
    const requestId = crypto.randomUUID()
    c.set('requestId', requestId)
    await next()
    const [access, db] = [c.get('access'), c.get('db')]
    log({
      request_id: requestId,
      method: c.req.method,
      route: matchedRoutes(c).find(({ path }) => path !== '/*')?.path,
      status: c.res.status,
      ms: Date.now() - startedAt,
      store_id: access?.storeId,
      grant: access?.grantType,
      reason: c.error && reasonOf(c.error),
      auth_ms: c.get('authMs'),
      d1_attempts: db?.attempts,
      d1_ms: db?.ms,
    })
  }
}

/** What is wrong here as an error, a refusal as a warning. */
export function log(line: LogLine): void {
  const text = JSON.stringify(line)
  if (line.status >= 500) console.error(text)
  else if (line.status >= 400) console.warn(text)
  else console.log(text)
}
