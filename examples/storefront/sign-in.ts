// Signing in at a shop: keeps the guest's cart, and chooses if the account has another one. Copy it.
import type { ElasticPath } from '@elasticpath/js-sdk'

/** The calls of a shopper who has signed in. */
export interface Carts {
  /** Puts the cart first in the account's list; false if other accounts have it. */
  associate: (cartId: string) => Promise<boolean>
  /** The ids of the account's carts, last used first. */
  list: () => Promise<string[]>
  create: () => Promise<string>
  /** Takes the cart from the account. */
  dissociate: (cartId: string) => Promise<void>
}

/** Where the device keeps the id of its cart: local storage, a cookie, a file. */
export interface Device {
  cartId?: string | undefined
}

/** Returns the cart to go on with: the one of this device, or the one that the account used before. */
export type Choose = (ofDevice: string, ofAccount: string) => Promise<string>

/** Goes on with the cart of this device; the other one stays in the account's list. */
export const keepNewest: Choose = async (ofDevice) => ofDevice

/** Lets your cart service move the items of the other cart into this one. */
export const merge =
  (carts: Carts, moveItems: (from: string, to: string) => Promise<void>): Choose =>
  async (ofDevice, ofAccount) => {
    await moveItems(ofAccount, ofDevice)
    await carts.dissociate(ofAccount)
    return ofDevice
  }

/** Asks the shopper, and puts the chosen cart first on every device. */
export const ask =
  (carts: Carts, question: Choose): Choose =>
  async (...both) => {
    const chosen = await question(...both)
    await carts.associate(chosen)
    return chosen
  }

/** Call it at every sign-in: an account that is signed in everywhere opens the same cart everywhere. */
export async function signIn(carts: Carts, device: Device, choose: Choose): Promise<string> {
  const own = device.cartId
  // False: somebody else has signed in on this device with that cart, and it is theirs.
  const kept = own !== undefined && (await carts.associate(own))
  const [first, second] = await carts.list()
  const isAnother = kept && first !== undefined && second !== undefined
  device.cartId = isAnother ? await choose(first, second) : (first ?? (await carts.create()))
  return device.cartId
}

/** The cart stays with the account; the next visitor of this device gets a new one. */
export function signOut(device: Device): void {
  device.cartId = undefined
}

/** After checkout. Your cart service removes the cart of all accounts: `CartAccounts.removeCart`. */
export async function checkedOut(carts: Carts, device: Device): Promise<void> {
  if (device.cartId !== undefined) await carts.dissociate(device.cartId)
  device.cartId = undefined
}

/** With fetch: `headers` hold the access token and the account token. */
export function cartsByFetch(
  url: string,
  accountId: string,
  headers: Record<string, string>,
): Carts {
  const body = JSON.stringify({ data: [{ type: 'account', id: accountId }] })
  const send = async (method: string, path: string, json?: string): Promise<Response> => {
    const init = { method, headers: { ...headers, 'Content-Type': 'application/json' } }
    const response = await fetch(new URL(path, url), { ...init, ...(json && { body: json }) })
    if (response.ok || response.status === 403) return response
    throw new Error(`${method} ${path}: ${response.status}`)
  }
  const accountsOf = (cartId: string) => `/v2/carts/${cartId}/relationships/accounts`
  return {
    associate: async (cartId) => (await send('POST', accountsOf(cartId), body)).ok,
    list: async () => idsIn(await (await send('GET', '/v2/carts')).json()),
    create: async () => String(Object(await (await send('POST', '/v2/carts')).json()).data.id),
    dissociate: async (cartId) => {
      await send('DELETE', accountsOf(cartId), body)
    },
  }
}

/** With Elastic Path's SDK, whose configuration has the account token among its `headers`. */
export function cartsBySdk(client: ElasticPath, accountId: string, accountToken: string): Carts {
  return {
    associate: async (cartId) => {
      const associated = client.Cart(cartId).AddAccountAssociation(accountId, accountToken)
      return await associated.then(() => true, isForbidden)
    },
    list: async () => idsIn(await client.Cart().GetCartsList()),
    create: async () => (await client.Cart().CreateCart({ name: 'Cart' })).data.id,
    dissociate: async (cartId) => {
      await client.Cart(cartId).RemoveAccountAssociation(accountId, accountToken)
    },
  }
}

function idsIn(list: unknown): string[] {
  return Object(list).data.map(({ id }: { id: string }) => id)
}

/** The SDK throws the error document. */
function isForbidden(error: unknown): false {
  if (Object(error).errors?.[0]?.status === 403) return false
  throw error
}
