import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { issuing, storedKey } from './application-keys.ts'
import {
  accounts,
  accountsOf,
  associate,
  type Changes,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { type RecordedStatement, wrapD1 } from './wrapped-d1.ts'

const [cart, account] = [uniqueId('cart'), uniqueId('account')]
const callers = { server, shopper: () => shopper(account) }
const tokenRequest = async () => {
  const { clientId, secret } = await storedKey('confidential')
  return { grant_type: 'client_credentials', client_id: clientId, client_secret: secret }
}
const named = async () => accounts(account)
const none = async () => undefined

beforeAll(async () => {
  await associate(cart, await server(), account)
})

type Asked = [
  caller: keyof typeof callers,
  method: string,
  path: string,
  body: () => Promise<unknown>,
]

/** Every operation that queries the database, except /readyz, which only looks for any row. */
const operations: [name: string, Asked][] = [
  ['a list of carts, by a server', ['server', 'GET', cartsOf(account), none]],
  ['a list of carts, by a shopper', ['shopper', 'GET', '/v2/carts?page[offset]=20', none]],
  ['a single cart, by a server', ['server', 'GET', cartOf(cart), none]],
  ['a single cart, by a shopper', ['shopper', 'GET', cartOf(cart), none]],
  ['a list of accounts, by a server', ['server', 'GET', accountsOf(cart), none]],
  ['a list of accounts, by a shopper', ['shopper', 'GET', accountsOf(cart), none]],
  ['a new association, by a server', ['server', 'POST', accountsOf(uniqueId('cart')), named]],
  ['a new association, by a shopper', ['shopper', 'POST', accountsOf(uniqueId('cart')), named]],
  ['a repeated association, by a server', ['server', 'POST', accountsOf(cart), named]],
  ['a repeated association, by a shopper', ['shopper', 'POST', accountsOf(cart), named]],
  ['a new cart, by a shopper', ['shopper', 'POST', '/v2/carts', none]],
  ['an export', ['server', 'GET', erasureOf(account), none]],
  ['a dissociation, by a server', ['server', 'DELETE', accountsOf(cart), named]],
  ['a dissociation, by a shopper', ['shopper', 'DELETE', accountsOf(cart), named]],
  ['a removal, by a server', ['server', 'DELETE', cartOf(uniqueId('cart')), none]],
  ['a removal, by a shopper', ['shopper', 'DELETE', cartOf(uniqueId('cart')), none]],
  ['an erasure', ['server', 'DELETE', erasureOf(account), none]],
  ['a token request', ['server', 'POST', '/oauth/access_token', tokenRequest]],
]

/** Sends the request, and returns SQLite's plan of each of its statements. */
async function plansOf([caller, method, path, body]: Asked): Promise<string[][]> {
  const { db, batches } = wrapD1(env.DB, (_, call) => call())
  const changes: Changes = { ...issuing, DB: db }
  const { ok } = await sendJsonWith(changes, method, path, await callers[caller](), await body())
  expect(ok).toBe(true)
  return await Promise.all(batches.flat().map(planOf))
}

async function planOf({ sql, parameters }: RecordedStatement): Promise<string[]> {
  const { results } = await env.DB.prepare(`explain query plan ${sql}`)
    .bind(...parameters)
    .all<{ detail: string }>()
  return results.map(({ detail }) => detail)
}

/** Plans that read no more rows than a cart, an account or a key has, or than the request named. */
const BOUNDED = [
  /^SEARCH associations USING PRIMARY KEY \(store_id=\? AND cart_id=\?/,
  /^SEARCH (associations|listed) USING (COVERING )?INDEX associations_by_account \(store_id=\? AND account_id=\?/,
  /^SEARCH application_keys USING PRIMARY KEY \(client_id=\?\)/,
  /^SCAN (json_each VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\))/,
]

describe.each(operations)('the statements of %s', (_, asked) => {
  it('find their rows by the primary key or the index, and scan no table', async () => {
    const plans = await plansOf(asked)

    const reads = plans.flat().filter((step) => /^(SCAN|SEARCH)/.test(step))
    expect(reads).not.toEqual([])
    expect(reads.filter((step) => !BOUNDED.some((bounded) => bounded.test(step)))).toEqual([])
  })
})

describe('the statements of a list of carts', () => {
  it('sort nothing: the index is in their order', async () => {
    const plans = await plansOf(['server', 'GET', cartsOf(account), none])

    expect(plans.flat().filter((step) => step.includes('TEMP B-TREE'))).toEqual([])
  })
})
