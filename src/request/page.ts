// Which page of a list is asked for: `page[limit]` and `page[offset]` (contract, section 7).
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isWithin, LIMIT, OFFSET, type Range, rangeRule } from '../limits.ts'
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
    const parse = (parameter: string, range: Range & { default: number }) =>
      parseNumber(c.req.query(parameter), parameter, range) ?? range.default
    c.set('page', { limit: parse('page[limit]', LIMIT), offset: parse('page[offset]', OFFSET) })
    await next()
  }
}

function parseNumber(
  text: string | undefined,
  parameter: string,
  range: Range,
): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (isWithin(number, range)) return number
  const detail = `${parameter} ${rangeRule(range)}`
  throw new ApiError(400, [{ title: 'Bad Request', detail, source: parameter }])
}
