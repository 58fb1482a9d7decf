// What is seen of a request from outside: one JSON line in the log, and Server-Timing in the answer.
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { reasonOf } from './errors.ts'
import type { RequestIdVariables } from './response/headers.ts'
import type { Database } from './storage/database.ts'
import type { AccessToken } from './tokens/verify.ts'

/** What those who answer a request leave on its context; a request that was refused left less. */
export interface ObservedVariables extends RequestIdVariables {
  access?: AccessToken
  authMs?: number
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

/** Logs each request once, when it has been answered. */
export function observe(): MiddlewareHandler<{ Variables: ObservedVariables }> {
  return async function observe(c, next) {
    const startedAt = Date.now()
    await next()
    const [access, authMs, db] = [c.get('access'), c.get('authMs'), c.get('db')]
    const timings = [
      ...(authMs === undefined ? [] : [`auth;dur=${authMs}`]),
      ...(db === undefined ? [] : [`db;dur=${db.ms}`]),
    ]
    // W3C Server Timing, section 2.
    if (timings.length > 0) c.res.headers.set('Server-Timing', timings.join(', '))
    log({
      request_id: c.get('requestId'),
      method: c.req.method,
      route: matchedRoutes(c).find(({ path }) => path !== '/*')?.path,
      status: c.res.status,
      ms: Date.now() - startedAt,
      store_id: access?.storeId,
      grant: access?.grantType,
      reason: c.error && reasonOf(c.error),
      auth_ms: authMs,
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
