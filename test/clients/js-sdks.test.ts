// The two clients that share one code base, each as a shopper and as a server.
import { randomUUID } from 'node:crypto'
import * as elasticPath from '@elasticpath/js-sdk'
import * as moltin from '@moltin/sdk'
import { describe, expect, it, vi } from 'vitest'
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
  type RecordedFetch,
  recordedFetch,
  wrongSecret,
} from './exchanges.ts'
import { forged, newShopper, type Shopper, worker } from './shoppers.ts'

const sdks = [
  { name: '@elasticpath/js-sdk 35.0.0', version: '35.0.0', gateway: elasticPath.gateway },
  { name: '@moltin/sdk 36.0.0', version: '36.0.0', gateway: moltin.gateway },
]

/** The types omit the filter; the code accepts it. */
interface FilteredCarts {
  Filter(filter: object): { All(): Promise<unknown> }
}

const NO_TOKEN = ''
const TOKEN = 'POST /oauth/access_token 200'
const pathOf = (cartId: string) => `/v2/carts/${cartId}/relationships/accounts`

describe.each(sdks)('$name', ({ version, gateway }) => {
  /** One browser or process, with credentials and a cart of its own. */
  function device(options: elasticPath.ConfigOptions = {}) {
    const storage = new Map<string, string>()
    const recorded: RecordedFetch = recordedFetch()
    const config = {
      client_id: worker.clientId,
      host: new URL(worker.url).host,
      protocol: 'http',
      storage,
      custom_fetch: recorded.fetch,
      // Keeps the client's four tries, and skips the seconds between them.
      retryDelay: 1,
      retryJitter: 1,
      ...options,
    }
    const client = gateway(config)
    const { cartId = '' } = client
    return { client, cartId, storage, ...recorded }
  }

  // Spelled as AddAccountAssociation spells it, so that one header replaces the other.
  const headersOf = ({ accountToken }: Shopper) => ({
    headers: { 'EP-ACCOUNT-MANAGEMENT-AUTHENTICATION-TOKEN': accountToken },
  })
  const secret = { client_secret: worker.clientSecret }

  describe('as a shopper', () => {
    it('asks for an implicit access token with an encoded form', async () => {
      const { client, exchanges } = device()

      const token = await client.Authenticate()

      expect(token).toMatchObject({ identifier: 'implicit', token_type: 'Bearer' })
      expect(client.credentials()).toMatchObject({ access_token: token.access_token })
      expect(exchanges.map(({ line }) => line)).toEqual([TOKEN])
      expect(exchanges[0]?.headers.get('Content-Type')).toBe('application/x-www-form-urlencoded')
      expect(exchanges[0]?.body).toBe(`grant_type=implicit&client_id=${worker.clientId}`)
    })

    it('associates the cart whose id it has made', async () => {
      const { accountId, accountToken } = await newShopper()
      const { client, cartId, sent } = device()

      const answer = await client.Cart().AddAccountAssociation(accountId, accountToken)

      expect(answer).toEqual({ data: accounts(accountId) })
      expect(cartId).toMatch(/^[0-9a-f]{32}$/)
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 200`])
    })

    it('returns the string {} for the 204 of an existing association', async () => {
      const { accountId, accountToken } = await newShopper()
      const { client, cartId, sent } = device()
      await client.Cart().AddAccountAssociation(accountId, accountToken)
      sent()

      const answer = await client.Cart().AddAccountAssociation(accountId, accountToken)

      expect(answer).toBe('{}')
      expect(sent()).toEqual([`POST ${pathOf(cartId)} 204`])
    })

    it('lists the cart and gets it on a second device', async () => {
      const shopper = await newShopper()
      const { accountId, accountToken } = shopper
      const { client: phone, cartId } = device()
      const { client: laptop, cartId: ownCartId } = device(headersOf(shopper))
      await phone.Cart().AddAccountAssociation(accountId, accountToken)

      const carts = await laptop.Cart().GetCartsList()
      const found = await laptop.Cart(cartId).Get()

      const expected = cart(cartId, accountId)
      expect(ownCartId).not.toBe(cartId)
      expect(carts).toEqual(list(expected))
      expect(found).toEqual({ data: expected })
    })

    it('lists nothing and throws the 404 document once the cart is dissociated', async () => {
      const shopper = await newShopper()
      const { accountId, accountToken } = shopper
      const { client: phone, cartId } = device()
      const { client: laptop, sent } = device(headersOf(shopper))
      await phone.Cart().AddAccountAssociation(accountId, accountToken)

      const answer = await phone.Cart().RemoveAccountAssociation(accountId, accountToken)

      expect(answer).toBe('{}')
      expect(await laptop.Cart().GetCartsList()).toEqual(list())
      await expect(laptop.Cart(cartId).Get()).rejects.toEqual(cartNotFound)
      expect(sent()).toEqual([TOKEN, 'GET /v2/carts 200', `GET /v2/carts/${cartId} 404`])
    })

    it('makes a cart that the account has, and deletes it', async () => {
      const shopper = await newShopper()
      const { client, cartId, sent } = device(headersOf(shopper))

      const made = await client.Cart().CreateCart({ id: cartId, name: 'Cart' })
      const deleted = await client.Cart().Delete()

      expect(made).toEqual({ data: cart(cartId, shopper.accountId) })
      expect(deleted).toBe('{}')
      expect(await client.Cart().GetCartsList()).toEqual(list())
      expect(sent()).toEqual([
        TOKEN,
        'POST /v2/carts 201',
        `DELETE /v2/carts/${cartId} 204`,
        'GET /v2/carts 200',
      ])
    })

    it('throws the 403 document if it takes over a cart, and tries once', async () => {
      const owner = await newShopper()
      const stranger = await newShopper()
      const { client, cartId } = device()
      const { client: other, sent } = device()
      await client.Cart().AddAccountAssociation(owner.accountId, owner.accountToken)

      const takeover = other
        .Cart(cartId)
        .AddAccountAssociation(stranger.accountId, stranger.accountToken)

      await expect(takeover).rejects.toEqual(notPermitted)
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 403`])
    })

    it('throws the 403 document for a forged account token, and tries once', async () => {
      const { accountId, accountToken } = await newShopper()
      const { client, cartId, sent } = device()

      const answer = client.Cart().AddAccountAssociation(accountId, forged(accountToken))

      await expect(answer).rejects.toEqual(accountTokenRefused)
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 403`])
    })

    it('sends the account token twice in a header spelt in two ways, which counts once', async () => {
      const { accountId, accountToken } = await newShopper()
      const headers = { 'EP-Account-Management-Authentication-Token': accountToken }
      const { client, exchanges } = device({ headers })

      const answer = client.Cart().AddAccountAssociation(accountId, accountToken)

      expect(await answer).toEqual({ data: accounts(accountId) })
      const joined = exchanges[1]?.headers.get('EP-Account-Management-Authentication-Token')
      expect(joined).toBe(`${accountToken}, ${accountToken}`)
    })

    it('renews an access token that is answered with 401, and succeeds', async () => {
      const { accountId, accountToken } = await newShopper()
      const { client, cartId, storage, sent } = device()
      const { access_token: token } = await client.Authenticate()
      for (const [key, value] of storage) storage.set(key, value.replace(token, forged(token)))
      sent()

      const answer = await client.Cart().AddAccountAssociation(accountId, accountToken)

      expect(answer).toEqual({ data: accounts(accountId) })
      const target = pathOf(cartId)
      expect(sent()).toEqual([`POST ${target} 401`, TOKEN, `POST ${target} 200`])
    })

    it('throws the 401 document after four tries if each renewed token is forged too', async () => {
      const { accountId, accountToken } = await newShopper()
      const { access_token, expires } = await device().client.Authenticate()
      const renewed = { access_token: forged(access_token), expires }
      const custom_authenticator = vi.fn(async () => renewed)
      const { client, cartId, sent } = device({ custom_authenticator })

      const answer = client.Cart().AddAccountAssociation(accountId, accountToken)

      await expect(answer).rejects.toEqual(accessTokenRefused)
      expect(sent()).toEqual(Array(4).fill(`POST ${pathOf(cartId)} 401`))
      expect(custom_authenticator).toHaveBeenCalledTimes(4)
    })

    it('waits 1, 2 and 3 s between its four tries, and up to half a second more', () => {
      const { config } = gateway({ client_id: worker.clientId, storage: new Map() })

      expect(config).toMatchObject({ fetchMaxAttempts: 4, retryDelay: 1000, retryJitter: 500 })
    })

    it('may send every header from a browser', async () => {
      const shopper = await newShopper()
      const { accountId, accountToken } = shopper
      const settings = { currency: 'EUR', language: 'en', application: 'shop' }
      const { client, exchanges } = device({ ...settings, ...headersOf(shopper) })
      const used = client.Cart()
      await used.AddAccountAssociation(accountId, accountToken)
      await used.GetCartsList('a customer token')
      await used.Get()
      await used.RemoveAccountAssociation(accountId, accountToken)

      await expectPreflights(exchanges)

      expect(exchanges).toHaveLength(5)
      expect(exchanges[2]?.headers.get('X-Moltin-Customer-Token')).toBe('a customer token')
      expect(exchanges[4]?.headers.get('X-Moltin-Sdk-Version')).toBe(version)
    })
  })

  describe('as a server', () => {
    it('asks for an access token by its client credentials with an encoded form', async () => {
      const { client, exchanges } = device(secret)

      const token = await client.Authenticate()

      expect(token).toMatchObject({ identifier: 'client_credentials', token_type: 'Bearer' })
      expect(exchanges[0]?.headers.get('Content-Type')).toBe('application/x-www-form-urlencoded')
      const credentials = `client_id=${worker.clientId}&client_secret=${worker.clientSecret}`
      expect(exchanges[0]?.body).toBe(`grant_type=client_credentials&${credentials}`)
    })

    it('throws the 401 document for a wrong secret, and tries once', async () => {
      const { client, sent } = device({ client_secret: 'wrong' })

      const answer = client.Cart().GetCartsList()

      await expect(answer).rejects.toEqual(wrongSecret)
      expect(sent()).toEqual(['POST /oauth/access_token 401'])
    })

    it('renews an access token that is answered with 401, and succeeds', async () => {
      const accountId = randomUUID()
      const { client, cartId, storage, sent } = device(secret)
      const { access_token: token } = await client.Authenticate()
      for (const [key, value] of storage) storage.set(key, value.replace(token, forged(token)))
      sent()

      const answer = await client.Cart().AddAccountAssociation(accountId, NO_TOKEN)

      expect(answer).toEqual({ data: accounts(accountId) })
      const target = pathOf(cartId)
      expect(sent()).toEqual([`POST ${target} 401`, TOKEN, `POST ${target} 200`])
    })

    it('throws the 403 document for a forged account token beside its secret', async () => {
      const { accountId, accountToken } = await newShopper()
      const { client, cartId, sent } = device(secret)

      const answer = client.Cart().AddAccountAssociation(accountId, forged(accountToken))

      await expect(answer).rejects.toEqual(accountTokenRefused)
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 403`])
    })

    it('associates an account, and returns the string {} for the second response', async () => {
      const accountId = randomUUID()
      const { client, cartId, sent } = device(secret)

      const first = await client.Cart().AddAccountAssociation(accountId, NO_TOKEN)
      const second = await client.Cart().AddAccountAssociation(accountId, NO_TOKEN)

      expect(first).toEqual({ data: accounts(accountId) })
      expect(second).toBe('{}')
      const target = pathOf(cartId)
      expect(sent()).toEqual([TOKEN, `POST ${target} 200`, `POST ${target} 204`])
    })

    it('lists the carts of an account on a second instance, by Filter or its own URL', async () => {
      const accountId = randomUUID()
      const { client, cartId } = device(secret)
      const { client: other, sent } = device(secret)
      await client.Cart().AddAccountAssociation(accountId, NO_TOKEN)

      const carts: FilteredCarts = other.Cart()
      const byFilter = await carts.Filter({ contains: { account_ids: accountId } }).All()
      const query = new URLSearchParams({ filter: `contains(account_ids,"${accountId}")` })
      const byUrl = await other.request.send(`carts?${query}`, 'GET')

      const expected = list(cart(cartId, accountId))
      expect(byFilter).toEqual(expected)
      expect(byUrl).toEqual(expected)
      expect(sent()).toEqual([
        TOKEN,
        `GET /v2/carts?filter=contains(account_ids,${accountId}) 200`,
        `GET /v2/carts?filter=contains(account_ids,"${accountId}") 200`,
      ])
    })

    it('throws the 400 document for GetCartsList, which takes no filter', async () => {
      const { client, sent } = device(secret)

      await expect(client.Cart().GetCartsList()).rejects.toEqual(filterRequired)
      expect(sent()).toEqual([TOKEN, 'GET /v2/carts 400'])
    })

    it('shares a cart between accounts, and gets it on a second instance with both', async () => {
      const owner = await newShopper()
      const accountId = randomUUID()
      const { client: shopper, cartId } = device()
      const { client: server, sent } = device(secret)
      await shopper.Cart().AddAccountAssociation(owner.accountId, owner.accountToken)

      const shared = server.Cart(cartId)
      const answer = await shared.AddAccountAssociation(accountId, NO_TOKEN)
      const found = await device(secret).client.Cart(cartId).Get()

      expect(answer).toEqual({ data: accounts(accountId) })
      expect(found).toEqual({ data: cart(cartId, ...[owner.accountId, accountId].toSorted()) })
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 200`])
    })

    it('lists nothing and throws the 404 document once the cart is dissociated', async () => {
      const accountId = randomUUID()
      const { client, cartId } = device(secret)
      const { client: other } = device(secret)
      await client.Cart().AddAccountAssociation(accountId, NO_TOKEN)

      const answer = await client.Cart().RemoveAccountAssociation(accountId, NO_TOKEN)

      expect(answer).toBe('{}')
      const carts: FilteredCarts = other.Cart()
      expect(await carts.Filter({ contains: { account_ids: accountId } }).All()).toEqual(list())
      await expect(other.Cart(cartId).Get()).rejects.toEqual(cartNotFound)
    })
  })
})
