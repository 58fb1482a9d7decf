// The same rules for other Workers, without HTTP and tokens: the binding is the trust (contract, section 11).
import { WorkerEntrypoint } from 'cloudflare:workers'
import type * as v from 'valibot'
import type { Bindings } from './bindings.ts'
import { reasonOf, SettingsError, UnavailableError } from './errors.ts'
import { log } from './request-log.ts'
import {
  accountsOfCart,
  cartAndAccount,
  cartsOfAccount,
  claim,
  parseArguments,
} from './rpc-arguments.ts'
import { type DatabaseSettings, databaseSettings } from './settings.ts'
import { listAccounts, listCarts, readCart } from './storage/association-lists.ts'
import { type Associated, associate, dissociate } from './storage/associations.ts'
import type { Database } from './storage/database.ts'
import { primaryDatabase, readDatabase } from './storage/session.ts'

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
    return await this.#answer('hasCart', cart, forReading, async (db) => {
      const found = await readCart(db, cart, accountId)
      return found.length > 0
    })
  }

  /**
   * Gives the cart to the account. `claim: 'shared'`, the default, adds it beside other accounts, as a
   * server does; `'unclaimed'` leaves a cart of others alone and answers `taken`, as for a shopper.
   */
  async associate(call: v.InferInput<typeof claim>): Promise<Associated> {
    const { accountId, claim: rule, ...cart } = parseArguments(claim, call)
    return await this.#answer('associate', cart, forWriting, async (db, requestId) => {
      const provenance = { createdBy: 'CartAccounts', requestId }
      return await associate(db, cart, [accountId], rule, provenance)
    })
  }

  /** Takes the cart from the account, whether or not it has it. */
  async dissociate(call: v.InferInput<typeof cartAndAccount>): Promise<void> {
    const { accountId, ...cart } = parseArguments(cartAndAccount, call)
    await this.#answer('dissociate', cart, forWriting, (db) => dissociate(db, cart, [accountId]))
  }

  /** The carts of an account, newest association first; 20 where no `limit` is given, 100 at most. */
  async listCarts(call: v.InferInput<typeof cartsOfAccount>): Promise<CartList> {
    const { limit, offset, ...account } = parseArguments(cartsOfAccount, call)
    return await this.#answer('listCarts', account, forReading, async (db) => {
      const list = await listCarts(db, account, { limit, offset })
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
    return await this.#answer('listAccounts', cart, forReading, async (db) => {
      const list = await listAccounts(db, cart, undefined, { limit, offset })
      const accounts = list.associations.map(({ accountId, createdAt }) => ({
        accountId,
        createdAt: new Date(createdAt),
      }))
      return { accounts, total: list.total }
    })
  }

  /**
   * Does the work and logs it as one request, with the status that it would have over HTTP; another
   * Worker is told no more of an error than a client there.
   */
  async #answer<Result>(
    method: string,
    { storeId }: { storeId: string },
    open: (settings: DatabaseSettings) => Database,
    work: (db: Database, requestId: string) => Promise<Result>,
  ): Promise<Result> {
    const startedAt = Date.now()
    const requestId = crypto.randomUUID()
    let db: Database | undefined
    const logAs = (status: number, reason?: string) =>
      log({
        request_id: requestId,
        route: `CartAccounts.${method}`,
        status,
        ms: Date.now() - startedAt,
        store_id: storeId,
        reason,
        d1_attempts: db?.attempts,
        d1_ms: db?.ms,
      })
    try {
      db = open(databaseSettings(this.env))
      const result = await work(db, requestId)
      logAs(200)
      return result
    } catch (error) {
      logAs(error instanceof UnavailableError ? 503 : 500, reasonOf(error))
      if (error instanceof SettingsError) throw error
      // A cause would go along, and with it what the database said.
      if (error instanceof UnavailableError) throw new UnavailableError(error.message)
      throw new Error('Internal error')
    }
  }
}

function forWriting({ d1 }: DatabaseSettings): Database {
  return primaryDatabase(d1)
}

function forReading({ d1, readConsistency }: DatabaseSettings): Database {
  return readDatabase(d1, readConsistency)
}
