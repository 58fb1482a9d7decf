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
import { whereToRead, whereToWrite } from './storage/databases.ts'
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
 * - `SettingsError`: a binding or a variable of the databases is not as it must be
 *
 * and anything else is an `Error` that tells nothing, its cause in this Worker's log. What is read
 * may be behind what was just written only where `READ_CONSISTENCY` is `nearest`.
 */
export class CartAccounts extends WorkerEntrypoint<Bindings> {
  /** Whether the account has the cart. */
  async hasCart(call: v.InferInput<typeof cartAndAccount>): Promise<boolean> {
    const asked = { method: 'hasCart', schema: cartAndAccount, call, open: forReading }
    return await this.#answer(asked, async ({ accountId, ...cart }, db) => {
      const found = await readCart(db, cart, accountId)
      return found.length > 0
    })
  }

  /**
   * Gives the cart to the account. `claim: 'shared'`, the default, adds it beside other accounts, as a
   * server does; `'unclaimed'` leaves a cart of others alone and answers `taken`, as for a shopper.
   */
  async associate(call: v.InferInput<typeof claim>): Promise<Associated> {
    const asked = { method: 'associate', schema: claim, call, open: forWriting }
    return await this.#answer(asked, async ({ accountId, claim, ...cart }, db, requestId) => {
      const provenance = { createdBy: 'CartAccounts', requestId }
      return await associate(db, cart, [accountId], claim, provenance)
    })
  }

  /** Takes the cart from the account, whether or not it has it. */
  async dissociate(call: v.InferInput<typeof cartAndAccount>): Promise<void> {
    const asked = { method: 'dissociate', schema: cartAndAccount, call, open: forWriting }
    await this.#answer(asked, ({ accountId, ...cart }, db) => dissociate(db, cart, [accountId]))
  }

  /** The carts of an account, newest association first; 20 where no `limit` is given, 100 at most. */
  async listCarts(call: v.InferInput<typeof cartsOfAccount>): Promise<CartList> {
    const asked = { method: 'listCarts', schema: cartsOfAccount, call, open: forReading }
    return await this.#answer(asked, async ({ limit, offset, ...account }, db) => {
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
    const asked = { method: 'listAccounts', schema: accountsOfCart, call, open: forReading }
    return await this.#answer(asked, async ({ limit, offset, ...cart }, db) => {
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
  async #answer<Schema extends v.GenericSchema<unknown, { storeId: string }>, Result>(
    { method, schema, call, open }: Asked<Schema>,
    work: (parsed: v.InferOutput<Schema>, db: Database, requestId: string) => Promise<Result>,
  ): Promise<Result> {
    const startedAt = Date.now()
    const requestId = crypto.randomUUID()
    let storeId: string | undefined
    let db: Database | undefined
    let status = 400
    let reason: string | undefined
    try {
      const parsed = parseArguments(schema, call)
      storeId = parsed.storeId
      status = 500
      db = open(databaseSettings(this.env), storeId)
      const result = await work(parsed, db, requestId)
      status = 200
      return result
    } catch (error) {
      reason = reasonOf(error)
      if (status === 400 || error instanceof SettingsError) throw error
      if (!(error instanceof UnavailableError)) throw new Error('Internal error')
      status = 503
      // A cause would go along, and with it what the database said.
      throw new UnavailableError(error.message)
    } finally {
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
    }
  }
}

/** What another Worker asks for, and what it takes to answer. */
interface Asked<Schema> {
  method: string
  schema: Schema
  call: unknown
  open: (settings: DatabaseSettings, storeId: string) => Database
}

function forWriting({ databases }: DatabaseSettings, storeId: string): Database {
  return primaryDatabase(whereToWrite(databases, storeId).d1)
}

function forReading({ databases, readConsistency }: DatabaseSettings, storeId: string): Database {
  return readDatabase(whereToRead(databases, storeId).d1, readConsistency)
}
