// What the path names, inside the caller's store: a cart, or an account.
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isSafeId, SAFE_ID_RULE } from '../ids.ts'
import type { Cart } from '../storage/associations.ts'
import type { AccountVariables } from './account-filter.ts'
import { notPermitted } from './accounts.ts'
import type { CallerVariables } from './caller.ts'
import { single } from './page.ts'

export interface CartVariables {
  cart: Cart
}

/**
 * Puts the cart on the context.
 *
 * @throws ApiError 400 if its id is not a safe id
 */
export function requireCart(): MiddlewareHandler<{ Variables: CallerVariables & CartVariables }> {
  return async function requireCart(c, next) {
    const cartId = safeId('cartID', c.req.param('cartID'))
    c.set('cart', { storeId: c.get('caller').storeId, cartId })
    await next()
  }
}

/**
 * Puts the account that a server names on the context.
 *
 * @throws ApiError 400 if its id is not a safe id, 403 for a shopper
 */
export function requireNamedAccount(): MiddlewareHandler<{
  Variables: CallerVariables & AccountVariables
}> {
  return async function requireNamedAccount(c, next) {
    const caller = c.get('caller')
    const accountId = safeId('accountID', c.req.param('accountID'))
    if (caller.kind !== 'server') throw notPermitted('server_only')
    c.set('account', { storeId: caller.storeId, accountId })
    await next()
  }
}

/**
 * Puts the account on the context that a server asks about, if it names one.
 *
 * @throws ApiError 400 if its id is not a safe id, 403 for a shopper
 */
export function readAskedAccount(): MiddlewareHandler<{
  Variables: CallerVariables & { askedAccountId: string | undefined }
}> {
  return async function readAskedAccount(c, next) {
    const given = single(c, 'account_id')
    c.set('askedAccountId', given === undefined ? undefined : safeId('account_id', given))
    if (c.get('caller').kind !== 'server') throw notPermitted('server_only')
    await next()
  }
}

function safeId(parameter: 'cartID' | 'accountID' | 'account_id', id: string | undefined): string {
  if (isSafeId(id)) return id
  const detail = `${parameter} must be ${SAFE_ID_RULE}`
  throw new ApiError(400, [{ title: 'pattern', detail, source: parameter }])
}
