import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { expectErrors, notPermitted } from './expected.ts'
import { loggedReasons } from './logs.ts'
import { associate, cartsOf, erasureOf, send, sendWith, uniqueId } from './requests.ts'
import { accountIdsOf, insertRows } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { type Around, d1Error, loseFirst, wrapD1 } from './wrapped-d1.ts'

let account: string
beforeEach(() => {
  account = uniqueId('account')
})

afterEach(() => {
  vi.useRealTimers()
})

async function erase(
  around?: Around,
): Promise<{ response: Response; calls: number; rowsWritten: number }> {
  const { db, calls, rowsWritten } = wrapD1(env.DB, around)
  const response = await sendWith({ DB: db }, 'DELETE', erasureOf(account), await server())
  return { response, calls: calls(), rowsWritten: rowsWritten() }
}

/** Associates this many carts with the account. */
async function fill(count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    cart_id: `${account}-${index}`,
    account_id: account,
    created_at: index,
  }))
  await insertRows(rows)
}

async function countCarts(): Promise<number> {
  const { count } = (await env.DB.prepare(
    'select count(*) as "count" from associations where account_id = ?',
  )
    .bind(account)
    .first<{ count: number }>()) ?? { count: -1 }
  return count
}

describe('DELETE /v2/accounts/:accountID/relationships/carts', () => {
  it('answers 204 without a body and removes every association of the account', async () => {
    const [first, second] = [uniqueId('cart'), uniqueId('cart')]
    await associate(first, await server(), account, 'who-stays')
    await associate(second, await shopper(account), account)

    const { response } = await erase()

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(await accountIdsOf(first)).toEqual(['who-stays'])
    expect(await accountIdsOf(second)).toEqual([])
    const list = await send('GET', cartsOf(account), await server())
    expect(await list.json()).toMatchObject({ data: [], meta: { results: { total: 0 } } })
  })

  it('answers 204 to an account without carts, and to a repeat', async () => {
    expect((await erase()).response.status).toBe(204)
    expect((await erase()).response.status).toBe(204)
  })

  it('leaves the account with this id in another store alone', async () => {
    const [cart, ofAnother] = [uniqueId('cart'), uniqueId('cart')]
    await associate(cart, await server(), account)
    await associate(ofAnother, await server('another-store'), account)

    await send('DELETE', erasureOf(account), await server('another-store'))
    const afterTheOther = await accountIdsOf(cart)
    await associate(ofAnother, await server('another-store'), account)
    await erase()

    expect(afterTheOther).toEqual([account])
    expect(await accountIdsOf(cart)).toEqual([])
    expect(await accountIdsOf(ofAnother)).toEqual([account])
  })

  it('is for servers only: a shopper may not erase even its own account', async () => {
    const cart = uniqueId('cart')
    const narrowed = { ...(await shopper(account)), ...(await server()) }
    await associate(cart, await shopper(account), account)

    for (const headers of [await shopper(account), narrowed]) {
      const response = await send('DELETE', erasureOf(account), headers)

      await expectErrors(response, 403, notPermitted)
    }
    expect(await accountIdsOf(cart)).toEqual([account])
  })

  it.each(['a%20b', 'a%2Fb', `${'a'.repeat(256)}`, '%00'])(
    'answers 400 to an id that is not safe: %s',
    async (id) => {
      const response = await send('DELETE', erasureOf(id), await server())

      await expectErrors(response, 400, {
        title: 'pattern',
        detail: 'accountID must be 1 to 255 characters of A-Z a-z 0-9 _ -',
        source: 'accountID',
      })
    },
  )

  it.each(['POST', 'PUT'])('answers 405 to %s', async (method) => {
    const response = await send(method, erasureOf(account), await server())

    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD, DELETE, OPTIONS')
  })
})

describe('the erasure of many carts', () => {
  it('takes one round trip for a thousand carts, and one row written for each', async () => {
    await fill(1_000)

    const { response, calls, rowsWritten } = await erase()

    expect(response.status).toBe(204)
    expect(calls).toBe(1)
    expect(rowsWritten).toBe(1_000)
    expect(await countCarts()).toBe(0)
  })

  it('is bounded: after 15,000 it answers 503, and the next call continues', async () => {
    await fill(15_500)

    const first = await erase()
    const reasons = loggedReasons()
    const left = await countCarts()
    const second = await erase()

    expect([first.response.status, first.calls]).toEqual([503, 15])
    expect(first.response.headers.get('Retry-After')).toMatch(/^[123]$/)
    expect(reasons).toEqual([
      'UnavailableError: The account has more associations than one request removes',
    ])
    expect(left).toBe(500)
    expect([second.response.status, second.calls]).toEqual([204, 1])
    expect(await countCarts()).toBe(0)
  })

  it('keeps what it has removed if the database fails later', async () => {
    await fill(2_500)

    const { response } = await erase(async (number, call) => {
      if (number > 1) throw d1Error('D1 DB is overloaded.')
      return await call()
    })

    expect(response.status).toBe(503)
    expect(await countCarts()).toBe(1_500)
  })

  it('is tried again if the acknowledgement of a step was lost', async () => {
    await fill(1_500)

    const { response, calls } = await erase(loseFirst)

    expect([response.status, calls]).toEqual([204, 2])
    expect(await countCarts()).toBe(0)
  })

  it('has 5 s for all of its steps, and starts none after that', async () => {
    await fill(4_000)
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const started = Date.now()

    const { response, calls } = await erase(async (_, call) => {
      await vi.advanceTimersByTimeAsync(1_900)
      return await call()
    })

    expect(response.status).toBe(503)
    expect(calls).toBe(3)
    expect(Date.now() - started).toBeLessThan(6_000)
  })
})
