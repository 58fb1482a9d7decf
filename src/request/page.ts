// Which page of a list is asked for: `page[limit]` and `page[offset]` (contract, section 7).
import type { Context, MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isSafeId, SAFE_ID_RULE } from '../ids.ts'
import { isWithin, LIMIT, OFFSET, type Range, rangeRule } from '../limits.ts'
import type { Page } from '../storage/association-lists.ts'

const LIMIT_PARAMETER = 'page[limit]'
const AFTER_PARAMETER = 'page[after]'

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
      parseNumber(single(c, parameter), parameter, range) ?? range.default
    c.set('page', { limit: parse(LIMIT_PARAMETER, LIMIT), offset: parse('page[offset]', OFFSET) })
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
  throw badParameter(parameter, rangeRule(range))
}

/**
 * Returns the value of a parameter that may be given once.
 *
 * @throws ApiError 400 if it is given twice
 */
export function single(c: Context, parameter: string): string | undefined {
  const [value, ...others] = c.req.queries(parameter) ?? []
  if (others.length > 0) throw badParameter(parameter, 'must be given once')
  return value
}

function badParameter(parameter: string, rule: string): ApiError {
  const detail = `${parameter} ${rule}`
  return new ApiError(400, [{ title: 'Bad Request', detail, source: parameter }])
}

export interface AfterVariables {
  after: { limit: number; cartId: string }
}

/**
 * Puts the page on the context that begins after a cart: `page[limit]` and `page[after]`.
 *
 * @throws ApiError 400 naming the parameter that is malformed
 */
export function requirePageAfter(): MiddlewareHandler<{ Variables: AfterVariables }> {
  return async function requirePageAfter(c, next) {
    const limit = parseNumber(single(c, LIMIT_PARAMETER), LIMIT_PARAMETER, LIMIT) ?? LIMIT.default
    const cartId = single(c, AFTER_PARAMETER) ?? ''
    if (cartId !== '' && !isSafeId(cartId)) {
      throw badParameter(AFTER_PARAMETER, `must be ${SAFE_ID_RULE}`)
    }
    c.set('after', { limit, cartId })
    await next()
  }
}
