// cart-accounts/testing: the real Worker, for the tests of a shop.
import { isSafeId, SAFE_ID_RULE } from '../../src/ids.ts'
import { requireFreePort } from '../lib/ports.ts'
import { serveEmbedded } from './embedded.ts'

export interface CartAccountsOptions {
  /** The port on 127.0.0.1; if left out, a free one. */
  port?: number
  /** Settings of the Worker by their names, like `{ CARTS_PER_ACCOUNT: 10 }`. */
  settings?: Record<string, unknown>
}

/** The request headers of a server, which acts for every account of the store `demo`. */
export type ServerHeaders = { Authorization: string }

/** The request headers of a shopper, who acts for one account. */
export type ShopperHeaders = ServerHeaders & {
  'EP-Account-Management-Authentication-Token': string
}

export interface CartAccounts {
  /** The address of the Worker, without a slash at its end. */
  url: string
  /** Returns headers with tokens that are good for an hour. */
  shopper: (accountId: string) => Promise<ShopperHeaders>
  /** Returns headers with a token that is good for an hour. */
  server: () => Promise<ServerHeaders>
  /** Removes all associations. */
  reset: () => Promise<void>
  /** Ends the Worker and removes its database. */
  stop: () => Promise<void>
}

/** Starts the Worker on this machine, with an empty database of its own. */
export async function startCartAccounts(options: CartAccountsOptions = {}): Promise<CartAccounts> {
  const { port = 0, settings: variables = {} } = options
  if (port !== 0) await requireFreePort(port, 'port:')
  const embedded = await serveEmbedded({ port, variables, expiresInSeconds: 60 * 60 })
  const { url, accessToken, accountToken, reset, stop } = embedded
  return {
    url,
    shopper: async (accountId) => {
      if (!isSafeId(accountId)) {
        throw new TypeError(`accountId must be ${SAFE_ID_RULE}, not ${JSON.stringify(accountId)}`)
      }
      return {
        Authorization: `Bearer ${await accessToken('implicit')}`,
        'EP-Account-Management-Authentication-Token': await accountToken(accountId),
      }
    },
    server: async () => ({ Authorization: `Bearer ${await accessToken('client_credentials')}` }),
    reset,
    stop,
  }
}
