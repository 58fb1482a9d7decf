// Preconditions of writes, which this service does not evaluate (contract, section 9; RFC 9110, section 13).
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'

const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since']

/**
 * Refuses a write that is conditional: its condition would be ignored without a sign.
 *
 * @throws ApiError 412
 */
export function refusePreconditions(): MiddlewareHandler {
  return async function refusePreconditions(c, next) {
    if (CONDITIONS.some((name) => c.req.header(name) !== undefined)) {
      const detail = 'Conditional writes are not supported, and repeats are harmless'
      throw new ApiError(412, [{ title: 'Precondition Failed', detail }])
    }
    await next()
  }
}
