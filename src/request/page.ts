// Which page of a list is asked for: `page[limit]` and `page[offset]` (contract, section 7).
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET } from '../limits.ts'
import type { Page } from '../storage/association-lists.ts'

export interface PageVariables {
  page: Page
}

interface PageEnv {
  Variables: PageVariables
}

/**
 * Puts the page on the context.
 *
 * @throws ApiError 400 naming the parameter that is not a number within its bounds
 */
export function requirePage(): MiddlewareHandler<PageEnv> {
  return async function requirePage(c, next) {
    const limit = parseNumber(c.req.query('page[limit]'), 'page[limit]', 1, MAX_LIMIT)
    const offset = parseNumber(c.req.query('page[offset]'), 'page[offset]', 0, MAX_OFFSET)
    c.set('page', { limit: limit ?? DEFAULT_LIMIT, offset: offset ?? 0 })
    await next()
  }
}

function parseNumber(
  text: string | undefined,
  parameter: string,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  const detail = `${parameter} must be a whole number from ${min} to ${max}`
  throw new ApiError(400, [{ title: 'Bad Request', detail, source: parameter }])
}
