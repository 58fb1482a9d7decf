// The log: one JSON line for each request.
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Bindings } from './bindings.ts'
import { reasonOf, rootCause } from './errors.ts'
import type { InvitationLog, InvitationVariables } from './request/invitations.ts'
import type { ResponseVariables } from './response/responses.ts'
import type { Database } from './storage/database.ts'
import type { Client } from './tokens/kinds.ts'
import { TokenRefused } from './tokens/refusal.ts'

/** What the middleware leaves on the context for the log; a refused request has less of it. */
export interface ObservedVariables extends ResponseVariables, InvitationVariables {
  client?: Client
  db?: Database
}

/** One line; `docs/log.md` explains it. */
export interface LogLine extends InvitationLog {
  request_id: string
  method?: string
  /** As in the contract; absent if no route matches. */
  route: string | undefined
  status: number
  /** From the first line of our code to the last. The clock of a Worker only advances with I/O. */
  ms: number
  store_id: string | undefined
  grant?: Client['grantType'] | undefined
  /** Why the request was refused or failed. */
  reason: string | undefined
  /** The name of the claim for which a token was refused, if another provider writes the tokens. */
  claim?: string | undefined
  auth_ms?: number | undefined
  d1_attempts: number | undefined
  d1_ms: number | undefined
  /** By D1, of the last query that it answered: https://developers.cloudflare.com/d1/worker-api/return-object/ */
  served_by_region: string | undefined
  total_attempts: number | undefined
}

/** Gives each request its id, and logs it once, after its response. */
export function observe(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: ObservedVariables
}> {
  return async function observe(c, next) {
    const startedAt = Date.now()
    // Never the client's own id: it could claim the row of another request.
    const requestId = crypto.randomUUID()
    c.set('requestId', requestId)
    await next()
    const [client, db] = [c.get('client'), c.get('db')]
    log({
      request_id: requestId,
      method: c.req.method,
      route: matchedRoutes(c).find(({ path }) => path !== '/*')?.path,
      status: c.res.status,
      ms: Date.now() - startedAt,
      store_id: client?.storeId,
      grant: client?.grantType,
      reason: c.error && reasonOf(c.error),
      // Whose tokens are their provider's needs to know which claim to set there.
      claim: c.error && c.env.ACCOUNT_TOKENS ? claimAtFault(c.error) : undefined,
      ...c.get('invitationLog'),
      auth_ms: c.get('authMs'),
      ...databaseMembers(db),
    })
  }
}

/** The members of a line that are about the database. */
export function databaseMembers(
  db: Database | undefined,
): Pick<LogLine, 'd1_attempts' | 'd1_ms' | 'served_by_region' | 'total_attempts'> {
  return {
    d1_attempts: db?.attempts,
    d1_ms: db?.ms,
    served_by_region: db?.meta?.served_by_region,
    total_attempts: db?.meta?.total_attempts,
  }
}

function claimAtFault(error: Error): string | undefined {
  const cause = rootCause(error)
  return cause instanceof TokenRefused ? cause.claim : undefined
}

/** Logs a failure of ours as an error, and a refusal as a warning. */
export function log(line: LogLine): void {
  const text = JSON.stringify(line)
  if (line.status >= 500) console.error(text)
  else if (line.status >= 400) console.warn(text)
  else console.log(text)
}
