import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { planOf, wrapD1 } from './wrapped-d1.ts'

const [cart, account] = [uniqueId('cart'), uniqueId('account')]
const callers = { server, shopper: () => shopper(account) }
const key = await storedKey('confidential')

beforeAll(async () => {
  await associate(cart, await server(), account)
})

type Asked = [caller: keyof typeof callers, method: string, path: string, body?: object]

/** Sends the request, and returns SQLite's plan of each of its statements. */
async function plansOf([caller, method, path, body]: Asked): Promise<string[][]> {
  const { db, batches } = wrapD1(env.DB)
  const changes = { ...issuing, DB: db }
  const { ok } = await sendJsonWith(changes, method, path, await callers[caller](), body)
  expect(ok).toBe(true)
  return await Promise.all(batches.flat().map(planOf))
}

/** Plans that read no more rows than a cart, an account or a key has, or than the request named. */
const BOUNDED = [
  /^SEARCH associations USING PRIMARY KEY \(store_id=\? AND cart_id=\?/,
  /^SEARCH (associations|listed) USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\?/,
  /^SEARCH application_keys USING PRIMARY KEY \(client_id=\?\)/,
  /^SCAN (json_each VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\))/,
]

describe('the statements of an operation', () => {
  const named = accounts(account)
  const [byServer, byShopper] = [uniqueId('cart'), uniqueId('cart')]
  const secret = { client_id: key.clientId, client_secret: key.secret }

  /** All that query the database, except /readyz, which only looks for any row. */
  it.each<[title: string, ...Asked]>([
    ['a list of carts', 'server', 'GET', cartsOf(account)],
    ['a list of carts', 'shopper', 'GET', '/v2/carts?page[offset]=20'],
    ['a single cart', 'server', 'GET', cartOf(cart)],
    ['a single cart', 'shopper', 'GET', cartOf(cart)],
    ['a list of accounts', 'server', 'GET', accountsOf(cart)],
    ['a list of accounts', 'shopper', 'GET', accountsOf(cart)],
    ['a new association', 'server', 'POST', accountsOf(byServer), named],
    ['a new association', 'shopper', 'POST', accountsOf(byShopper), named],
    ['a repeated association', 'server', 'POST', accountsOf(cart), named],
    ['a repeated association', 'shopper', 'POST', accountsOf(cart), named],
    ['a new cart', 'shopper', 'POST', '/v2/carts'],
    ['an export', 'server', 'GET', erasureOf(account)],
    ['a dissociation', 'server', 'DELETE', accountsOf(cart), named],
    ['a dissociation', 'shopper', 'DELETE', accountsOf(cart), named],
    ['a removal', 'server', 'DELETE', cartOf(byServer)],
    ['a removal', 'shopper', 'DELETE', cartOf(byShopper)],
    ['an erasure', 'server', 'DELETE', erasureOf(account)],
    [
      ...(['a token request', 'server', 'POST', '/oauth/access_token'] as const),
      { grant_type: 'client_credentials', ...secret },
    ],
  ])(
    'find their rows by a key or the index, and scan no table: %s by a %s',
    async (_, ...asked) => {
      const plans = await plansOf(asked)

      const reads = plans.flat().filter((step) => /^(SCAN|SEARCH)/.test(step))
      expect(reads).not.toEqual([])
      expect(reads.filter((step) => !BOUNDED.some((bounded) => bounded.test(step)))).toEqual([])
    },
  )

  it.each<Asked>([
    ['server', 'GET', cartsOf(account)],
    ['shopper', 'GET', '/v2/carts'],
  ])('are two for a list of carts by a %s, in the order of the index', async (...asked) => {
    const plans = await plansOf(asked)

    expect(plans).toHaveLength(2)
    for (const plan of plans) {
      expect(plan).toContainEqual(
        expect.stringMatching(
          /^SEARCH associations USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\? AND used_at>\?\)/,
        ),
      )
      expect(plan.join('\n')).not.toMatch(/TEMP B-TREE|SCAN associations/)
    }
  })

  it('scan and sort nothing for an erasure', async () => {
    const steps = (await plansOf(['server', 'DELETE', erasureOf(account)])).flat()

    expect(steps).toHaveLength(4)
    expect(steps.join('\n')).not.toMatch(/SCAN|TEMP B-TREE/)
  })
})
