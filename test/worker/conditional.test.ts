import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  customer,
  reads,
  send,
  sendJson,
  uniqueId,
} from './requests.ts'
import { rowsOf } from './rows.ts'
import { server } from './tokens.ts'

const etagOf = ({ headers }: Response): string => headers.get('ETag') ?? ''

describe.each(reads)('$name', ({ pathOf }) => {
  it('has an ETag that stays the same, also by HEAD, and differs from that of other carts', async () => {
    const [own, other] = [await customer(), await customer()]

    const first = await send('GET', pathOf(own.cart), own.headers)
    const head = await send('HEAD', pathOf(own.cart), own.headers)
    const another = await send('GET', pathOf(other.cart), other.headers)

    expect(first.headers.get('Cache-Control')).toBe('private, no-store')
    expect(etagOf(first)).toMatch(/^"[0-9a-f]{40}"$/)
    expect([head.status, await head.text(), etagOf(head)]).toEqual([200, '', etagOf(first)])
    expect(etagOf(another)).not.toBe(etagOf(first))
  })

  it('answers 304 without a body if the ETag matches', async () => {
    const { cart, headers } = await customer()
    const etag = etagOf(await send('GET', pathOf(cart), headers))

    for (const tags of [etag, `W/${etag}`, `"another", ${etag}`]) {
      const response = await send('GET', pathOf(cart), { ...headers, 'If-None-Match': tags })

      expect(response.status).toBe(304)
      expect(await response.text()).toBe('')
      expect(etagOf(response)).toBe(etag)
      expect(response.headers.get('Cache-Control')).toBe('private, no-store')
      expect(response.headers.has('X-D1-Bookmark')).toBe(true)
    }
  })

  it.each(['If-None-Match', 'If-Match'])(
    'answers 200 if the ETag does not match: %s',
    async (name) => {
      const { cart, headers } = await customer()

      const response = await send('GET', pathOf(cart), { ...headers, [name]: '"another"' })

      expect(response.status).toBe(200)
    },
  )
})

describe('the ETag of a list', () => {
  it('changes with the list, and not with other lists', async () => {
    const [own, other] = [await customer(), await customer()]
    const etag = async () => etagOf(await send('GET', '/v2/carts', own.headers))
    const before = await etag()

    await associate(uniqueId('cart'), other.headers, other.account)
    const stillTheSame = await etag()
    await associate(uniqueId('cart'), own.headers, own.account)

    expect(stillTheSame).toBe(before)
    expect(await etag()).not.toBe(before)
  })
})

describe('a write with a condition', () => {
  it.each([
    { name: 'If-Match', value: '"wrong"' },
    { name: 'If-Match', value: '*' },
    { name: 'If-None-Match', value: '*' },
    { name: 'If-None-Match', value: '"any"' },
    { name: 'If-Unmodified-Since', value: 'Wed, 25 Nov 2026 00:00:00 GMT' },
  ])('is answered 412 and changes nothing: $name: $value', async ({ name, value }) => {
    const { cart, account } = await customer()
    const headers = { ...(await server()), [name]: value }
    const before = await rowsOf(cart)

    const answers = [
      await sendJson('POST', accountsOf(cart), headers, accounts('another')),
      await sendJson('DELETE', accountsOf(cart), headers, accounts(account)),
    ]

    for (const each of answers) {
      await expectErrors(each, 412, {
        title: 'Precondition Failed',
        detail: 'Conditional writes are not supported, and repeats are harmless',
      })
    }
    expect(await rowsOf(cart)).toEqual(before)
  })

  it('is refused once the caller is known, and before the path is read', async () => {
    const post = async (headers: Record<string, string>) =>
      (await sendJson('POST', accountsOf('a%2Fb'), { 'If-Match': '"a"', ...headers }, {})).status

    expect(await post({})).toBe(401)
    expect(await post(await server())).toBe(412)
  })
})
