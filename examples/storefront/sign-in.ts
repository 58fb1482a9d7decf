// Signing in at a shop: keeps the guest's cart, and chooses if the account has another one. Copy it.
import type { ElasticPath } from '@elasticpath/js-sdk'

/** The calls of a shopper who has signed in. */
export interface Carts {
  /** Puts the cart first in the account's list; false if the account may not have it. */
  associate: (cartId: string, invitation?: string) => Promise<boolean>
  /** The ids of the account's carts, last used first. */
  list: () => Promise<string[]>
  create: () => Promise<string>
  /** Takes the cart from the account. */
  dissociate: (cartId: string) => Promise<void>
}

/** Where the device keeps the id of its cart: local storage, a cookie, a file. */
export interface Device {
  cartId?: string | undefined
  /** What your cart service made with the cart (`CLAIMS = "invited"`), or a shopper who shares one. */
  invitation?: string | undefined
}

/** Returns the cart to go on with: the one of this device, or the one that the account used before. */
export type Choose = (ofDevice: string, ofAccount: string) => Promise<string>

/** Goes on with the cart of this device; the other one stays in the account's list. */
export const keepNewest: Choose = async (ofDevice) => ofDevice

/** Lets your cart service move the items into the cart that the other devices have open. */
export const merge =
  (carts: Carts, moveItems: (from: string, to: string) => Promise<void>): Choose =>
  async (ofDevice, ofAccount) => {
    await moveItems(ofDevice, ofAccount)
    await carts.dissociate(ofDevice)
    return ofAccount
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
  // False: it belongs to somebody who has signed in on this device before, or an invitation is missing.
  const kept = own !== undefined && (await carts.associate(own, device.invitation))
  const [first, second] = await carts.list()
  const isAnother = kept && first !== undefined && second !== undefined
  const cartId = isAnother ? await choose(first, second) : (first ?? (await carts.create()))
  keep(device, cartId)
  return cartId
}

/** The cart stays with the account; the next visitor of this device gets a new one. */
export function signOut(device: Device): void {
  keep(device, undefined)
}

/** After checkout. Your cart service removes the cart of all accounts: `CartAccounts.removeCart`. */
export async function checkedOut(carts: Carts, device: Device): Promise<void> {
  if (device.cartId !== undefined) await carts.dissociate(device.cartId)
  keep(device, undefined)
}

/** An invitation is for one cart, and a shopper who has signed in needs it no more. */
function keep(device: Device, cartId: string | undefined): void {
  device.cartId = cartId
  device.invitation = undefined
}

const accountsOf = (cartId: string) => `carts/${cartId}/relationships/accounts`

/** With fetch: `headers` hold the access token and the account token. */
export function cartsByFetch(
  url: string,
  accountId: string,
  headers: Record<string, string>,
): Carts {
  const body = { data: [{ type: 'account', id: accountId }] }
  const send = async (method: string, path: string, sent?: object, more = {}) => {
    const response = await fetch(new URL(`/v2/${path}`, url), {
      method,
      headers: { ...headers, ...more, 'Content-Type': 'application/json' },
      ...(sent && { body: JSON.stringify(sent) }),
    })
    const text = await response.text()
    const document: unknown = text === '' ? {} : JSON.parse(text)
    if (!response.ok) throw document
    return document
  }
  return {
    associate: async (cartId, invitation = '') => {
      const header = { 'X-Cart-Invitation': invitation }
      return await send('POST', accountsOf(cartId), body, header).then(() => true, isForbidden)
    },
    list: async () => idsIn(await send('GET', 'carts')),
    create: async () => String(Object(await send('POST', 'carts')).data.id),
    dissociate: async (cartId) => {
      await send('DELETE', accountsOf(cartId), body)
    },
  }
}

/** With Elastic Path's SDK, whose configuration has the account token among its `headers`. */
export function cartsBySdk(client: ElasticPath, accountId: string, accountToken: string): Carts {
  return {
    // `AddAccountAssociation`, which takes no header for the invitation.
    associate: async (cartId, invitation = '') => {
      const body = [{ type: 'account', id: accountId }]
      const header = { 'X-Cart-Invitation': invitation }
      const path = accountsOf(cartId)
      return await client.request
        .send(path, 'POST', body, undefined, client, true, undefined, header)
        .then(() => true, isForbidden)
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

/** Both throw the error document. */
function isForbidden(error: unknown): false {
  if (Object(error).errors?.[0]?.status === 403) return false
  throw error
}
