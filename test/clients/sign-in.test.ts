// The sign-in of examples/storefront, with fetch and with Elastic Path's SDK, on two devices.
import { gateway } from '@elasticpath/js-sdk'
import { describe, expect, it } from 'vitest'
import {
  ask,
  type Carts,
  cartsByFetch,
  cartsBySdk,
  checkedOut,
  type Device,
  keepNewest,
  merge,
  signIn,
  signOut,
} from '../../examples/storefront/sign-in.ts'
import {
  accountTokenRefused,
  forged,
  headersOf,
  newShopper,
  type Shopper,
  worker,
} from './worker.ts'

async function invite(owner: Shopper, cartId: string): Promise<string> {
  const init = { method: 'POST', headers: await headersOf(owner) }
  const response = await fetch(new URL(`/v2/carts/${cartId}/invitations`, worker.url), init)
  return Object(await response.json()).data.token
}

async function byFetch(shopper: Shopper): Promise<Carts> {
  return cartsByFetch(worker.url, shopper.accountId, await headersOf(shopper))
}

async function bySdk({ accountId, accountToken }: Shopper): Promise<Carts> {
  const config = {
    client_id: worker.clientId,
    host: new URL(worker.url).host,
    protocol: 'http',
    storage: new Map<string, string>(),
    custom_fetch: fetch,
    headers: { 'EP-ACCOUNT-MANAGEMENT-AUTHENTICATION-TOKEN': accountToken },
  }
  return cartsBySdk(gateway(config), accountId, accountToken)
}

describe.each([
  { name: 'with fetch', connect: byFetch },
  { name: 'with the SDK', connect: bySdk },
])('the sign-in of a shop, $name', ({ connect }) => {
  const guest = () => ({ cartId: crypto.randomUUID() })

  it('keeps the cart of the guest, and opens it on the laptop', async () => {
    const carts = await connect(await newShopper())
    const [phone, laptop] = [guest(), {}]
    const filled = phone.cartId

    expect(await signIn(carts, phone, keepNewest)).toBe(filled)
    expect(await signIn(carts, laptop, keepNewest)).toBe(filled)
    expect(laptop).toMatchObject({ cartId: filled })
  })

  it('makes a cart if neither the device nor the account has one', async () => {
    const carts = await connect(await newShopper())

    const made = await signIn(carts, {}, keepNewest)

    expect(await carts.list()).toEqual([made])
  })

  it.each([
    { choice: 'keeps the cart of the device', kept: 'lamp, mug', opens: 'mug' },
    { choice: 'merges its items into the other cart', kept: 'lamp', opens: 'lamp' },
    { choice: 'asks, and opens the other cart', kept: 'lamp, mug', opens: 'lamp' },
  ])('$choice if the account has another cart', async ({ choice, kept, opens }) => {
    const carts = await connect(await newShopper())
    const [phone, laptop] = [guest(), guest()]
    const names: Record<string, string> = { [phone.cartId]: 'lamp', [laptop.cartId]: 'mug' }
    const moved: string[] = []
    const moveItems = async (from: string, to: string): Promise<void> => {
      moved.push(`${names[from]} to ${names[to]}`)
    }
    const choices = {
      keeps: keepNewest,
      merges: merge(carts, moveItems),
      asks: ask(carts, async (_, ofAccount) => ofAccount),
    }
    const choose = Object.entries(choices).find(([name]) => choice.startsWith(name))?.[1]
    await signIn(carts, phone, keepNewest)

    const opened = await signIn(carts, laptop, choose ?? keepNewest)

    const list = await carts.list()
    expect([names[opened], laptop.cartId, list[0]]).toEqual([opens, opened, opened])
    expect(list.map((id) => names[id]).toSorted()).toEqual(kept.split(', '))
    expect(moved).toEqual(choice.startsWith('merges') ? ['mug to lamp'] : [])
  })

  it('leaves a cart alone that belongs to the account that signed in here before', async () => {
    const [one, other] = [await connect(await newShopper()), await connect(await newShopper())]
    const device = guest()
    const taken = await signIn(one, device, keepNewest)

    const opened = await signIn(other, device, keepNewest)

    expect(opened).not.toBe(taken)
    expect(await other.list()).toEqual([opened])
  })

  it('joins the cart of another account by its invitation, which it then forgets', async () => {
    const [owner, friend] = [await newShopper(), await newShopper()]
    const cartId = await signIn(await connect(owner), guest(), keepNewest)
    const device: Device = { cartId, invitation: await invite(owner, cartId) }

    expect(await signIn(await connect(friend), device, keepNewest)).toBe(cartId)
    expect(device).toEqual({ cartId, invitation: undefined })
  })

  it('throws the refusal of an account token, and keeps the cart of the device', async () => {
    const shopper = await newShopper()
    const device = guest()
    const { cartId } = device
    const carts = await connect({ ...shopper, accountToken: forged(shopper.accountToken) })

    await expect(signIn(carts, device, keepNewest)).rejects.toEqual(accountTokenRefused)
    expect(device.cartId).toBe(cartId)
  })

  it('forgets the cart at sign-out, and takes it from the account after checkout', async () => {
    const carts = await connect(await newShopper())
    const device: { cartId?: string } = guest()
    const cartId = await signIn(carts, device, keepNewest)
    signOut(device)
    expect([device.cartId, await carts.list()]).toEqual([undefined, [cartId]])

    await signIn(carts, device, keepNewest)
    await checkedOut(carts, device)

    expect([device.cartId, await carts.list()]).toEqual([undefined, []])
  })
})
