import { describe, expect, it } from 'vitest'
import { expectCommonHeaders } from './expected.ts'
import { accountsOf, associate, cartOf, customer, send, uniqueId } from './requests.ts'

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
      expectCommonHeaders(response)
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
