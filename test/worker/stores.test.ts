import { applyD1Migrations, createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { homeOf } from '../../src/storage/shards.ts'
import { issuing, storedKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { loggedReasons } from './logs.ts'
import {
  accounts,
  accountsOf,
  type Changes,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

const databases = { DB: env.DB, DB_1: env.TEST_SECOND_DB }

type Name = keyof typeof databases

beforeAll(async () => {
  await applyD1Migrations(databases.DB_1, env.TEST_MIGRATIONS)
})

const rows: { home: Name; other: Name }[] = [
  { home: 'DB', other: 'DB_1' },
  { home: 'DB_1', other: 'DB' },
]

/** Makes a store that no other test has, whose rows belong in this database. */
function storeIn(home: Name, prefix = 'store'): string {
  const storeId = uniqueId(prefix)
  const { name } = homeOf([{ name: 'DB' }, { name: 'DB_1' }], storeId)
  return name === home ? storeId : storeIn(home, prefix)
}

const customerIn = (home: Name, prefix?: string) => ({
  storeId: storeIn(home, prefix),
  cartId: uniqueId('cart'),
  accountId: uniqueId('account'),
})

type Customer = ReturnType<typeof customerIn>

async function storedIn(name: Name, { storeId }: Customer): Promise<unknown[]> {
  const { results } = await databases[name]
    .prepare('select cart_id, account_id from associations where store_id = ?')
    .bind(storeId)
    .all()
  return results
}

async function store(name: Name, { storeId, cartId, accountId }: Customer): Promise<void> {
  await databases[name]
    .prepare(`insert into associations values (?, ?, ?, 1, 1, 'test', 'test')`)
    .bind(storeId, cartId, accountId)
    .run()
}

async function ask(
  method: string,
  path: string,
  caller: Record<string, string>,
  { body, changes = {} }: { body?: unknown; changes?: Changes } = {},
): Promise<Response> {
  return await sendJsonWith({ ...databases, ...changes }, method, path, caller, body)
}

async function claim(customer: Customer, changes?: Changes): Promise<Response> {
  const { storeId, cartId, accountId } = customer
  const caller = await shopper(accountId, storeId)
  const body = accounts(accountId)
  return await ask('POST', accountsOf(cartId), caller, { body, ...(changes && { changes }) })
}

const service = (changes: Changes = {}): CartAccounts =>
  new CartAccounts(createExecutionContext(), Object({ ...databases, ...changes }))

/** Counts a customer's associations in every way in which the API and CartAccounts read them. */
async function seenOf(customer: Customer, changes: Changes = {}): Promise<unknown[]> {
  const { storeId, cartId, accountId } = customer
  const [asShopper, asServer] = [await shopper(accountId, storeId), await server(storeId)]
  const listed = async (path: string, caller: Record<string, string>): Promise<unknown> => {
    const { data } = Object(await (await ask('GET', path, caller, { changes })).json())
    return data.length
  }
  const cart = await ask('GET', cartOf(cartId), asShopper, { changes })
  const other = service(changes)
  return [
    await listed('/v2/carts', asShopper),
    await listed(cartsOf(accountId), asServer),
    await listed(accountsOf(cartId), asServer),
    cart.status === 200 ? 1 : 0,
    (await other.listCarts({ storeId, accountId })).total,
    (await other.listAccounts({ storeId, cartId })).total,
    (await other.hasCart(customer)) ? 1 : 0,
  ]
}

const SEEN = [1, 1, 1, 1, 1, 1, 1]
const UNSEEN = [0, 0, 0, 0, 0, 0, 0]

describe.each(rows)('a store of $home', ({ home, other }) => {
  it('has its rows there and nowhere else, and is always read there', async () => {
    const customer = customerIn(home)

    expect((await claim(customer)).status).toBe(200)
    expect((await claim(customer)).status).toBe(204)

    const { cartId: cart_id, accountId: account_id } = customer
    expect(await storedIn(home, customer)).toEqual([{ cart_id, account_id }])
    expect(await storedIn(other, customer)).toEqual([])
    expect(await seenOf(customer)).toEqual(SEEN)
  })

  it('is not searched for in the other database', async () => {
    const customer = customerIn(home)
    await store(other, customer)

    expect(await seenOf(customer)).toEqual(UNSEEN)
  })

  it('loses its rows there by a dissociation and by an erasure', async () => {
    const [left, erased] = [customerIn(home), customerIn(home)]
    for (const customer of [left, erased]) {
      await claim(customer)
      await store(other, customer)
    }

    const body = accounts(left.accountId)
    const answers = [
      await ask('DELETE', accountsOf(left.cartId), await server(left.storeId), { body }),
      await ask('DELETE', erasureOf(erased.accountId), await server(erased.storeId)),
    ]

    expect(answers.map(({ status }) => status)).toEqual([204, 204])
    for (const customer of [left, erased]) {
      expect(await storedIn(home, customer)).toEqual([])
      expect(await storedIn(other, customer)).toHaveLength(1)
    }
  })

  it('is written there by CartAccounts too', async () => {
    const customer = customerIn(home)

    expect(await service().associate(customer)).toBe('created')
    expect(await seenOf(customer)).toEqual(SEEN)
    expect(await storedIn(other, customer)).toEqual([])

    await service().dissociate(customer)
    expect(await storedIn(home, customer)).toEqual([])
  })

  it('has its application keys in DB', async () => {
    const { clientId } = await storedKey('implicit-only', { storeId: storeIn(home) })

    const body = { grant_type: 'implicit', client_id: clientId }
    const response = await ask('POST', '/oauth/access_token', {}, { body, changes: issuing })

    expect(response.status).toBe(200)
  })

  it('is isolated from stores in both databases that have the same cart and account ids', async () => {
    const customer = customerIn(home)
    await claim(customer)

    for (const elsewhere of [home, other]) {
      const namesake = { ...customer, storeId: storeIn(elsewhere) }
      expect(await seenOf(namesake)).toEqual(UNSEEN)
      expect((await claim(namesake)).status).toBe(200)
      await ask('DELETE', erasureOf(namesake.accountId), await server(namesake.storeId))
    }
    expect(await seenOf(customer)).toEqual(SEEN)
  })

  it('accepts the bookmarks of its own database, and ignores those of the other', async () => {
    const [customer, stranger] = [customerIn(home), customerIn(other)]
    const [own = '', foreign = ''] = [await claim(customer), await claim(stranger)].map(
      ({ headers }) => headers.get('X-D1-Bookmark') ?? '',
    )
    const { db, sessions } = wrapD1(databases[home], (_, call) => call())
    const caller = await shopper(customer.accountId, customer.storeId)

    for (const bookmark of [own, foreign]) {
      const headers = { ...caller, 'X-D1-Bookmark': bookmark }
      await ask('GET', '/v2/carts', headers, { changes: { [home]: db } })
    }

    expect(sessions).toEqual([own.replace(/^DB_1-/, ''), 'first-primary'])
  })
})

const placed = { 'moving-*': ['DB_1'] }

const moves: { title: string; variable: Changes; from: Name; to: Name }[] = [
  { title: 'to DB_1', variable: { MOVING_TO: 'DB_1' }, from: 'DB', to: 'DB_1' },
  { title: 'from DB_1', variable: { MOVING_FROM: 'DB_1' }, from: 'DB_1', to: 'DB' },
  { title: 'by a rule', variable: { STORE_PLACEMENT_NEXT: placed }, from: 'DB', to: 'DB_1' },
  {
    title: 'from a rule, as JSON',
    variable: {
      STORE_PLACEMENT: JSON.stringify(placed),
      STORE_PLACEMENT_NEXT: '{"another": ["DB_1"]}',
    },
    from: 'DB_1',
    to: 'DB',
  },
]

describe.each(moves)('a store that moves $title', ({ variable, from, to }) => {
  it('is read in its old database, not in its new one', async () => {
    const [customer, copied] = [customerIn('DB_1', 'moving'), customerIn('DB_1', 'moving')]
    await store(from, customer)
    await store(to, copied)

    expect(await seenOf(customer, variable)).toEqual(SEEN)
    expect(await seenOf(copied, variable)).toEqual(UNSEEN)
  })

  it('answers every write 503, with Retry-After, and nothing is written', async () => {
    const customer = customerIn('DB_1', 'moving')
    await store(from, customer)
    const body = accounts(customer.accountId)
    const asServer = await server(customer.storeId)
    const changes = variable

    const answers = [
      await claim({ ...customer, cartId: uniqueId('cart') }, variable),
      await ask('DELETE', accountsOf(customer.cartId), asServer, { body, changes }),
      await ask('DELETE', erasureOf(customer.accountId), asServer, { changes }),
    ]

    for (const answer of answers) {
      expect(answer.headers.get('Retry-After')).toMatch(/^[123]$/)
      await expectErrors(answer, 503, { title: 'Service Unavailable' })
    }
    const reason = 'UnavailableError: The store is moving to another database'
    expect(loggedReasons()).toEqual([reason, reason, reason])
    expect(await storedIn(from, customer)).toHaveLength(1)
    expect(await storedIn(to, customer)).toEqual([])
  })

  it('answers other Workers the same', async () => {
    const customer = customerIn('DB_1', 'moving')
    const moving = { name: 'UnavailableError', message: 'The store is moving to another database' }

    await expect(service(variable).associate(customer)).rejects.toMatchObject(moving)
    await expect(service(variable).dissociate(customer)).rejects.toMatchObject(moving)
  })

  it('does not affect other stores', async () => {
    const customer = customerIn('DB')

    expect((await claim(customer, variable)).status).toBe(200)
    expect(await seenOf(customer, variable)).toEqual(SEEN)
    expect(await storedIn('DB', customer)).toHaveLength(1)
  })
})

describe('a malformed move', () => {
  it.each(['MOVING_TO', 'MOVING_FROM'])('is named to other Workers: %s', async (variable) => {
    const other = service(Object({ [variable]: 'DB_9' }))

    await expect(other.hasCart(customerIn('DB'))).rejects.toThrow(
      `${variable} must name a database that is bound beside DB`,
    )
  })
})

describe('a store that STORE_PLACEMENT names', () => {
  it('has its rows in its database, and other stores have theirs elsewhere', async () => {
    const [named, other] = [customerIn('DB', 'moving'), customerIn('DB_1')]
    const variable = { STORE_PLACEMENT: placed }

    for (const customer of [named, other]) {
      expect((await claim(customer, variable)).status).toBe(200)
      expect(await seenOf(customer, variable)).toEqual(SEEN)
    }

    expect(await storedIn('DB_1', named)).toHaveLength(1)
    expect(await storedIn('DB', other)).toHaveLength(1)
  })
})
