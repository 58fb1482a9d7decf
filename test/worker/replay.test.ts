import { env } from 'cloudflare:workers'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { seededRandom } from '../lib/random.ts'
import { issuing, storedKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import { accounts, accountsOf, cartOf, customer, send, sendWith, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import { accessParts, accountParts, server, shopper, sign } from './tokens.ts'

const ACCOUNT_TOKEN = 'EP-Account-Management-Authentication-Token'
const LIFE_MS = 3_600_000
const TOLERANCE_MS = 5_000

/** A request as somebody on the network path may have captured it. */
interface Captured {
  method: string
  path: string
  headers: Record<string, string>
  body?: string
}

const capturedWrite = (
  method: string,
  cartId: string,
  headers: Record<string, string>,
  ...accountIds: string[]
): Captured => ({
  method,
  path: accountsOf(cartId),
  headers: { ...headers, 'Content-Type': 'application/json' },
  body: JSON.stringify(accounts(...accountIds)),
})

/** Sends it from a new address each time. */
const resend = async ({ method, path, headers, body }: Captured): Promise<Response> =>
  await send(method, path, headers, body)

beforeEach(() => {
  liftLimits()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a captured request, sent again', () => {
  it('answers 204 to a repeated claim, and changes no row', proofTimeout, async ({ task }) => {
    const times = amount({ share: 60, whole: 2_000 })
    const { cart, account, headers } = await customer()
    const others = [uniqueId('account'), uniqueId('account')]
    const share = capturedWrite('POST', cart, await server(), ...others)
    await resend(share)
    const reads: Captured[] = ['/v2/carts', cartOf(cart), accountsOf(cart)].map((path) => ({
      method: 'GET',
      path,
      headers,
    }))
    const before = await rowsOf(cart)
    const texts = new Set<string>()

    await forEachOf(below(times), { atOnce: 10 }, async (index) => {
      const claim = capturedWrite('POST', cart, headers, account)
      const request = seededRandom(seed, index).pick([claim, claim, share, ...reads])
      const response = await resend(request)
      expect(response.status).toBe(request.method === 'POST' ? 204 : 200)
      texts.add(`${request.method} ${request.path}: ${await response.text()}`)
    })

    expect(await rowsOf(cart)).toEqual(before)
    expect(texts.size).toBeLessThanOrEqual(reads.length + 1)
    task.meta.figures = [`replay: ${figure(times)} requests sent again, 0 rows changed`]
  })

  it('removes only what it removed before', async () => {
    const { cart, account, headers } = await customer()
    const other = uniqueId('account')
    await resend(capturedWrite('POST', cart, await server(), other))
    const [kept] = (await rowsOf(cart)).filter((row) => row.account_id === other)
    const removal = capturedWrite('DELETE', cart, headers, account)

    for (const _ of below(10)) expect((await resend(removal)).status).toBe(204)

    expect(await rowsOf(cart)).toEqual([kept])
  })

  it('affects its own cart and account only, in any order', async () => {
    const random = seededRandom(seed)
    const [mine, others] = [await customer(), await customer()]
    const before = await rowsOf(others.cart)
    const captured: Captured[] = [
      capturedWrite('POST', mine.cart, mine.headers, mine.account),
      capturedWrite('DELETE', mine.cart, mine.headers, mine.account),
      { method: 'GET', path: accountsOf(mine.cart), headers: mine.headers },
    ]

    await forEachOf(below(60), { atOnce: 5 }, async () => {
      const { status } = await resend(random.pick(captured))
      expect([200, 204]).toContain(status)
    })
    const rows = await rowsOf(mine.cart)
    await resend(capturedWrite('DELETE', mine.cart, mine.headers, mine.account))

    expect(rows.map((row) => row.account_id)).toEqual(rows.map(() => mine.account))
    expect(await rowsOf(mine.cart)).toEqual([])
    expect(await rowsOf(others.cart)).toEqual(before)
  })

  it('is refused once its access token has expired, and says so', async () => {
    const { cart, account, headers } = await customer()
    const claim = capturedWrite('POST', cart, headers, account)
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + LIFE_MS + TOLERANCE_MS)

    await expectErrors(await resend(claim), 401, {
      title: 'Unable to validate access token',
      detail: 'The access token has expired',
    })
  })

  it('is refused once its account token has expired, even beside a new access token', async () => {
    const { cart, account, headers } = await customer()
    const removal = capturedWrite('DELETE', cart, headers, account)
    const before = await rowsOf(cart)
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + LIFE_MS + TOLERANCE_MS)

    const response = await resend({ ...removal, headers: { ...headers, ...(await server()) } })

    await expectErrors(response, 403, {
      title: 'Unable to validate account management authentication token',
    })
    expect(await rowsOf(cart)).toEqual(before)
  })
})

describe('the two tokens of different captured requests', () => {
  const [STORE, OTHER_STORE] = [uniqueId('store'), uniqueId('store')]
  const access = async (storeId: string, grant: string) => ({
    storeId,
    token: await sign(accessParts({ store_id: storeId, grant_type: grant })),
  })
  const account = async (storeId: string) => {
    const [accountId, cartId] = [uniqueId('account'), uniqueId('cart')]
    const token = await sign(accountParts({ store_id: storeId, account_id: accountId }))
    const headers = await shopper(accountId, storeId)
    await resend(capturedWrite('POST', cartId, headers, accountId))
    return { storeId, accountId, cartId, token }
  }

  it('act for the account of the account token, in one store, or are refused', async () => {
    const accesses = await Promise.all(
      [STORE, OTHER_STORE].flatMap((storeId) =>
        ['implicit', 'client_credentials'].map((grant) => access(storeId, grant)),
      ),
    )
    const owners = await Promise.all([STORE, STORE, OTHER_STORE].map(account))

    for (const { storeId, token } of accesses) {
      for (const owner of owners) {
        const headers = { Authorization: `Bearer ${token}`, [ACCOUNT_TOKEN]: owner.token }
        const sameStore = storeId === owner.storeId
        const list = await send('GET', '/v2/carts', headers)
        const { data = [] } = Object(await list.json())

        expect(list.status).toBe(sameStore ? 200 : 403)
        expect(data.map(({ id }: { id: string }) => id)).toEqual(sameStore ? [owner.cartId] : [])

        for (const { cartId, accountId } of owners.filter((each) => each !== owner)) {
          const before = await rowsOf(cartId)
          for (const method of ['POST', 'DELETE']) {
            const replayed = capturedWrite(method, cartId, headers, accountId)
            expect((await resend(replayed)).status).toBe(403)
          }
          expect(await rowsOf(cartId)).toEqual(before)
        }
      }
    }
  })

  it('are refused if one of them is missing', async () => {
    const { accountId, cartId, token } = await account(STORE)
    const implicit = await access(STORE, 'implicit')
    const alone = [{ [ACCOUNT_TOKEN]: token }, { Authorization: `Bearer ${implicit.token}` }]

    const statuses = await Promise.all(
      alone.map(async (headers) => {
        const response = await resend(capturedWrite('DELETE', cartId, headers, accountId))
        return response.status
      }),
    )

    expect(statuses).toEqual([401, 403])
    expect(await rowsOf(cartId)).toHaveLength(1)
  })
})

describe('a captured token request, sent again', () => {
  it('issues a new token of the same store, and changes no application key', async () => {
    const { clientId, secret, storeId } = await storedKey('confidential')
    const stored = () => env.DB.prepare('select * from application_keys').all()
    const { results: before } = await stored()
    const body = JSON.stringify({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: secret,
    })

    const tokens = await Promise.all(
      below(20).map(async () => {
        const headers = { 'Content-Type': 'application/json' }
        const response = await sendWith(issuing, 'POST', '/oauth/access_token', headers, body)
        return decodeJwt(Object(await response.json()).access_token)
      }),
    )

    expect(new Set(tokens.map((claims) => claims['store_id']))).toEqual(new Set([storeId]))
    expect(new Set(tokens.map(({ jti }) => jti)).size).toBe(20)
    expect((await stored()).results).toEqual(before)
  })
})
