// The same rules for other Workers, without HTTP and tokens: the binding is the trust (contract, section 11).
import { WorkerEntrypoint } from 'cloudflare:workers'
import type { Bindings } from './bindings.ts'
import { logFailure, SettingsError, UnavailableError } from './errors.ts'
import { isWithin, LIMIT, OFFSET, rangeRule } from './limits.ts'
import { isSafeId, SAFE_ID_RULE } from './safe-id.ts'
import { databaseSettings } from './settings.ts'
import { listAccounts, listCarts, type Page, readCart } from './storage/association-lists.ts'
import { type Associated, associate, type ClaimRule, dissociate } from './storage/associations.ts'
import { readSession, writeSession } from './storage/session.ts'

/** A cart and an account, inside one store. */
export interface CartAndAccount {
  storeId: string
  cartId: string
  accountId: string
}

/** The part of a list that is wanted: up to 100 rows, 20 where it is left out, after the first `offset`. */
export interface Paging {
  limit?: number
  offset?: number
}

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
 * Bind it with `[[services]]` and `entrypoint = "CartAccounts"`. Every method rejects with a
 * `TypeError` that names the argument that is malformed, and with an `UnavailableError` where
 * the database cannot answer now.
 */
export class CartAccounts extends WorkerEntrypoint<Bindings> {
  /** Whether the account has the cart. */
  async hasCart({ storeId, cartId, accountId }: CartAndAccount): Promise<boolean> {
    requireSafeIds({ storeId, cartId, accountId })
    return await this.#answer(async () => {
      const found = await readCart(this.#read(), { storeId, cartId }, accountId)
      return found.length > 0
    })
  }

  /**
   * Gives the cart to the account. `claim: 'shared'` adds it beside other accounts, as a server does;
   * `claim: 'unclaimed'` leaves a cart of others alone and answers `taken`, as a shopper's request does.
   */
  async associate(
    { storeId, cartId, accountId }: CartAndAccount,
    { claim = 'shared' }: { claim?: ClaimRule } = {},
  ): Promise<Associated> {
    requireSafeIds({ storeId, cartId, accountId })
    if (claim !== 'shared' && claim !== 'unclaimed') {
      throw new TypeError('claim must be shared or unclaimed')
    }
    return await this.#answer(async (requestId) => {
      const provenance = { createdBy: 'CartAccounts', requestId }
      return await associate(this.#write(), { storeId, cartId }, [accountId], claim, provenance)
    })
  }

  /** Takes the cart from the account, whether or not it has it. */
  async dissociate({ storeId, cartId, accountId }: CartAndAccount): Promise<void> {
    requireSafeIds({ storeId, cartId, accountId })
    await this.#answer(() => dissociate(this.#write(), { storeId, cartId }, [accountId]))
  }

  /** The carts of an account, newest association first. */
  async listCarts({
    storeId,
    accountId,
    ...paging
  }: { storeId: string; accountId: string } & Paging): Promise<CartList> {
    requireSafeIds({ storeId, accountId })
    const page = parsePage(paging)
    return await this.#answer(async () => {
      const list = await listCarts(this.#read(), { storeId, accountId }, page)
      const carts = list.associations.map(({ cartId, createdAt }) => ({
        cartId,
        createdAt: new Date(createdAt),
      }))
      return { carts, total: list.total }
    })
  }

  /** The accounts of a cart, oldest association first. */
  async listAccounts({
    storeId,
    cartId,
    ...paging
  }: { storeId: string; cartId: string } & Paging): Promise<AccountList> {
    requireSafeIds({ storeId, cartId })
    const page = parsePage(paging)
    return await this.#answer(async () => {
      const list = await listAccounts(this.#read(), { storeId, cartId }, undefined, page)
      const accounts = list.associations.map(({ accountId, createdAt }) => ({
        accountId,
        createdAt: new Date(createdAt),
      }))
      return { accounts, total: list.total }
    })
  }

  #write(): D1DatabaseSession {
    return writeSession(databaseSettings(this.env).d1)
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
      if (error instanceof UnavailableError || error instanceof SettingsError) throw error
      throw new Error('Internal error')
    }
  }
}

function requireSafeIds(ids: Record<string, unknown>): void {
  const unsafe = Object.entries(ids).find(([, id]) => !isSafeId(id))
  if (unsafe !== undefined) throw new TypeError(`${unsafe[0]} must be ${SAFE_ID_RULE}`)
}

function parsePage({ limit = LIMIT.default, offset = OFFSET.default }: Paging): Page {
  if (!isWithin(limit, LIMIT)) throw new TypeError(`limit ${rangeRule(LIMIT)}`)
  if (!isWithin(offset, OFFSET)) throw new TypeError(`offset ${rangeRule(OFFSET)}`)
  return { limit, offset }
}
