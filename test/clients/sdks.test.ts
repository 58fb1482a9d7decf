// The clients that Elastic Path publishes, each on two devices of a shopper and on two instances of a server.
import { randomUUID } from 'node:crypto'
import * as elasticPath from '@elasticpath/js-sdk'
import {
  createACart,
  createAccountCartAssociation,
  createAnAccessToken,
  createClient,
  createShopperClient,
  deleteACart,
  deleteAccountCartAssociation,
  getACart,
  getCarts,
} from '@epcc-sdk/sdks-shopper'
import * as moltin from '@moltin/sdk'
import { describe, expect, it } from 'vitest'
import {
  accessTokenRefused,
  accounts,
  accountTokenRefused,
  cart,
  cartNotFound,
  expectPreflights,
  filterRequired,
  forged,
  list,
  newShopper,
  notPermitted,
  pathOf,
  type RecordedFetch,
  recordedFetch,
  worker,
  wrongSecret,
} from './worker.ts'

/** Who uses a client: a server has the secret. */
interface Caller {
  accountId?: string
  accountToken?: string
  clientSecret?: string
}

/** One browser or process. Its calls return the document, or `{ thrown }` or `{ error }` with a refusal. */
interface Device extends Omit<RecordedFetch, 'fetch'> {
  authenticate: () => Promise<unknown>
  associate: (cartId: string) => Promise<unknown>
  dissociate: (cartId: string) => Promise<unknown>
  list: () => Promise<unknown>
  get: (cartId: string) => Promise<unknown>
  create: (cartId: string) => Promise<unknown>
  remove: (cartId: string) => Promise<unknown>
}

const TOKEN = 'POST /oauth/access_token 200'
const CUSTOMER_TOKEN = { 'X-Moltin-Customer-Token': 'a customer token' }

/** The types omit the filter; the code accepts it. */
interface FilteredCarts {
  Filter(filter: object): { All(): Promise<unknown> }
}

type Gateway = typeof elasticPath.gateway | typeof moltin.gateway

function gatewayOf(gateway: Gateway, { fetch }: RecordedFetch, headers = {}, clientSecret = '') {
  const config = {
    client_id: worker.clientId,
    ...(clientSecret !== '' && { client_secret: clientSecret }),
    currency: 'EUR',
    language: 'en',
    application: 'shop',
    host: new URL(worker.url).host,
    protocol: 'http',
    storage: new Map<string, string>(),
    custom_fetch: fetch,
    // Keeps the client's four tries, and skips the seconds between them.
    retryDelay: 1,
    retryJitter: 1,
    headers: { ...headers, ...CUSTOMER_TOKEN },
  }
  return gateway(config)
}

const byGateway =
  (gateway: Gateway) =>
  ({ accountId = '', accountToken = '', clientSecret }: Caller, forgeries = 0): Device => {
    const recorded = recordedFetch(forgeries)
    // Spelled as AddAccountAssociation spells it, so that one header replaces the other.
    const headers = accountToken && { 'EP-ACCOUNT-MANAGEMENT-AUTHENTICATION-TOKEN': accountToken }
    const client = gatewayOf(gateway, recorded, { ...headers }, clientSecret)
    const carts: FilteredCarts & ReturnType<typeof client.Cart> = client.Cart()
    const ofAccount = { contains: { account_ids: accountId } }
    const isServer = clientSecret !== undefined && accountId !== ''
    const outcomeOf = (document: Promise<unknown>) => document.catch((thrown) => ({ thrown }))
    return {
      ...recorded,
      authenticate: () => client.Authenticate(),
      associate: (id) => outcomeOf(client.Cart(id).AddAccountAssociation(accountId, accountToken)),
      dissociate: (id) =>
        outcomeOf(client.Cart(id).RemoveAccountAssociation(accountId, accountToken)),
      list: () => outcomeOf(isServer ? carts.Filter(ofAccount).All() : carts.GetCartsList()),
      get: (id) => outcomeOf(client.Cart(id).Get()),
      create: (id) => outcomeOf(client.Cart().CreateCart({ id, name: 'Cart' })),
      remove: (id) => outcomeOf(client.Cart(id).Delete()),
    }
  }

function byOperations(
  { accountId = '', accountToken, clientSecret }: Caller,
  forgeries = 0,
): Device {
  const recorded = recordedFetch(forgeries)
  const { fetch } = recorded
  const { url: baseUrl, clientId } = worker
  // The client's own token provider asks for implicit tokens only, so a server sets one.
  const tokenProviderOf = (client_secret: string) => async () => {
    const { data } = await createAnAccessToken({
      client: createClient({ baseUrl, fetch }),
      body: { grant_type: 'client_credentials', client_id: clientId, client_secret },
      throwOnError: true,
    })
    return data
  }
  let stored: string | undefined
  const storage = {
    get: () => stored,
    set: (credentials?: string) => {
      stored = credentials
    },
  }
  const token = accountToken && { 'EP-Account-Management-Authentication-Token': accountToken }
  const { client, auth } = createShopperClient(
    { baseUrl, fetch, headers: { ...token, ...CUSTOMER_TOKEN } },
    { clientId, storage, ...(clientSecret && { tokenProvider: tokenProviderOf(clientSecret) }) },
  )
  const isServer = clientSecret !== undefined && accountId !== ''
  const query = isServer && { query: { filter: `contains(account_ids,"${accountId}")` } }
  const associationOf = (cartID: string) => ({
    client,
    path: { cartID },
    body: { data: accounts(accountId) },
  })
  const outcomeOf = (result: Promise<{ data?: unknown; error?: unknown }>) =>
    result.then(
      ({ data, error }) => (error === undefined ? data : { error }),
      (thrown) => ({ thrown }),
    )
  return {
    ...recorded,
    authenticate: async () => {
      await auth.getValidAccessToken()
      return JSON.parse(stored ?? '')
    },
    associate: (id) => outcomeOf(createAccountCartAssociation(associationOf(id))),
    dissociate: (id) => outcomeOf(deleteAccountCartAssociation(associationOf(id))),
    list: () => outcomeOf(getCarts({ client, ...query })),
    get: (cartID) => outcomeOf(getACart({ client, path: { cartID } })),
    create: (id) => {
      const data = { id, name: 'Cart' }
      return outcomeOf(createACart({ client, body: { data } }))
    },
    remove: (cartID) => outcomeOf(deleteACart({ client, path: { cartID } })),
  }
}

const older = { refusal: 'thrown', nothing: '{}', quote: '', tries: 4 } as const
const sdks = [
  {
    name: '@elasticpath/js-sdk 35.0.0',
    version: '35.0.0',
    open: byGateway(elasticPath.gateway),
    ...older,
  },
  { name: '@moltin/sdk 36.0.0', version: '36.0.0', open: byGateway(moltin.gateway), ...older },
  {
    name: '@epcc-sdk/sdks-shopper 0.3.0',
    version: null,
    open: byOperations,
    refusal: 'error',
    nothing: {},
    quote: '"',
    tries: 2,
  },
] as const

const clientSecret = worker.clientSecret
const newServer = async () => ({ accountId: randomUUID(), clientSecret })
const callers = [
  {
    who: 'a shopper',
    newCaller: newShopper,
    form: `grant_type=implicit&client_id=${worker.clientId}`,
  },
  {
    who: 'a server',
    newCaller: newServer,
    form: `grant_type=client_credentials&client_id=${worker.clientId}&client_secret=${clientSecret}`,
  },
]

describe.each(sdks)('$name', ({ version, open, refusal, nothing, quote, tries }) => {
  describe.each(callers)('as $who', ({ who, newCaller, form }) => {
    const listOf = (accountId: string) =>
      who === 'a shopper'
        ? 'GET /v2/carts'
        : `GET /v2/carts?filter=contains(account_ids,${quote}${accountId}${quote})`

    it('asks for an access token with an encoded form', async () => {
      const { authenticate, exchanges, sent } = open(await newCaller())

      const token = await authenticate()

      const [{ headers, body } = {}] = exchanges
      expect(token).toMatchObject({
        access_token: expect.any(String),
        expires: expect.any(Number),
        expires_in: 3600,
        token_type: 'Bearer',
      })
      expect(sent()).toEqual([TOKEN])
      expect(headers?.get('Content-Type')).toBe('application/x-www-form-urlencoded')
      expect(body).toBe(form)
    })

    it('keeps a cart, 200 and then 204, finds it on a second device, and removes it', async () => {
      const caller = await newCaller()
      const { accountId } = caller
      const cartId = randomUUID()
      const [phone, laptop] = [open(caller), open(caller)]

      const first = await phone.associate(cartId)
      const second = await phone.associate(cartId)
      const listed = await laptop.list()
      const found = await laptop.get(cartId)
      const removed = await phone.dissociate(cartId)
      const emptied = await laptop.list()
      const gone = await laptop.get(cartId)

      const expected = cart(cartId, accountId)
      expect(first).toEqual({ data: accounts(accountId) })
      expect([second, removed]).toEqual([nothing, nothing])
      expect(listed).toEqual(list(expected))
      expect(found).toEqual({ data: expected })
      expect(emptied).toEqual(list())
      expect(gone).toEqual({ [refusal]: cartNotFound })
      expect(phone.sent()).toEqual([
        TOKEN,
        `POST ${pathOf(cartId)} 200`,
        `POST ${pathOf(cartId)} 204`,
        `DELETE ${pathOf(cartId)} 204`,
      ])
      expect(laptop.sent()).toEqual([
        TOKEN,
        `${listOf(accountId)} 200`,
        `GET /v2/carts/${cartId} 200`,
        `${listOf(accountId)} 200`,
        `GET /v2/carts/${cartId} 404`,
      ])
    })

    it('has a forged account token refused with the 403 document, and tries once', async () => {
      const { accountToken } = await newShopper()
      const caller = { ...(await newCaller()), accountToken: forged(accountToken) }
      const cartId = randomUUID()
      const { associate, sent } = open(caller)

      expect(await associate(cartId)).toEqual({ [refusal]: accountTokenRefused })
      expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 403`])
    })

    it('renews an access token that is answered with 401, and succeeds', async () => {
      const caller = await newCaller()
      const target = listOf(caller.accountId)
      const { list: listCarts, sent } = open(caller, 1)

      expect(await listCarts()).toEqual(list())
      expect(sent()).toEqual([TOKEN, `${target} 401`, TOKEN, `${target} 200`])
    })

    it(`gives the 401 document after ${tries} tries if each renewed token is forged too`, async () => {
      const caller = await newCaller()
      const { list: listCarts, sent } = open(caller, tries)

      expect(await listCarts()).toEqual({ [refusal]: accessTokenRefused })
      const attempt = [TOKEN, `${listOf(caller.accountId)} 401`]
      expect(sent()).toEqual(Array.from({ length: tries }, () => attempt).flat())
    })
  })

  it('makes a cart that the account of a shopper has, and deletes it', async () => {
    const shopper = await newShopper()
    const cartId = randomUUID()
    const { create, remove, list: listCarts, sent } = open(shopper)

    expect(await create(cartId)).toEqual({ data: cart(cartId, shopper.accountId) })
    expect(await remove(cartId)).toEqual(nothing)
    expect(await listCarts()).toEqual(list())
    expect(sent()).toEqual([
      TOKEN,
      'POST /v2/carts 201',
      `DELETE /v2/carts/${cartId} 204`,
      'GET /v2/carts 200',
    ])
  })

  it('has the takeover of a cart refused with the 403 document, and tries once', async () => {
    const cartId = randomUUID()
    const { associate, sent } = open(await newShopper())
    await open(await newShopper()).associate(cartId)

    expect(await associate(cartId)).toEqual({ [refusal]: notPermitted })
    expect(sent()).toEqual([TOKEN, `POST ${pathOf(cartId)} 403`])
  })

  it('lets a server share a cart, which another instance gets with both accounts', async () => {
    const [owner, friend] = [await newShopper(), await newServer()]
    const both = [owner.accountId, friend.accountId].toSorted()
    const cartId = randomUUID()
    await open(owner).associate(cartId)

    expect(await open(friend).associate(cartId)).toEqual({ data: accounts(friend.accountId) })
    expect(await open(friend).get(cartId)).toEqual({ data: cart(cartId, ...both) })
  })

  it('has a list of a server without a filter refused with the 400 document', async () => {
    const { list: listCarts, sent } = open({ clientSecret })

    expect(await listCarts()).toEqual({ [refusal]: filterRequired })
    expect(sent()).toEqual([TOKEN, 'GET /v2/carts 400'])
  })

  it('throws the 401 document for a wrong secret, and tries once', async () => {
    const { list: listCarts, sent } = open({ clientSecret: 'wrong' })

    expect(await listCarts()).toEqual({ thrown: wrongSecret })
    expect(sent()).toEqual(['POST /oauth/access_token 401'])
  })

  it('may send every header from a browser', async () => {
    const { associate, dissociate, list: listCarts, get, exchanges } = open(await newShopper())
    const cartId = randomUUID()
    await associate(cartId)
    await listCarts()
    await get(cartId)
    await dissociate(cartId)

    await expectPreflights(exchanges)

    expect(exchanges).toHaveLength(5)
    const last = exchanges.at(-1)?.headers
    expect(last?.get('X-Moltin-Customer-Token')).toBe('a customer token')
    expect(last?.get('X-Moltin-Sdk-Version')).toBe(version)
  })
})

describe.each([
  { name: '@elasticpath/js-sdk', gateway: elasticPath.gateway },
  { name: '@moltin/sdk', gateway: moltin.gateway },
])('the gateway of $name', ({ gateway }) => {
  it('sends the account token twice in a header spelt in two ways, which counts once', async () => {
    const { accountId, accountToken } = await newShopper()
    const name = 'EP-Account-Management-Authentication-Token'
    const recorded = recordedFetch()
    const client = gatewayOf(gateway, recorded, { [name]: accountToken })

    const answer = client.Cart().AddAccountAssociation(accountId, accountToken)

    expect(await answer).toEqual({ data: accounts(accountId) })
    const joined = recorded.exchanges[1]?.headers.get(name)
    expect(joined).toBe(`${accountToken}, ${accountToken}`)
  })

  it('associates the cart whose id it has made, and sends the request again after a 401', async () => {
    const { accountId, accountToken } = await newShopper()
    const recorded = recordedFetch(1)
    const client = gatewayOf(gateway, recorded)
    const { cartId = '' } = client
    const target = `POST ${pathOf(cartId)}`

    const answer = await client.Cart().AddAccountAssociation(accountId, accountToken)

    expect(answer).toEqual({ data: accounts(accountId) })
    expect(cartId).toMatch(/^[0-9a-f]{32}$/)
    expect(recorded.sent()).toEqual([TOKEN, `${target} 401`, TOKEN, `${target} 200`])
  })

  it('waits 1, 2 and 3 s between its four tries, and up to half a second more', () => {
    const { config } = gateway({ client_id: worker.clientId, storage: new Map() })

    expect(config).toMatchObject({ fetchMaxAttempts: 4, retryDelay: 1000, retryJitter: 500 })
  })
})

describe('the operations of @epcc-sdk/sdks-shopper', () => {
  it('cannot send a body again, return the 401 document and succeed next time', async () => {
    const shopper = await newShopper()
    const cartId = randomUUID()
    const target = `POST ${pathOf(cartId)}`
    const { associate, sent } = byOperations(shopper, 1)

    expect(await associate(cartId)).toEqual({ error: accessTokenRefused })
    expect(await associate(cartId)).toEqual({ data: accounts(shopper.accountId) })
    expect(sent()).toEqual([TOKEN, `${target} 401`, TOKEN, TOKEN, `${target} 200`])
  })
})
