// The same rules for other Workers, without HTTP and tokens: the binding is the trust (contract, section 11).
import { WorkerEntrypoint } from 'cloudflare:workers'
import type * as v from 'valibot'
import type { Bindings } from './bindings.ts'
import { logFailure, SettingsError, UnavailableError } from './errors.ts'
import {
  accountsOfCart,
  cartAndAccount,
  cartsOfAccount,
  claim,
  parseArguments,
} from './rpc-arguments.ts'
import { databaseSettings } from './settings.ts'
import { listAccounts, listCarts, readCart } from './storage/association-lists.ts'
import { type Associated, associate, dissociate } from './storage/associations.ts'
import { primarySession, readSession } from './storage/session.ts'

export interface CartList {
  carts: { cartId: string; createdAt: Date }[]
  /** In all pages; counted up to 10,100. */
  total: number
}

export interface AccountList {
  accounts: { accountId: string; createdAt: Date }[]
  /** In all pages; counted up to 10,100. */
  total: number
}

/**
 * Bind it with `[[services]]` and `entrypoint = "CartAccounts"`. Errors keep their name on the way
 * to the other Worker, and not their class; `error.name` is
 *
 * - `TypeError`: an argument is malformed, and named
 * - `UnavailableError`: the database cannot answer now; the same call may succeed later
 * - `SettingsError`: `DB` or `READ_CONSISTENCY` is not as it must be
 *
 * and anything else is an `Error` that tells nothing, its cause in this Worker's log. What is read
 * may be behind what was just written only where `READ_CONSISTENCY` is `nearest`.
 */
export class CartAccounts extends WorkerEntrypoint<Bindings> {
  /** Whether the account has the cart. */
  async hasCart(call: v.InferInput<typeof cartAndAccount>): Promise<boolean> {
    const { accountId, ...cart } = parseArguments(cartAndAccount, call)
    return await this.#answer(async () => {
      const found = await readCart(this.#read(), cart, accountId)
      return found.length > 0
    })
  }

  /**
   * Gives the cart to the account. `claim: 'shared'`, the default, adds it beside other accounts, as a
   * server does; `'unclaimed'` leaves a cart of others alone and answers `taken`, as for a shopper.
   */
  async associate(call: v.InferInput<typeof claim>): Promise<Associated> {
    const { accountId, claim: rule, ...cart } = parseArguments(claim, call)
    return await this.#answer(async (requestId) => {
      const provenance = { createdBy: 'CartAccounts', requestId }
      return await associate(this.#primary(), cart, [accountId], rule, provenance)
    })
  }

  /** Takes the cart from the account, whether or not it has it. */
  async dissociate(call: v.InferInput<typeof cartAndAccount>): Promise<void> {
    const { accountId, ...cart } = parseArguments(cartAndAccount, call)
    await this.#answer(() => dissociate(this.#primary(), cart, [accountId]))
  }

  /** The carts of an account, newest association first; 20 where no `limit` is given, 100 at most. */
  async listCarts(call: v.InferInput<typeof cartsOfAccount>): Promise<CartList> {
    const { limit, offset, ...account } = parseArguments(cartsOfAccount, call)
    return await this.#answer(async () => {
      const list = await listCarts(this.#read(), account, { limit, offset })
      const carts = list.associations.map(({ cartId, createdAt }) => ({
        cartId,
        createdAt: new Date(createdAt),
      }))
      return { carts, total: list.total }
    })
  }

  /** The accounts of a cart, oldest association first; 20 where no `limit` is given, 100 at most. */
  async listAccounts(call: v.InferInput<typeof accountsOfCart>): Promise<AccountList> {
    const { limit, offset, ...cart } = parseArguments(accountsOfCart, call)
    return await this.#answer(async () => {
      const list = await listAccounts(this.#read(), cart, undefined, { limit, offset })
      const accounts = list.associations.map(({ accountId, createdAt }) => ({
        accountId,
        createdAt: new Date(createdAt),
      }))
      return { accounts, total: list.total }
    })
  }

  #primary(): D1DatabaseSession {
    return primarySession(databaseSettings(this.env).d1)
  }

  #read(): D1DatabaseSession {
    const { d1, readConsistency } = databaseSettings(this.env)
    return readSession(d1, readConsistency)
  }

  /** Does the work, and tells another Worker no more of an error than a client over HTTP. */
  async #answer<Result>(work: (requestId: string) => Promise<Result>): Promise<Result> {
    const requestId = crypto.randomUUID()
    try {
      return await work(requestId)
    } catch (error) {
      logFailure(error, requestId, error instanceof UnavailableError ? 503 : 500)
      if (error instanceof SettingsError) throw error
      // A cause would go along, and with it what the database said.
      if (error instanceof UnavailableError) throw new UnavailableError(error.message)
      throw new Error('Internal error')
    }
  }
}
