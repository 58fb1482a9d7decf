import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { associate, type Changes, send, sendJson, sendWith, uniqueId } from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { accessParts, server, shopper, sign } from './tokens.ts'
import { loseFirst, wrapD1 } from './wrapped-d1.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
let cart: string
let account: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
})

const guest = async () => ({
  Authorization: `Bearer ${await sign(accessParts({ grant_type: 'implicit' }))}`,
})

const create = async (caller: Record<string, string>, body: unknown): Promise<Response> =>
  await sendJson('POST', '/v2/carts', caller, body)

/** Sends the request to a database that counts its calls. */
async function counted(
  caller: Record<string, string>,
  body: unknown,
  changes: Changes = {},
): Promise<{ response: Response; trips: number; statements: number }> {
  const { db, calls, statements } = wrapD1(env.DB)
  const withType = { 'Content-Type': 'application/json', ...caller }
  const all = { DB: db, ...changes }
  const response = await sendWith(all, 'POST', '/v2/carts', withType, JSON.stringify(body))
  return { response, trips: calls(), statements: statements.length }
}

const cartWith = (id: unknown, ...accountIds: string[]): object => ({
  data: {
    type: 'cart',
    id,
    meta: { timestamps: { created_at: time, updated_at: time } },
    relationships: {
      accounts: { data: accountIds.map((each) => ({ type: 'account', id: each })) },
      items: { data: [] },
    },
    links: { self: expect.stringMatching(/^https:\/\/api\.example\/v2\/carts\/[\w-]+$/) },
  },
})

describe('POST /v2/carts by a shopper', () => {
  it('answers 201 with the cart, which its account then has', async () => {
    const caller = await shopper(account)

    const response = await create(caller, { data: { type: 'cart', id: cart } })

    expect(response.status).toBe(201)
    const document = Object(await response.json())
    expect(document).toEqual(cartWith(cart, account))
    expect(response.headers.get('Location')).toBe(document.data.links.self)
    expect(await accountIdsOf(cart)).toEqual([account])
    const read = await send('GET', `/v2/carts/${cart}`, caller)
    expect(await read.json()).toEqual(document)
  })

  it('stores the account member, the time and the request', async () => {
    const response = await create(await shopper(account), { id: cart })

    const [row] = await rowsOf(cart)
    expect(row).toMatchObject({
      created_by: 'member-1',
      request_id: response.headers.get('X-Request-Id'),
      used_at: row?.created_at,
    })
  })

  it.each([
    { title: 'no body', body: undefined },
    { title: 'an empty object', body: {} },
    { title: 'what published storefronts send', body: { name: 'Cart' } },
    { title: 'the same in data', body: { data: { name: 'Cart', description: 'mine' } } },
    { title: 'an empty data', body: { data: {} } },
  ])('makes an id that cannot be guessed: $title', async ({ body }) => {
    const response = await create(await shopper(account), body)

    expect(response.status).toBe(201)
    const document = Object(await response.json())
    expect(document).toEqual(cartWith(expect.stringMatching(UUID), account))
    expect(await accountIdsOf(document.data.id)).toEqual([account])
  })

  it('takes the id of data, and not one beside it', async () => {
    const response = await create(await shopper(account), { id: 'not safe!', data: { id: cart } })

    expect(response.status).toBe(201)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it.each([
    { body: { data: { id: 'a b' } }, source: 'data.id' },
    { body: { data: { id: '' } }, source: 'data.id' },
    { body: { data: { id: 'a'.repeat(256) } }, source: 'data.id' },
    { body: { data: { id: null } }, source: 'data.id' },
    { body: { data: { id: 7 } }, source: 'data.id' },
    { body: { id: 'a/b' }, source: 'id' },
    { body: { id: ['a'] }, source: 'id' },
  ])('answers 400 to an id that is not safe: $body', async ({ body, source }) => {
    await expectErrors(await create(await shopper(account), body), 400, {
      title: 'pattern',
      detail: 'id must be 1 to 255 characters of A-Z a-z 0-9 _ -',
      source,
    })
  })

  it.each([[[]], [[{ id: 'a' }]], ['a'], [7], [null], [true]])(
    'answers 400 to a body that is no object: %j',
    async (body) => {
      for (const each of [body, { data: body }]) {
        await expectErrors(await create(await shopper(account), each), 400, {
          title: 'Invalid json payload',
          detail: 'data must be an object',
          source: 'data',
        })
      }
    },
  )

  it('answers 200 if its account has the cart already, and uses it', async () => {
    const caller = await shopper(account)
    await associate(cart, caller, account)
    const another = uniqueId('cart')
    await associate(another, caller, account)

    const response = await create(caller, { id: cart })

    expect(response.status).toBe(200)
    expect(response.headers.has('Location')).toBe(false)
    expect(await response.json()).toEqual(cartWith(cart, account))
    const { data } = Object(await (await send('GET', '/v2/carts', caller)).json())
    expect(data.map(({ id }: { id: string }) => id)).toEqual([cart, another])
  })

  it('names its own account only, if the cart is shared', async () => {
    await associate(cart, await server(), account, uniqueId('account'))

    const response = await create(await shopper(account), { id: cart })

    expect(await response.json()).toEqual(cartWith(cart, account))
  })

  it('answers 403 to a cart of others, as the relationship does, and says nothing of it', async () => {
    await associate(cart, await server(), uniqueId('account'))

    const response = await create(await shopper(account), { id: cart })

    await expectErrors(response, 403, notPermitted)
    expect(await accountIdsOf(cart)).toHaveLength(1)
  })

  it('answers 201 once and 200 otherwise to requests at once, and stores one row', async () => {
    const caller = await shopper(account)

    const responses = await Promise.all(
      Array.from({ length: 100 }, () => create(caller, { id: cart })),
    )

    const statuses = responses.map(({ status }) => status)
    expect(statuses.filter((status) => status === 201)).toHaveLength(1)
    expect(statuses.filter((status) => status === 200)).toHaveLength(99)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('answers 201 if the acknowledgement of its write was lost', async () => {
    const { db, calls } = wrapD1(env.DB, loseFirst)

    const caller = { 'Content-Type': 'application/json', ...(await shopper(account)) }
    const body = JSON.stringify({ id: cart })
    const response = await sendWith({ DB: db }, 'POST', '/v2/carts', caller, body)

    expect([response.status, calls()]).toEqual([201, 2])
    expect(await response.json()).toEqual(cartWith(cart, account))
  })

  it('costs one round trip', async () => {
    const caller = await shopper(account)

    const made = await counted(caller, { id: cart })
    const repeated = await counted(caller, { id: cart })

    expect([made.response.status, made.trips, made.statements]).toEqual([201, 1, 2])
    expect([repeated.response.status, repeated.trips, repeated.statements]).toEqual([200, 1, 2])
  })

  it('says when the association expires, if it does', async () => {
    const changes = { ASSOCIATION_TTL_DAYS: 30 }

    const { response } = await counted(await shopper(account), {}, changes)

    const { updated_at, expires_at } = Object(await response.json()).data.meta.timestamps
    expect(Date.parse(expires_at) - Date.parse(updated_at)).toBe(30 * 86_400_000)
  })
})

describe('POST /v2/carts without an account', () => {
  it.each([
    { who: 'a server', caller: () => server() },
    { who: 'a guest', caller: guest },
  ])('answers 201 with a cart of nobody, and does not ask the database: $who', async (row) => {
    const { response, trips } = await counted(await row.caller(), { name: 'Cart' })

    expect([response.status, trips]).toEqual([201, 0])
    const document = Object(await response.json())
    expect(document).toEqual(cartWith(expect.stringMatching(UUID)))
    expect(response.headers.get('Location')).toBe(document.data.links.self)
    expect(response.headers.has('X-D1-Bookmark')).toBe(false)
    expect(await rowsOf(document.data.id)).toEqual([])
  })

  it('takes the id of the body, also one that accounts have: it reads nothing', async () => {
    await associate(cart, await server(), account)

    const { response } = await counted(await guest(), { id: cart })

    expect(response.status).toBe(201)
    expect(await response.json()).toEqual(cartWith(cart))
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('ends at the first sign-in: a shopper claims the cart of the guest', async () => {
    const { data } = Object(await (await create(await guest(), { name: 'Cart' })).json())

    expect((await associate(data.id, await shopper(account), account)).status).toBe(200)
    expect(await accountIdsOf(data.id)).toEqual([account])
  })

  it('has the same type, size and preconditions as every write', async () => {
    const caller = await guest()
    const json = { 'Content-Type': 'application/json', ...caller }
    const statuses = await Promise.all([
      send('POST', '/v2/carts', { ...caller, 'Content-Type': 'text/csv' }, '{}'),
      send('POST', '/v2/carts', json, `{"name":"${'x'.repeat(66_000)}"}`),
      send('POST', '/v2/carts', json, '{'),
      send('POST', '/v2/carts', { ...json, 'If-None-Match': '*' }, '{}'),
      send('POST', '/v2/carts', { ...json, 'Content-Encoding': 'gzip' }, '{}'),
      send('POST', '/v2/carts', caller),
    ])

    expect(statuses.map(({ status }) => status)).toEqual([415, 413, 400, 412, 415, 201])
  })

  it.each(['GET', 'DELETE'])('lets a guest do nothing else: %s', async (method) => {
    const responses = await Promise.all(
      ['/v2/carts', `/v2/carts/${cart}`]
        .slice(method === 'GET' ? 0 : 1)
        .map(async (path) => await send(method, path, await guest())),
    )

    for (const { status } of responses) expect(status).toBe(403)
  })
})
