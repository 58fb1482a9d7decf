import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  customer,
  erasureOf,
  send,
  sendJson,
  uniqueId,
} from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'

describe.each([
  { name: 'a list of carts', pathOf: () => '/v2/carts' },
  { name: 'a cart', pathOf: cartOf },
  { name: 'a list of accounts', pathOf: accountsOf },
])('$name', ({ pathOf }) => {
  it('has an ETag that stays the same, and differs from that of other carts', async () => {
    const { cart, headers } = await customer()

    const first = await send('GET', pathOf(cart), headers)
    const second = await send('GET', pathOf(cart), headers)
    const another = await customer()
    const other = await send('GET', pathOf(another.cart), another.headers)

    expect(first.headers.get('ETag')).toMatch(/^"[0-9a-f]{40}"$/)
    expect(second.headers.get('ETag')).toBe(first.headers.get('ETag'))
    expect(other.headers.get('ETag')).not.toBe(first.headers.get('ETag'))
  })

  it('answers 304 without a body if the ETag matches', async () => {
    const { cart, headers } = await customer()
    const etag = (await send('GET', pathOf(cart), headers)).headers.get('ETag') ?? ''

    for (const tags of [etag, `W/${etag}`, `"another", ${etag}`]) {
      const response = await send('GET', pathOf(cart), { ...headers, 'If-None-Match': tags })

      expect(response.status).toBe(304)
      expect(await response.text()).toBe('')
      expect(response.headers.get('ETag')).toBe(etag)
      expect(response.headers.get('Cache-Control')).toBe('private, no-store')
      expect(response.headers.has('X-D1-Bookmark')).toBe(true)
    }
  })

  it('answers 200 if the ETag does not match', async () => {
    const { cart, headers } = await customer()

    const response = await send('GET', pathOf(cart), { ...headers, 'If-None-Match': '"another"' })

    expect(response.status).toBe(200)
  })

  it('answers HEAD as GET, without a body', async () => {
    const { cart, headers } = await customer()
    const get = await send('GET', pathOf(cart), headers)

    const head = await send('HEAD', pathOf(cart), headers)

    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    expect(head.headers.get('ETag')).toBe(get.headers.get('ETag'))
  })
})

describe('the ETag of a list', () => {
  it('changes with the list, and not with other lists', async () => {
    const other = await customer()
    const { account, headers } = await customer()
    const etag = async () => (await send('GET', '/v2/carts', headers)).headers.get('ETag')
    const before = await etag()

    await associate(uniqueId('cart'), other.headers, other.account)
    const stillTheSame = await etag()
    await associate(uniqueId('cart'), headers, account)
    const after = await etag()

    expect(stillTheSame).toBe(before)
    expect(after).not.toBe(before)
  })
})

const refused = {
  title: 'Precondition Failed',
  detail: 'Conditional writes are not supported, and repeats are harmless',
}

const conditions = [
  { name: 'If-Match', value: '"wrong"' },
  { name: 'If-Match', value: '*' },
  { name: 'If-None-Match', value: '*' },
  { name: 'If-None-Match', value: '"any"' },
  { name: 'If-Unmodified-Since', value: 'Wed, 25 Nov 2026 00:00:00 GMT' },
]

describe.each(conditions)('a write with $name: $value', ({ name, value }) => {
  it('is answered 412, and nothing is written', async () => {
    const [cart, account] = [uniqueId('cart'), uniqueId('account')]
    const headers = { ...(await server()), [name]: value }

    const response = await sendJson('POST', accountsOf(cart), headers, accounts(account))

    await expectErrors(response, 412, refused)
    expect(await accountIdsOf(cart)).toEqual([])
  })

  it('is answered 412, and nothing is removed', async () => {
    const { cart, account } = await customer()
    const headers = { ...(await server()), [name]: value }

    const removal = await sendJson('DELETE', accountsOf(cart), headers, accounts(account))
    const erasure = await sendJson('DELETE', erasureOf(account), headers, undefined)

    await expectErrors(removal, 412, refused)
    await expectErrors(erasure, 412, refused)
    expect(await accountIdsOf(cart)).toEqual([account])
  })
})

describe('a precondition', () => {
  it('is checked once the caller is known, and before the path', async () => {
    const condition = { 'If-Match': '"a"' }
    const post = async (headers: Record<string, string>) =>
      (await sendJson('POST', accountsOf('a%2Fb'), { ...condition, ...headers }, {})).status

    expect(await post({})).toBe(401)
    expect(await post(await server())).toBe(412)
  })

  it('of a read works as before', async () => {
    const { cart, account, headers } = await customer()
    const first = await sendJson('GET', cartOf(cart), headers, undefined)
    const etag = { 'If-None-Match': first.headers.get('ETag') ?? '' }

    const again = await sendJson('GET', cartOf(cart), { ...headers, ...etag }, undefined)
    const other = await sendJson(
      'GET',
      cartOf(cart),
      { ...(await shopper(account)), 'If-Match': '"a"' },
      undefined,
    )

    expect([again.status, other.status]).toEqual([304, 200])
  })
})
