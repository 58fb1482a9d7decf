import { beforeEach, describe, expect, it } from 'vitest'
import { cartDocument, expectErrors } from './expected.ts'
import {
  associate,
  atOnce,
  cartOf,
  idsIn,
  send,
  sendCounted,
  sendJson,
  tally,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { loseFirst } from './wrapped-d1.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let cart: string
let account: string
beforeEach(() => {
  cart = uniqueId('cart')
  account = uniqueId('account')
})

const guest = () => server('demo', { grant_type: 'implicit' })

const create = async (caller: Record<string, string>, body: unknown): Promise<Response> =>
  await sendJson('POST', '/v2/carts', caller, body)

describe('POST /v2/carts by a shopper', () => {
  it('answers 201 with the cart, which its account then has', async () => {
    const caller = await shopper(account)

    const response = await create(caller, { data: { type: 'cart', id: cart } })

    expect(response.status).toBe(201)
    expect(response.headers.get('Location')).toBe(`https://api.example/v2/carts/${cart}`)
    const document = await response.json()
    expect(document).toEqual({ data: cartDocument(cart, account) })
    expect(await (await send('GET', cartOf(cart), caller)).json()).toEqual(document)
    const [row, ...others] = await rowsOf(cart)
    expect(others).toEqual([])
    expect(row).toMatchObject({
      account_id: account,
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
    const { data } = Object(await response.json())
    expect(data.id).toMatch(UUID)
    expect(data).toEqual(cartDocument(data.id, account))
    expect(await accountIdsOf(data.id)).toEqual([account])
  })

  it('takes the id of data, and not one beside it', async () => {
    const response = await create(await shopper(account), { id: 'not safe!', data: { id: cart } })

    expect(response.status).toBe(201)
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it.each([
    ...['a b', '', 'a'.repeat(256), null, 7].map((id) => ({
      body: { data: { id } },
      source: 'data.id',
    })),
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

  it('answers 200 if its account has the cart already, naming it alone, and uses the cart', async () => {
    const caller = await shopper(account)
    await associate(cart, await server(), account, uniqueId('account'))
    const another = uniqueId('cart')
    await associate(another, caller, account)

    const response = await create(caller, { id: cart })

    expect(response.status).toBe(200)
    expect(response.headers.has('Location')).toBe(false)
    expect(await response.json()).toEqual({ data: cartDocument(cart, account) })
    expect(await idsIn(await send('GET', '/v2/carts', caller))).toEqual([cart, another])
  })

  it('answers 201 once and 200 otherwise to requests at once, and stores one row', async () => {
    const caller = await shopper(account)

    const responses = await atOnce(100, () => create(caller, { id: cart }))

    expect(tally(responses)).toEqual({ 201: 1, 200: 99 })
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('answers 201 if the acknowledgement of its write was lost', async () => {
    const asked = { body: { id: cart }, around: loseFirst }

    const made = await sendCounted('POST', '/v2/carts', await shopper(account), asked)

    expect([made.status, made.trips]).toEqual([201, 2])
    expect(await made.response.json()).toEqual({ data: cartDocument(cart, account) })
  })
})

describe('POST /v2/carts without an account', () => {
  it.each([
    { who: 'a server', caller: () => server() },
    { who: 'a guest', caller: guest },
  ])('answers 201 with a cart of nobody, and does not ask the database: $who', async (row) => {
    const body = { name: 'Cart' }
    const made = await sendCounted('POST', '/v2/carts', await row.caller(), { body })

    expect([made.status, made.trips]).toEqual([201, 0])
    const { data } = Object(await made.response.json())
    expect(data.id).toMatch(UUID)
    expect(data).toEqual(cartDocument(data.id))
    expect(made.response.headers.get('Location')).toBe(data.links.self)
    expect(made.response.headers.has('X-D1-Bookmark')).toBe(false)
    expect(await rowsOf(data.id)).toEqual([])
  })

  it('takes the id of the body, also one that accounts have: it reads nothing', async () => {
    await associate(cart, await server(), account)

    const response = await create(await guest(), { id: cart })

    expect(response.status).toBe(201)
    expect(await response.json()).toEqual({ data: cartDocument(cart) })
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it('needs no body, and refuses one that is not JSON or is encoded', async () => {
    const caller = await guest()
    const json = { 'Content-Type': 'application/json', ...caller }
    const responses = await Promise.all([
      send('POST', '/v2/carts', caller),
      send('POST', '/v2/carts', json, '{'),
      send('POST', '/v2/carts', { ...json, 'Content-Encoding': 'gzip' }, '{}'),
    ])

    expect(responses.map(({ status }) => status)).toEqual([201, 400, 415])
  })
})
