// Reads for their caller alone, who may hold one and ask whether it has changed.
import type { MiddlewareHandler } from 'hono'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { type AnswerVariables, COMMON_HEADERS } from './answer.ts'

/** Beside the headers of RFC 9110, section 15.4.5, those that every answer carries. */
const RETAINED_HEADERS = [...RETAINED_304_HEADERS, ...COMMON_HEADERS]

/** Answers 304 to `If-None-Match` where the body would be the same (RFC 9110, section 13.1.2). */
export function conditional(): MiddlewareHandler<{ Variables: AnswerVariables }> {
  const revalidate = etag({ retainedHeaders: RETAINED_HEADERS })
  return async function conditional(c, next) {
    c.set('cacheControl', 'private, no-store')
    await revalidate(c, next)
  }
}
