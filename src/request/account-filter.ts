// Whose carts are listed: Elastic Path's filter, `contains(account_ids,"ID")` (contract, section 7).
import type { MiddlewareHandler } from 'hono'
import { ApiError } from '../errors.ts'
import { isSafeId } from '../ids.ts'
import type { Account } from '../storage/association-lists.ts'
import type { CallerVariables } from './caller.ts'
import { single } from './page.ts'

export interface AccountVariables {
  account: Account
}

interface AccountEnv {
  Variables: CallerVariables & AccountVariables
}

// With quotes as Elastic Path documents it, without as its SDKs write it.
const FILTER = /^contains\(account_ids,(?:"([^"]*)"|([^"]*))\)$/

/**
 * Puts the account on the context: a shopper's own, whatever the filter; a server names one.
 *
 * @throws ApiError 400 if a server names none
 */
export function requireAccount(): MiddlewareHandler<AccountEnv> {
  return async function requireAccount(c, next) {
    const caller = c.get('caller')
    const filter = single(c, 'filter')
    const accountId = caller.kind === 'shopper' ? caller.accountId : parseFilter(filter)
    c.set('account', { storeId: caller.storeId, accountId })
    await next()
  }
}

function parseFilter(filter: string | undefined): string {
  if (filter === undefined) {
    throw invalidFilter('A filter is required: contains(account_ids,"ID")')
  }
  const [, quoted, bare] = FILTER.exec(filter) ?? []
  const accountId = quoted ?? bare
  if (!isSafeId(accountId)) throw invalidFilter('Could not parse the supplied filter')
  return accountId
}

function invalidFilter(detail: string): ApiError {
  return new ApiError(400, [{ title: 'Bad Request', detail, source: 'filter' }])
}
