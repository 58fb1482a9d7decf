// The same rules for other Workers, without HTTP and tokens: the binding grants the trust (contract, section 11).
import { WorkerEntrypoint } from 'cloudflare:workers'
import type * as v from 'valibot'
import { type Bindings, missing } from './bindings.ts'
import { reasonOf, SettingsError, UnavailableError } from './errors.ts'
import { databaseMembers, log } from './request-log.ts'
import {
  ArgumentError,
  accountsOfCart,
  cartAndAccount,
  cartAndPerhapsAccount,
  cartOnly,
  cartsOfAccount,
  newAssociation,
  newInvitation,
  parseArguments,
} from './rpc-arguments.ts'
import { type DatabaseSettings, databaseSettings, loadSettings } from './settings.ts'
import {
  type Access,
  listAccounts,
  listCarts,
  readAccess,
  readCart,
} from './storage/association-lists.ts'
import { type Associated, associate, dissociate } from './storage/associations.ts'
import { type Database, primaryDatabase, readDatabase } from './storage/database.ts'
import { removeCart } from './storage/erasure.ts'
import { type Moment, momentOf } from './storage/lifetime.ts'
import { shardToRead, shardToWrite } from './storage/shards.ts'
import { issueInvitation } from './tokens/issue.ts'

/** The times of an association. */
export interface Times {
  createdAt: Date
  /** When it was last asked for. */
  usedAt: Date
  /** Absent if associations never expire. */
  expiresAt?: Date
}

export interface CartList {
  carts: ({ cartId: string } & Times)[]
  /** Rows of all pages, counted up to 10,100. */
  total: number
}

export interface AccountList {
  accounts: ({ accountId: string } & Times)[]
  /** Rows of all pages, counted up to 10,100. */
  total: number
}

export interface Invited {
  token: string
  expiresAt: Date
}

/**
 * Bind it with `[[services]]` and `entrypoint = "CartAccounts"`. Errors keep their name on the way
 * to the other Worker, but not their class; `error.name` is
 *
 * - `TypeError`: an argument is malformed, and named
 * - `UnavailableError`: the database cannot answer now; the same call may succeed later
 * - `SettingsError`: a binding or a variable of the databases is missing or malformed
 *
 * and anything else is an `Error` without details, which this Worker logs. Reads may be behind the
 * latest write only if `READ_CONSISTENCY` is `nearest`.
 */
export class CartAccounts extends WorkerEntrypoint<Bindings> {
  /** Whether the account has the cart. */
  async hasCart(call: v.InferInput<typeof cartAndAccount>): Promise<boolean> {
    const asked = { method: 'hasCart', schema: cartAndAccount, call, open: forReading }
    return await this.#run(asked, async ({ accountId, ...cart }, { db, moment }) => {
      const found = await readCart(db, cart, accountId, moment)
      return found.length > 0
    })
  }

  /**
   * Gives the cart to the account. `claim: 'shared'`, the default, adds it beside other accounts, as a
   * server does; `'unclaimed'` leaves a cart of others alone and returns `taken`, as for a shopper.
   */
  async associate(call: v.InferInput<typeof newAssociation>): Promise<Exclude<Associated, 'full'>> {
    const asked = { method: 'associate', schema: newAssociation, call, open: forWriting }
    return await this.#run(
      asked,
      async ({ accountId, claim, ...cart }, { db, moment, requestId }) => {
        const write = { createdBy: 'CartAccounts', requestId, ...moment }
        const outcome = await associate(db, cart, [accountId], claim, write)
        if (outcome === 'full') throw new Error('No limit was asked for')
        return outcome
      },
    )
  }

  /** Takes the cart from the account, whether it has it or not. */
  async dissociate(call: v.InferInput<typeof cartAndAccount>): Promise<void> {
    const asked = { method: 'dissociate', schema: cartAndAccount, call, open: forWriting }
    await this.#run(asked, ({ accountId, ...cart }, { db }) => dissociate(db, cart, [accountId]))
  }

  /**
   * Returns whether the account has the cart, nobody has it, or only others have it; without an account
   * `unclaimed` or `others`. Asks the primary: a stale `unclaimed` would open a cart.
   */
  async access(call: v.InferInput<typeof cartAndPerhapsAccount>): Promise<Access> {
    const asked = { method: 'access', schema: cartAndPerhapsAccount, call, open: forDeciding }
    return await this.#run(asked, ({ accountId, ...cart }, { db, moment }) =>
      readAccess(db, cart, accountId, moment),
    )
  }

  /**
   * Removes every association of the cart, as for a cart that was ordered. The id is free from then on:
   * delete or lock its contents first. `UnavailableError`: some are left, and the next call goes on.
   */
  async removeCart(call: v.InferInput<typeof cartOnly>): Promise<void> {
    const asked = { method: 'removeCart', schema: cartOnly, call, open: forWriting }
    await this.#run(asked, (cart, { db }) => removeCart(db, cart))
  }

  /**
   * Makes an invitation to the cart: the header `X-Cart-Invitation` of the shopper who is to have it.
   * `claim: 'unclaimed'`, the default, claims a cart that no other account has; `'shared'` joins the
   * accounts that it has. It cannot be taken back: choose `expiresIn` short, 60 s to 7 days.
   */
  async invite(call: v.InferInput<typeof newInvitation>): Promise<Invited> {
    const asked = { method: 'invite', schema: newInvitation, call, open: forDeciding }
    return await this.#run(asked, async ({ expiresIn, ...invitation }, { requestId, moment }) => {
      const { issuer = missing('AUTH_SIGNING_JWK') } = await loadSettings(this.env)
      const named = { ...invitation, jti: requestId }
      const { token, expires } = await issueInvitation(
        issuer,
        named,
        new Date(moment.now),
        expiresIn,
      )
      return { token, expiresAt: new Date(expires * 1000) }
    })
  }

  /** Lists the carts of an account, last used first; 20 by default, at most 100. */
  async listCarts(call: v.InferInput<typeof cartsOfAccount>): Promise<CartList> {
    const asked = { method: 'listCarts', schema: cartsOfAccount, call, open: forReading }
    return await this.#run(asked, async ({ limit, offset, ...account }, { db, moment, ttlMs }) => {
      const list = await listCarts(db, account, { limit, offset }, moment)
      const carts = list.associations.map(({ cartId, ...times }) => ({
        cartId,
        ...asDates(times, ttlMs),
      }))
      return { carts, total: list.total }
    })
  }

  /** Lists the accounts of a cart, oldest association first; 20 by default, at most 100. */
  async listAccounts(call: v.InferInput<typeof accountsOfCart>): Promise<AccountList> {
    const asked = { method: 'listAccounts', schema: accountsOfCart, call, open: forReading }
    return await this.#run(asked, async ({ limit, offset, ...cart }, { db, moment, ttlMs }) => {
      const list = await listAccounts(db, cart, undefined, { limit, offset }, moment)
      const accounts = list.associations.map(({ accountId, ...times }) => ({
        accountId,
        ...asDates(times, ttlMs),
      }))
      return { accounts, total: list.total }
    })
  }

  /** Does the work and logs it like a request, with the status that it would have over HTTP. */
  async #run<Schema extends v.GenericSchema<unknown, { storeId: string }>, Result>(
    { method, schema, call, open }: Call<Schema>,
    work: (parsed: v.InferOutput<Schema>, scene: Scene) => Promise<Result>,
  ): Promise<Result> {
    const startedAt = Date.now()
    const requestId = crypto.randomUUID()
    let storeId: string | undefined
    let db: Database | undefined
    const logged = (status: number, reason?: string) =>
      log({
        request_id: requestId,
        route: `CartAccounts.${method}`,
        status,
        ms: Date.now() - startedAt,
        store_id: storeId,
        reason,
        ...databaseMembers(db),
      })
    try {
      const parsed = parseArguments(schema, call)
      storeId = parsed.storeId
      const settings = databaseSettings(this.env)
      db = open(settings, storeId)
      const { ttlMs } = settings.limits
      const moment = momentOf(settings.limits, startedAt)
      const result = await work(parsed, { db, moment, ttlMs, requestId })
      logged(200)
      return result
    } catch (error) {
      const { status, shown } = translate(error)
      logged(status, reasonOf(error))
      throw shown
    }
  }
}

/** What a call works with. */
interface Scene {
  db: Database
  moment: Moment
  ttlMs: number | undefined
  requestId: string
}

/** What another Worker asks for, and which database it takes. */
interface Call<Schema> {
  method: string
  schema: Schema
  call: unknown
  open: (settings: DatabaseSettings, storeId: string) => Database
}

function asDates(
  { createdAt, usedAt }: { createdAt: number; usedAt: number },
  ttlMs: number | undefined,
): Times {
  const times = { createdAt: new Date(createdAt), usedAt: new Date(usedAt) }
  return ttlMs === undefined ? times : { ...times, expiresAt: new Date(usedAt + ttlMs) }
}

/** The status that the error would have over HTTP, and the error that another Worker may see. */
function translate(error: unknown): { status: number; shown: Error } {
  if (error instanceof ArgumentError) return { status: 400, shown: error }
  if (error instanceof SettingsError) return { status: 500, shown: error }
  if (error instanceof UnavailableError) {
    // Without its cause, which holds what the database said.
    return { status: 503, shown: new UnavailableError(error.message) }
  }
  return { status: 500, shown: new Error('Internal error') }
}

function forWriting({ shards }: DatabaseSettings, storeId: string): Database {
  return primaryDatabase(shardToWrite(shards, storeId).d1)
}

/** The primary, wherever the store is now. */
function forDeciding({ shards }: DatabaseSettings, storeId: string): Database {
  return primaryDatabase(shardToRead(shards, storeId).d1)
}

function forReading({ shards, readConsistency }: DatabaseSettings, storeId: string): Database {
  return readDatabase(shardToRead(shards, storeId).d1, readConsistency)
}
