// The cart that a request makes (contract, section 7).
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isSafeId, SAFE_ID_RULE } from '../ids.ts'
import type { Cart } from '../storage/associations.ts'
import { readOptionalJson } from './body.ts'
import type { Caller, Guest } from './caller.ts'
import { isJsonObject } from './issues.ts'

interface NewCartEnv {
  Variables: { visitor: Caller | Guest; cart: Cart; isNewId: boolean }
}

/**
 * Puts the cart on the context, with the id that the body names, or a new one, and which of the two it is.
 *
 * @throws ApiError 400, 408, 413 or 415
 */
export function requireNewCart(): MiddlewareHandler<NewCartEnv> {
  return async function requireNewCart(c, next) {
    const given = parseCartId(await readOptionalJson(c.req.raw))
    const cartId = given ?? crypto.randomUUID()
    c.set('cart', { storeId: c.get('visitor').storeId, cartId })
    c.set('isNewId', given === undefined)
    await next()
  }
}

function parseCartId(body: unknown): string | undefined {
  if (body === undefined) return undefined
  // Elastic Path's own storefront leaves out the object around it.
  const isWrapped = isJsonObject(body) && 'data' in body
  const cart = isWrapped ? body.data : body
  if (!isJsonObject(cart)) {
    const detail = 'data must be an object'
    throw new ApiError(400, [{ title: 'Invalid json payload', detail, source: 'data' }])
  }
  if (!('id' in cart)) return undefined
  if (isSafeId(cart.id)) return cart.id
  const source = isWrapped ? 'data.id' : 'id'
  throw new ApiError(400, [{ title: 'pattern', detail: `id must be ${SAFE_ID_RULE}`, source }])
}
