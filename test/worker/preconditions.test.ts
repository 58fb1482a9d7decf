import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import {
  accounts,
  accountsOf,
  cartOf,
  customer,
  erasureOf,
  sendJson,
  uniqueId,
} from './requests.ts'
import { accountIdsOf } from './rows.ts'
import { server, shopper } from './tokens.ts'

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
