// The accounts that a request is about, and whether the caller may act for them.
import type { MiddlewareHandler } from 'hono'
import { ApiError, type RefusalReason, Refused } from '../errors.ts'
import type { Associated, ClaimRule } from '../storage/associations.ts'
import type { Limits } from '../storage/lifetime.ts'
import type { Invitation } from '../tokens/kinds.ts'
import { readJson } from './body.ts'
import type { Caller, CallerVariables } from './caller.ts'
import { parseAccountIds } from './resource-identifiers.ts'

export interface AccountsVariables {
  accountIds: string[]
}

interface AccountsEnv {
  Variables: CallerVariables & AccountsVariables
}

/**
 * Puts the accounts of the body on the context.
 *
 * @throws ApiError 400, 408, 413 or 415 for the body, 403 for the caller
 */
export function requireAccounts(): MiddlewareHandler<AccountsEnv> {
  return async function requireAccounts(c, next) {
    const accountIds = parseAccountIds(await readJson(c.req.raw))
    requireAuthority(c.get('caller'), accountIds)
    c.set('accountIds', accountIds)
    await next()
  }
}

/**
 * A cart cannot be taken over by knowing its id; a server may add any account, to share it. An
 * invitation lets a shopper join the accounts of a cart, or claim it where claims need one.
 */
export function claimRule(
  caller: Caller,
  { cartsPerAccount, claims }: Limits,
  invited?: Invitation['claim'],
): ClaimRule {
  if (caller.kind === 'server') return 'shared'
  const mayClaim = claims === 'open' || invited === 'unclaimed'
  return { mayClaim, mayJoin: invited === 'shared', cartsPerAccount }
}

/** The one account of a cart that a shopper may see, its own; undefined lets a server see all. */
export function visibleAccount(caller: Caller): string | undefined {
  return caller.kind === 'shopper' ? caller.accountId : undefined
}

/** Uses one wording for a foreign account and a foreign cart: it reveals nothing of the owner. */
export function notPermitted(reason: RefusalReason): ApiError {
  const title = 'Account does not have the required permissions to fulfill this request'
  return new ApiError(403, [{ title }], { cause: new Refused(reason) })
}

/**
 * Returns what came of an association that was not refused.
 *
 * @throws ApiError 403 if the cart is taken, 409 if the account is full
 */
export function requireAssociated(outcome: Associated): 'created' | 'unchanged' {
  if (outcome === 'taken') throw notPermitted('cart_of_others')
  if (outcome !== 'full') return outcome
  const detail = 'The account has too many carts'
  throw new ApiError(409, [{ title: 'Conflict', detail }])
}

function requireAuthority(caller: Caller, accountIds: readonly string[]): void {
  if (caller.kind === 'server') return
  if (accountIds.length > 1) {
    throw new ApiError(403, [{ title: 'Cannot associate more than one account' }])
  }
  if (!accountIds.includes(caller.accountId)) throw notPermitted('other_account')
}
