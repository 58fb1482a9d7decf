// The cart that the path names, inside the caller's store.
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isSafeId, SAFE_ID_RULE } from '../safe-id.ts'
import type { Cart } from '../storage/associations.ts'
import type { CallerVariables } from './caller.ts'

export interface CartVariables {
  cart: Cart
}

interface CartEnv {
  Variables: CallerVariables & CartVariables
}

/**
 * Puts the cart on the context.
 *
 * @throws ApiError 400 where its id is not a safe id
 */
export function requireCart(): MiddlewareHandler<CartEnv> {
  return async function requireCart(c, next) {
    const cartId = c.req.param('cartID')
    if (!isSafeId(cartId)) throw unsafeCartId()
    c.set('cart', { storeId: c.var.caller.storeId, cartId })
    await next()
  }
}

function unsafeCartId(): ApiError {
  return new ApiError(400, [
    { title: 'pattern', detail: `cartID must be ${SAFE_ID_RULE}`, source: 'cartID' },
  ])
}
