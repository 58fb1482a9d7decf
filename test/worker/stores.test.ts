import { applyD1Migrations, createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { CartAccounts } from '../../src/cart-accounts.ts'
import { findPlacements, findShards, homeIn, homeOf } from '../../src/storage/shards.ts'
import { issuing, storedKey } from './application-keys.ts'
import { expectErrors } from './expected.ts'
import { loggedReasons } from './logs.ts'
import { below } from './proof.ts'
import {
  accounts,
  accountsOf,
  type Changes,
  cartOf,
  cartsOf,
  erasureOf,
  sendJsonWith,
  sendWith,
  uniqueId,
} from './requests.ts'
import { insertRows, storeIn } from './rows.ts'
import { server, shopper } from './tokens.ts'
import { wrapD1 } from './wrapped-d1.ts'

/** `DB`, `DB_1`, … */
const named = (count: number): { name: string }[] =>
  below(count).map((number) => ({ name: number === 0 ? 'DB' : `DB_${number}` }))

const homesOf = (stores: string[], among: { name: string }[]): string[] =>
  stores.map((store) => homeOf(among, store).name)

describe('the database of a store', () => {
  it('never changes: with another hash, the rows of every store would be lost', async () => {
    const uuid = 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe'
    const stores = ['demo', 'a', '0', '_-', uuid, 'z'.repeat(255)]
    const many = below(10_000).map((index) => `store-${index}`)

    const text = new TextEncoder().encode(homesOf(many, named(50)).join())
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text)).toHex()

    expect(homesOf(stores, named(2))).toEqual(['DB_1', 'DB', 'DB_1', 'DB_1', 'DB_1', 'DB_1'])
    expect(homesOf(stores, named(50))).toEqual(['DB_40', 'DB_2', 'DB_37', 'DB_30', 'DB_1', 'DB_29'])
    expect(digest).toBe('0610ba0738cff6003f709e4f22eef30f8560f8b13665f215d41ebc2a1bf8bac6')
  })

  it('does not depend on the order in which the databases are bound', () => {
    const stores = below(1_000).map((index) => `store-${index}`)

    expect(homesOf(stores, named(8).toReversed())).toEqual(homesOf(stores, named(8)))
  })

  // Ids as platforms make them: random, or counted up.
  it.each([
    { naming: 'UUIDs', storeIdOf: () => crypto.randomUUID() },
    { naming: 'numbers', storeIdOf: (index: number) => `${index}` },
    { naming: 'names in a row', storeIdOf: (index: number) => `store-${index}` },
  ])(
    'is each equally often within 5 %, and changes only for the share of one that comes or goes: $naming',
    ({ storeIdOf }) => {
      const stores = below(100_000).map(storeIdOf)
      for (const count of [2, 3, 8]) {
        const others = named(count).filter(({ name }) => name !== 'DB_1')

        const [homes, without] = [homesOf(stores, named(count)), homesOf(stores, others)]

        const share = stores.length / count
        for (const { name } of named(count)) {
          const held = homes.filter((home) => home === name).length
          expect(Math.abs(held - share) / share).toBeLessThan(0.05)
        }
        const moved = homes.filter((home, index) => home !== without[index])
        expect(new Set(moved)).toEqual(new Set(['DB_1']))
      }
    },
  )
})

describe('a placement', () => {
  const five = named(5)
  const stores = below(20_000).map((index) => `store-${index}`)
  const placesOf = (rules: unknown, storeIds: string[]): string[] => {
    const { present } = findPlacements({ STORE_PLACEMENT: rules }, five)
    return storeIds.map((store) => homeIn(present, store).name)
  }

  it('moves none of 20,000 stores that no rule names if its databases are new', () => {
    const before = homesOf(stores, named(3))
    const rules = { 'eu-*': ['DB_3', 'DB_4'] }

    const next = findPlacements({ STORE_PLACEMENT_NEXT: rules }, five)

    expect(placesOf(rules, stores)).toEqual(before)
    for (const placement of [next.present, next.future]) {
      expect(stores.map((store) => homeIn(placement, store).name)).toEqual(before)
    }
    expect(homeIn(next.present, 'eu-1').name).toBe(homeOf(named(3), 'eu-1').name)
    expect(homeIn(next.future, 'eu-1').name).toMatch(/^DB_[34]$/)
  })

  it.each([undefined, {}])('moves nothing without rules: %j', (rules) => {
    expect(placesOf(rules, stores)).toEqual(homesOf(stores, five))
  })

  it('hashes the stores of a rule over its databases, by the same weights', () => {
    const european = stores.map((store) => `eu-${store}`)

    const homes = placesOf({ 'eu-*': ['DB_4', 'DB_3'] }, european)

    expect(homes).toEqual(homesOf(european, five.slice(3)))
  })

  it('puts a store where its longest match says, an exact id before a prefix', () => {
    const stores = ['eu-7', 'eu-', 'eu-de-7', 'eu-de-', 'eu-de', 'eu-77']
    const rules = Object.entries({
      'eu-*': ['DB_2'],
      'eu-7': ['DB_1'],
      'eu-de-*': ['DB_3'],
      'eu-de-': ['DB_4'],
    })

    for (const given of [rules, rules.toReversed()]) {
      const places = placesOf(Object.fromEntries(given), stores)

      expect(places).toEqual(['DB_1', 'DB_2', 'DB_3', 'DB_4', 'DB_2', 'DB_2'])
    }
  })
})

describe('the databases of a Worker', () => {
  it('are DB and all bindings of DB_ and a number, gaps or not, and nothing else', () => {
    const { DB } = env
    const others = { DB_0: DB, DB_01: DB, DB_: DB, DB_A: DB, XDB_1: DB, DB_1X: DB }

    const found = findShards({ DB_12: env.TEST_SECOND_DB, ...others, DB, DB_3: DB })

    expect(found.all).toEqual([
      { name: 'DB', d1: DB },
      { name: 'DB_12', d1: env.TEST_SECOND_DB },
      { name: 'DB_3', d1: DB },
    ])
  })
})

const databases = { DB: env.DB, DB_1: env.TEST_SECOND_DB }

type Name = keyof typeof databases

beforeAll(async () => {
  await applyD1Migrations(databases.DB_1, env.TEST_MIGRATIONS)
})

const customerIn = (home: Name, prefix?: string) => ({
  storeId: storeIn(home, prefix),
  cartId: uniqueId('cart'),
  accountId: uniqueId('account'),
})

type Customer = ReturnType<typeof customerIn>

async function countIn(name: Name, { storeId }: Customer): Promise<unknown> {
  return await databases[name]
    .prepare('select count(*) as count from associations where store_id = ?')
    .bind(storeId)
    .first('count')
}

async function store(name: Name, { storeId, cartId, accountId }: Customer): Promise<void> {
  const row = { store_id: storeId, cart_id: cartId, account_id: accountId }
  await insertRows([row], databases[name])
}

async function claim(customer: Customer, changes: Changes = databases): Promise<Response> {
  const { storeId, cartId, accountId } = customer
  const caller = await shopper(accountId, storeId)
  return await sendJsonWith(changes, 'POST', accountsOf(cartId), caller, accounts(accountId))
}

const serviceWith = (changes: Changes): CartAccounts =>
  new CartAccounts(createExecutionContext(), Object(changes))

/** Counts a customer's associations in every way in which the API and CartAccounts read them. */
async function seenOf(customer: Customer, changes: Changes): Promise<unknown[]> {
  const { storeId, cartId, accountId } = customer
  const [asShopper, asServer] = [await shopper(accountId, storeId), await server(storeId)]
  const service = serviceWith(changes)
  const read = async (path: string, caller: Record<string, string>) => {
    const { data } = Object(await (await sendWith(changes, 'GET', path, caller)).json())
    return data
  }
  return [
    (await read('/v2/carts', asShopper)).length,
    (await read(cartsOf(accountId), asServer)).length,
    (await read(accountsOf(cartId), asServer)).length,
    (await read(cartOf(cartId), asShopper)) === undefined ? 0 : 1,
    (await service.listCarts({ storeId, accountId })).total,
    (await service.listAccounts({ storeId, cartId })).total,
    (await service.hasCart(customer)) ? 1 : 0,
  ]
}

const SEEN = [1, 1, 1, 1, 1, 1, 1]
const UNSEEN = [0, 0, 0, 0, 0, 0, 0]

const placed = { 'moving-*': ['DB_1'] }
const withRule = { ...databases, STORE_PLACEMENT: placed }

type Stored = [title: string, make: () => Customer, changes: Changes, home: Name, other: Name]

describe.each<Stored>([
  ['of DB', () => customerIn('DB'), databases, 'DB', 'DB_1'],
  ['of DB_1', () => customerIn('DB_1'), databases, 'DB_1', 'DB'],
  ['that a rule names', () => customerIn('DB', 'moving'), withRule, 'DB_1', 'DB'],
  ['that no rule names', () => customerIn('DB_1'), withRule, 'DB', 'DB_1'],
])('a store %s', (_, make, changes, home, other) => {
  it('is written, read and removed in its database and nowhere else', async () => {
    const customer = make()
    const { storeId, cartId, accountId } = customer
    const caller = await server(storeId)
    const remove = async (path: string, body?: unknown) =>
      await sendJsonWith(changes, 'DELETE', path, caller, body)
    const removals: (() => Promise<unknown>)[] = [
      () => remove(accountsOf(cartId), accounts(accountId)),
      () => remove(cartOf(cartId)),
      () => remove(erasureOf(accountId)),
      () => serviceWith(changes).dissociate(customer),
    ]
    await store(other, customer)

    for (const remove of removals) {
      expect(await seenOf(customer, changes)).toEqual(UNSEEN)
      expect((await claim(customer, changes)).status).toBe(200)
      expect(await seenOf(customer, changes)).toEqual(SEEN)
      expect(await countIn(home, customer)).toBe(1)
      await remove()
      expect(await countIn(home, customer)).toBe(0)
      expect(await countIn(other, customer)).toBe(1)
    }
    expect(await serviceWith(changes).associate(customer)).toBe('created')
    expect(await countIn(home, customer)).toBe(1)
  })

  it('has its application keys in DB', async () => {
    const { clientId } = await storedKey('implicit-only', { storeId: make().storeId })

    const body = { grant_type: 'implicit', client_id: clientId }
    const bindings = { ...changes, ...issuing }
    const response = await sendJsonWith(bindings, 'POST', '/oauth/access_token', {}, body)

    expect(response.status).toBe(200)
  })
})

describe('a bookmark', () => {
  it.each<[Name, Name]>([
    ['DB', 'DB_1'],
    ['DB_1', 'DB'],
  ])('of %s is accepted for its stores, and one of %s is ignored', async (home, other) => {
    const [customer, stranger] = [customerIn(home), customerIn(other)]
    const [own = '', foreign = ''] = [await claim(customer), await claim(stranger)].map(
      ({ headers }) => headers.get('X-D1-Bookmark') ?? '',
    )
    const { db, sessions } = wrapD1(databases[home])
    const caller = await shopper(customer.accountId, customer.storeId)

    for (const bookmark of [own, foreign]) {
      const headers = { ...caller, 'X-D1-Bookmark': bookmark }
      await sendWith({ ...databases, [home]: db }, 'GET', '/v2/carts', headers)
    }

    expect(sessions).toEqual([own.replace(/^DB_1-/, ''), 'first-primary'])
  })
})

const fromRule = {
  STORE_PLACEMENT: JSON.stringify(placed),
  STORE_PLACEMENT_NEXT: '{"another": ["DB_1"]}',
}

describe.each<[title: string, variables: Changes, from: Name, to: Name]>([
  ['to DB_1', { MOVING_TO: 'DB_1' }, 'DB', 'DB_1'],
  ['from DB_1', { MOVING_FROM: 'DB_1' }, 'DB_1', 'DB'],
  ['by a rule', { STORE_PLACEMENT_NEXT: placed }, 'DB', 'DB_1'],
  ['from a rule, as JSON', fromRule, 'DB_1', 'DB'],
])('a store that moves %s', (_, variables, from, to) => {
  const changes = { ...databases, ...variables }

  it('is read in its old database, not in its new one', async () => {
    const [customer, copied] = [customerIn('DB_1', 'moving'), customerIn('DB_1', 'moving')]
    await store(from, customer)
    await store(to, copied)

    expect(await seenOf(customer, changes)).toEqual(SEEN)
    expect(await seenOf(copied, changes)).toEqual(UNSEEN)
  })

  it('answers every write 503, with Retry-After, and nothing is written', async () => {
    const customer = customerIn('DB_1', 'moving')
    const { storeId, cartId, accountId } = customer
    const [caller, body] = [await server(storeId), accounts(accountId)]
    const message = 'The store is moving to another database'
    await store(from, customer)

    const answers = [
      await claim({ ...customer, cartId: uniqueId('cart') }, changes),
      await sendJsonWith(changes, 'DELETE', accountsOf(cartId), caller, body),
      await sendWith(changes, 'DELETE', cartOf(cartId), caller),
      await sendWith(changes, 'DELETE', erasureOf(accountId), caller),
    ]

    for (const answer of answers) {
      expect(answer.headers.get('Retry-After')).toMatch(/^[123]$/)
      await expectErrors(answer, 503, { title: 'Service Unavailable' })
    }
    expect(loggedReasons()).toEqual(answers.map(() => `UnavailableError: ${message}`))
    const moving = { name: 'UnavailableError', message }
    await expect(serviceWith(changes).associate(customer)).rejects.toMatchObject(moving)
    await expect(serviceWith(changes).dissociate(customer)).rejects.toMatchObject(moving)
    expect(await countIn(from, customer)).toBe(1)
    expect(await countIn(to, customer)).toBe(0)
  })

  it('does not affect other stores', async () => {
    const customer = customerIn('DB')

    expect((await claim(customer, changes)).status).toBe(200)
    expect(await seenOf(customer, changes)).toEqual(SEEN)
    expect(await countIn('DB', customer)).toBe(1)
  })
})
