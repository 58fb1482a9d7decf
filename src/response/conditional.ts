// Responses that only their caller may keep, and that a client can revalidate.
import type { MiddlewareHandler } from 'hono'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { COMMON_HEADERS, type ResponseVariables } from './responses.ts'

/** The headers of RFC 9110, section 15.4.5, and the headers of every response. */
const RETAINED_HEADERS = [...RETAINED_304_HEADERS, ...COMMON_HEADERS]

/** Responds 304 to `If-None-Match` if the body is unchanged (RFC 9110, section 13.1.2). */
export function conditional(): MiddlewareHandler<{ Variables: ResponseVariables }> {
  const revalidate = etag({ retainedHeaders: RETAINED_HEADERS })
  return async function conditional(c, next) {
    c.set('cacheControl', 'private, no-store')
    await revalidate(c, next)
  }
}
