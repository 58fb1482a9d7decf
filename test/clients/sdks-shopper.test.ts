// The client that Elastic Path generates from its OpenAPI document, as a shopper and as a server.
import { randomUUID } from 'node:crypto'
import {
  createAccountCartAssociation,
  createAnAccessToken,
  createClient,
  createShopperClient,
  deleteAccountCartAssociation,
  getACart,
  getCarts,
} from '@epcc-sdk/sdks-shopper'
import { describe, expect, it } from 'vitest'
import {
  accessTokenRefused,
  accounts,
  accountTokenRefused,
  cart,
  cartNotFound,
  expectPreflights,
  filterRequired,
  list,
  notPermitted,
  recordedFetch,
  wrongSecret,
} from './exchanges.ts'
import { forged, newShopper, type Shopper, worker } from './shoppers.ts'

const TOKEN = 'POST /oauth/access_token 200'
const pathOf = (cartID: string) => `/v2/carts/${cartID}/relationships/accounts`

const headersOf = ({ accountToken }: Pick<Shopper, 'accountToken'>) => ({
  headers: { 'EP-Account-Management-Authentication-Token': accountToken },
})

const accountsOf = (cartID: string, accountId: string) => ({
  path: { cartID },
  body: { data: accounts(accountId) },
})

type AuthOptions = Partial<Parameters<typeof createShopperClient>[1]>

function memoryStorage(credentials?: string) {
  let stored = credentials
  return {
    get: () => stored,
    set: (value?: string) => {
      stored = value
    },
  }
}

/** One browser or process, with credentials of its own. */
function device(options: AuthOptions = {}, shopper?: Shopper) {
  const recorded = recordedFetch()
  const storage = memoryStorage()
  const { client, auth } = createShopperClient(
    {
      baseUrl: worker.url,
      fetch: recorded.fetch,
      ...(shopper === undefined ? {} : headersOf(shopper)),
    },
    { clientId: worker.clientId, storage, ...options },
  )
  return { client, auth, storage, ...recorded }
}

/** The client's own token provider asks for implicit tokens only, so a server sets one. */
function serverDevice(clientSecret = worker.clientSecret, storage = memoryStorage()) {
  const { fetch, exchanges, sent } = recordedFetch()
  const bare = createClient({ baseUrl: worker.url, fetch })
  const tokenProvider = async () => {
    const { data } = await createAnAccessToken({
      client: bare,
      body: {
        grant_type: 'client_credentials',
        client_id: worker.clientId,
        client_secret: clientSecret,
      },
      throwOnError: true,
    })
    return data
  }
  const { client, auth } = createShopperClient(
    { baseUrl: worker.url, fetch },
    { clientId: worker.clientId, storage, tokenProvider },
  )
  return { client, auth, exchanges, sent }
}

/** Credentials that look valid, but whose token the service answers with 401. */
async function forgedCredentials(): Promise<string> {
  const { auth, storage } = device()
  const token = await auth.getValidAccessToken()
  return storage.get()?.replace(token, forged(token)) ?? ''
}

describe('@epcc-sdk/sdks-shopper 0.3.0', () => {
  describe('as a shopper', () => {
    it('asks for an implicit access token with an encoded form', async () => {
      const { auth, exchanges, storage } = device()

      const token = await auth.getValidAccessToken()

      expect(exchanges.map(({ line }) => line)).toEqual([TOKEN])
      expect(exchanges[0]?.headers.get('Content-Type')).toBe('application/x-www-form-urlencoded')
      expect(exchanges[0]?.body).toBe(`grant_type=implicit&client_id=${worker.clientId}`)
      expect(JSON.parse(storage.get() ?? '')).toEqual({
        access_token: token,
        expires: expect.any(Number),
        expires_in: 3600,
        token_type: 'Bearer',
      })
    })

    it('associates a cart', async () => {
      const shopper = await newShopper()
      const cartID = randomUUID()
      const { client, sent } = device()

      const { data, error } = await createAccountCartAssociation({
        client,
        ...headersOf(shopper),
        ...accountsOf(cartID, shopper.accountId),
      })

      expect(error).toBeUndefined()
      expect(data).toEqual({ data: accounts(shopper.accountId) })
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartID)} 200`])
    })

    it('returns an empty object for the 204 of an existing association', async () => {
      const shopper = await newShopper()
      const request = accountsOf(randomUUID(), shopper.accountId)
      const { client } = device({}, shopper)
      await createAccountCartAssociation({ client, ...request })

      const { data, error, response } = await createAccountCartAssociation({ client, ...request })

      expect(error).toBeUndefined()
      expect(data).toEqual({})
      expect(response.status).toBe(204)
    })

    it('lists the cart and gets it on a second device', async () => {
      const shopper = await newShopper()
      const { accountId } = shopper
      const cartID = randomUUID()
      const { client: phone } = device()
      const { client: laptop, sent } = device({}, shopper)
      await createAccountCartAssociation({
        client: phone,
        ...headersOf(shopper),
        ...accountsOf(cartID, accountId),
      })

      const carts = await getCarts({ client: laptop })
      const found = await getACart({ client: laptop, path: { cartID } })

      expect(carts.data).toEqual(list(cart(cartID, accountId)))
      expect(found.data).toEqual({ data: cart(cartID, accountId) })
      expect(sent()).toEqual([TOKEN, 'GET /v2/carts 200', `GET /v2/carts/${cartID} 200`])
    })

    it('lists nothing and returns the 404 document once the cart is dissociated', async () => {
      const shopper = await newShopper()
      const cartID = randomUUID()
      const request = accountsOf(cartID, shopper.accountId)
      const { client: phone } = device({}, shopper)
      const { client: laptop } = device({}, shopper)
      await createAccountCartAssociation({ client: phone, ...request })

      const answer = await deleteAccountCartAssociation({ client: phone, ...request })
      const carts = await getCarts({ client: laptop })
      const found = await getACart({ client: laptop, path: { cartID } })

      expect(answer.response.status).toBe(204)
      expect(answer.data).toEqual({})
      expect(carts.data).toEqual(list())
      expect(found.data).toBeUndefined()
      expect(found.error).toEqual(cartNotFound)
    })

    it('throws the document instead if throwOnError is set', async () => {
      const { client } = device({}, await newShopper())

      const answer = getACart({ client, path: { cartID: randomUUID() }, throwOnError: true })

      await expect(answer).rejects.toEqual(cartNotFound)
    })

    it('returns the 403 document if it takes over a cart, and tries once', async () => {
      const owner = await newShopper()
      const stranger = await newShopper()
      const cartID = randomUUID()
      const { client } = device({}, owner)
      const { client: other, sent } = device({}, stranger)
      await createAccountCartAssociation({ client, ...accountsOf(cartID, owner.accountId) })

      const { error } = await createAccountCartAssociation({
        client: other,
        ...accountsOf(cartID, stranger.accountId),
      })

      expect(error).toEqual(notPermitted)
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartID)} 403`])
    })

    it('returns the 403 document for a forged account token, and tries once', async () => {
      const { accountToken } = await newShopper()
      const { client, sent } = device()

      const { error } = await getCarts({
        client,
        ...headersOf({ accountToken: forged(accountToken) }),
      })

      expect(error).toEqual(accountTokenRefused)
      expect(sent()).toEqual([TOKEN, 'GET /v2/carts 403'])
    })

    it('renews an access token that is answered with 401, and succeeds', async () => {
      const shopper = await newShopper()
      const storage = memoryStorage(await forgedCredentials())
      const { client, sent } = device({ storage }, shopper)

      const { data } = await getCarts({ client })

      expect(data).toEqual(list())
      expect(sent()).toEqual(['GET /v2/carts 401', TOKEN, 'GET /v2/carts 200'])
    })

    it('cannot send a body again, returns the 401 document and succeeds next time', async () => {
      const shopper = await newShopper()
      const cartID = randomUUID()
      const request = accountsOf(cartID, shopper.accountId)
      const storage = memoryStorage(await forgedCredentials())
      const { client, sent } = device({ storage }, shopper)

      const first = await createAccountCartAssociation({ client, ...request })
      const second = await createAccountCartAssociation({ client, ...request })

      expect(first.error).toEqual(accessTokenRefused)
      expect(second.data).toEqual({ data: accounts(shopper.accountId) })
      const target = pathOf(cartID)
      expect(sent()).toEqual([`POST ${target} 401`, TOKEN, TOKEN, `POST ${target} 200`])
    })

    it('returns the 401 document after two tries if the renewed token is forged too', async () => {
      const credentials = await forgedCredentials()
      const tokenProvider = async () => JSON.parse(credentials)
      const storage = memoryStorage(credentials)
      const { client, sent } = device({ storage, tokenProvider }, await newShopper())

      const { error } = await getCarts({ client })

      expect(error).toEqual(accessTokenRefused)
      expect(sent()).toEqual(['GET /v2/carts 401', 'GET /v2/carts 401'])
    })

    it('may send every header from a browser', async () => {
      const shopper = await newShopper()
      const request = accountsOf(randomUUID(), shopper.accountId)
      const { client, exchanges } = device({}, shopper)
      await createAccountCartAssociation({ client, ...request })
      await getCarts({ client, headers: { 'X-Moltin-Customer-Token': 'a customer token' } })
      await getACart({ client, path: request.path })
      await deleteAccountCartAssociation({ client, ...request })

      await expectPreflights(exchanges)

      expect(exchanges).toHaveLength(5)
    })
  })

  describe('as a server', () => {
    it('asks for an access token by its client credentials with an encoded form', async () => {
      const { auth, exchanges, sent } = serverDevice()

      await auth.getValidAccessToken()

      const credentials = `client_id=${worker.clientId}&client_secret=${worker.clientSecret}`
      expect(exchanges[0]?.headers.get('Content-Type')).toBe('application/x-www-form-urlencoded')
      expect(exchanges[0]?.body).toBe(`grant_type=client_credentials&${credentials}`)
      expect(sent()).toEqual([TOKEN])
    })

    it('throws the 401 document for a wrong secret, and tries once', async () => {
      const { client, sent } = serverDevice('wrong')

      await expect(getCarts({ client })).rejects.toEqual(wrongSecret)
      expect(sent()).toEqual(['POST /oauth/access_token 401'])
    })

    it('renews an access token that is answered with 401, and succeeds', async () => {
      const filter = `contains(account_ids,"${randomUUID()}")`
      const storage = memoryStorage(await forgedCredentials())
      const { client, sent } = serverDevice(worker.clientSecret, storage)

      const { data } = await getCarts({ client, query: { filter } })

      expect(data).toEqual(list())
      const target = `GET /v2/carts?filter=${filter}`
      expect(sent()).toEqual([`${target} 401`, TOKEN, `${target} 200`])
    })

    it('returns the 403 document for a forged account token beside its secret', async () => {
      const { accountToken } = await newShopper()
      const { client, sent } = serverDevice()

      const { error } = await getCarts({
        client,
        ...headersOf({ accountToken: forged(accountToken) }),
      })

      expect(error).toEqual(accountTokenRefused)
      expect(sent()).toEqual([TOKEN, 'GET /v2/carts 403'])
    })

    it('associates an account, and returns an empty object for the second response', async () => {
      const accountId = randomUUID()
      const cartID = randomUUID()
      const { client, sent } = serverDevice()

      const first = await createAccountCartAssociation({ client, ...accountsOf(cartID, accountId) })
      const second = await createAccountCartAssociation({
        client,
        ...accountsOf(cartID, accountId),
      })

      expect(first.data).toEqual({ data: accounts(accountId) })
      expect(second.data).toEqual({})
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartID)} 200`, `POST ${pathOf(cartID)} 204`])
    })

    it('lists the carts of an account and gets one on a second instance', async () => {
      const accountId = randomUUID()
      const cartID = randomUUID()
      const { client } = serverDevice()
      const { client: other, sent } = serverDevice()
      await createAccountCartAssociation({ client, ...accountsOf(cartID, accountId) })

      const filter = `contains(account_ids,"${accountId}")`
      const carts = await getCarts({ client: other, query: { filter } })
      const found = await getACart({ client: other, path: { cartID } })

      expect(carts.data).toEqual(list(cart(cartID, accountId)))
      expect(found.data).toEqual({ data: cart(cartID, accountId) })
      expect(sent()).toEqual([
        TOKEN,
        `GET /v2/carts?filter=${filter} 200`,
        `GET /v2/carts/${cartID} 200`,
      ])
    })

    it('returns the 400 document for a list without a filter', async () => {
      const { client } = serverDevice()

      const { error } = await getCarts({ client })

      expect(error).toEqual(filterRequired)
    })

    it('shares a cart between accounts, and gets it on a second instance with both', async () => {
      const owner = await newShopper()
      const accountId = randomUUID()
      const cartID = randomUUID()
      const { client: shopper } = device({}, owner)
      const { client } = serverDevice()
      const owned = accountsOf(cartID, owner.accountId)
      await createAccountCartAssociation({ client: shopper, ...owned })

      const { data } = await createAccountCartAssociation({
        client,
        ...accountsOf(cartID, accountId),
      })
      const found = await getACart({ client: serverDevice().client, path: { cartID } })

      expect(data).toEqual({ data: accounts(accountId) })
      expect(found.data).toEqual({ data: cart(cartID, ...[owner.accountId, accountId].toSorted()) })
    })

    it('lists nothing and returns the 404 document once the cart is dissociated', async () => {
      const accountId = randomUUID()
      const cartID = randomUUID()
      const { client } = serverDevice()
      const { client: other } = serverDevice()
      await createAccountCartAssociation({ client, ...accountsOf(cartID, accountId) })

      const answer = await deleteAccountCartAssociation({
        client,
        ...accountsOf(cartID, accountId),
      })
      const filter = `contains(account_ids,"${accountId}")`
      const carts = await getCarts({ client: other, query: { filter } })
      const found = await getACart({ client: other, path: { cartID } })

      expect(answer.data).toEqual({})
      expect(carts.data).toEqual(list())
      expect(found.error).toEqual(cartNotFound)
    })
  })
})
