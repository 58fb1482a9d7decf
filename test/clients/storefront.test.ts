// What Elastic Path's own storefront and the runbook of its CLI send, call by call.
import { randomUUID } from 'node:crypto'
import {
  createAccountCartAssociation,
  createAnAccessToken,
  createClient,
  deleteACart,
  deleteAccountCartAssociation,
  getACart,
  getCarts,
} from '@epcc-sdk/sdks-shopper'
import { describe, expect, it } from 'vitest'
import {
  accounts,
  cart,
  cartNotFound,
  list,
  newShopper,
  pathOf,
  recordedFetch,
  worker,
} from './worker.ts'

/** A client with an access token, and with an account token if somebody has signed in. */
async function connect(grant: 'implicit' | 'client_credentials', accountToken?: string) {
  const { fetch, sent } = recordedFetch()
  const secret = grant === 'implicit' ? {} : { client_secret: worker.clientSecret }
  const { data } = await createAnAccessToken({
    client: createClient({ baseUrl: worker.url }),
    body: { grant_type: grant, client_id: worker.clientId, ...secret },
    throwOnError: true,
  })
  const headers = {
    Authorization: `Bearer ${data.access_token}`,
    ...(accountToken && { 'EP-Account-Management-Authentication-Token': accountToken }),
  }
  const client = createClient({ baseUrl: worker.url, fetch, headers })
  /** Sends JSON as the storefront does without an SDK. */
  const send = (method: string, path: string, body: unknown) =>
    fetch(new URL(path, worker.url), {
      method,
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  return { client, send, sent }
}

async function idIn(response: Response): Promise<string> {
  return Object(await response.json()).data.id
}

describe('the storefront', () => {
  it('makes a cart for a visitor, and keeps it at sign-in as a bare array: 200, then 204', async () => {
    const { accountId, accountToken } = await newShopper()
    const { send: visit, sent: sentBefore } = await connect('implicit')
    const { client, send, sent } = await connect('implicit', accountToken)

    const made = await visit('POST', '/v2/carts', { name: 'Cart' })
    const document = await made.json()
    const cartID = Object(document).data.id
    const before = await getCarts({ client })
    const first = await send('POST', pathOf(cartID), accounts(accountId))
    const second = await send('POST', pathOf(cartID), accounts(accountId))
    const after = await getCarts({ client })

    expect(document).toEqual({ data: cart(cartID) })
    expect(made.headers.get('Location')).toBe(`${worker.url}/v2/carts/${cartID}`)
    expect(before.data).toEqual(list())
    expect(await first.json()).toEqual({ data: accounts(accountId) })
    expect(await second.text()).toBe('')
    expect(after.data).toEqual(list(cart(cartID, accountId)))
    expect([...sentBefore(), ...sent()]).toEqual([
      'POST /v2/carts 201',
      'GET /v2/carts 200',
      `POST ${pathOf(cartID)} 200`,
      `POST ${pathOf(cartID)} 204`,
      'GET /v2/carts 200',
    ])
  })

  it('lists no cart at a first sign-in, makes one that the account has, and ends it before checkout', async () => {
    const { accountId, accountToken } = await newShopper()
    const { client, send, sent } = await connect('implicit', accountToken)

    const none = await getCarts({ client })
    const cartID = await idIn(await send('POST', '/v2/carts', { name: 'Cart' }))
    const carts = await getCarts({ client })
    await send('POST', pathOf(cartID), accounts(accountId))
    await deleteAccountCartAssociation({
      client,
      path: { cartID },
      body: { data: accounts(accountId) },
    })
    const deleted = await deleteACart({ client, path: { cartID } })
    const found = await getACart({ client, path: { cartID } })

    expect(none.data).toEqual(list())
    expect(carts.data).toEqual(list(cart(cartID, accountId)))
    expect(deleted.error).toBeUndefined()
    expect(found.error).toEqual(cartNotFound)
    expect(sent()).toEqual([
      'GET /v2/carts 200',
      'POST /v2/carts 201',
      'GET /v2/carts 200',
      `POST ${pathOf(cartID)} 204`,
      `DELETE ${pathOf(cartID)} 204`,
      `DELETE /v2/carts/${cartID} 204`,
      `GET /v2/carts/${cartID} 404`,
    ])
  })
})

describe('the runbook of the CLI', () => {
  it('gives two accounts three carts, one shared, takes it from one, and deletes a cart', async () => {
    const { client, send, sent } = await connect('client_credentials')
    const [one, other] = [randomUUID(), randomUUID()]
    const make = async () => await idIn(await send('POST', '/v2/carts', { data: { name: 'Cart' } }))
    const [ofOne, ofOther, shared] = [await make(), await make(), await make()]
    const cartsOf = async (account: string) => {
      const query = { filter: `contains(account_ids,"${account}")` }
      return (await getCarts({ client, query })).data
    }
    const associate = (cartID: string, ...ids: string[]) =>
      createAccountCartAssociation({ client, path: { cartID }, body: { data: accounts(...ids) } })

    await associate(ofOne, one)
    await associate(ofOther, other)
    const { data } = await associate(shared, one, other)
    const both = [one, other].toSorted()
    const found = await getACart({ client, path: { cartID: shared } })
    const ofBoth = [await cartsOf(one), await cartsOf(other)]
    await deleteAccountCartAssociation({
      client,
      path: { cartID: shared },
      body: { data: accounts(other) },
    })
    await deleteACart({ client, path: { cartID: ofOne } })

    expect(data).toEqual({ data: accounts(one, other) })
    expect(found.data).toEqual({ data: cart(shared, ...both) })
    expect(ofBoth).toEqual([
      list(cart(shared, one), cart(ofOne, one)),
      list(cart(shared, other), cart(ofOther, other)),
    ])
    expect(await cartsOf(one)).toEqual(list(cart(shared, one)))
    expect(await cartsOf(other)).toEqual(list(cart(ofOther, other)))
    expect(sent().filter((line) => !line.startsWith('GET'))).toEqual([
      'POST /v2/carts 201',
      'POST /v2/carts 201',
      'POST /v2/carts 201',
      `POST ${pathOf(ofOne)} 200`,
      `POST ${pathOf(ofOther)} 200`,
      `POST ${pathOf(shared)} 200`,
      `DELETE ${pathOf(shared)} 204`,
      `DELETE /v2/carts/${ofOne} 204`,
    ])
  })
})
