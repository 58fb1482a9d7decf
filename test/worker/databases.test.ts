import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { findPlacements, findShards, homeIn, homeOf } from '../../src/storage/shards.ts'
import { below, figure } from './proof.ts'

const STORES = 100_000

/** `DB`, `DB_1`, … */
const databases = (count: number): { name: string }[] =>
  below(count).map((number) => ({ name: number === 0 ? 'DB' : `DB_${number}` }))

/** Ids as platforms make them: random, or counted up. */
const namings = [
  { naming: 'UUIDs', storeIdOf: () => crypto.randomUUID() },
  { naming: 'numbers', storeIdOf: (index: number) => `${index}` },
  { naming: 'names in a row', storeIdOf: (index: number) => `store-${index}` },
]

const homesOf = (stores: string[], among: { name: string }[]): string[] =>
  stores.map((store) => homeOf(among, store).name)

describe('the database of a store', () => {
  it('never changes: with another hash, the rows of every store would be lost', () => {
    const stores = ['demo', 'a', '0', '_-', 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe', 'z'.repeat(255)]

    const homes = stores.map((store) => [
      store,
      ...[2, 3, 8, 50].map((count) => homeOf(databases(count), store).name),
    ])

    expect(homes).toEqual([
      ['demo', 'DB_1', 'DB_1', 'DB_6', 'DB_40'],
      ['a', 'DB', 'DB_2', 'DB_2', 'DB_2'],
      ['0', 'DB_1', 'DB_2', 'DB_3', 'DB_37'],
      ['_-', 'DB_1', 'DB_1', 'DB_3', 'DB_30'],
      ['b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe', 'DB_1', 'DB_1', 'DB_1', 'DB_1'],
      ['z'.repeat(255), 'DB_1', 'DB_2', 'DB_2', 'DB_29'],
    ])
  })

  it('is the same for each of 10,000 stores over 50 databases, to the last bit', async () => {
    const homes = homesOf(
      below(10_000).map((index) => `store-${index}`),
      databases(50),
    )

    const text = new TextEncoder().encode(homes.join())
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text)).toHex()
    expect(digest).toBe('0610ba0738cff6003f709e4f22eef30f8560f8b13665f215d41ebc2a1bf8bac6')
  })

  it('does not depend on the order in which the databases are bound', () => {
    const stores = below(1_000).map((index) => `store-${index}`)
    const bound = databases(8)

    expect(homesOf(stores, bound.toReversed())).toEqual(homesOf(stores, bound))
  })

  it.for(namings.flatMap((row) => [2, 3, 8].map((count) => ({ ...row, count }))))(
    'is each of $count equally often, within 5 %: $naming',
    ({ storeIdOf, count, naming }, { task }) => {
      const homes = homesOf(below(STORES).map(storeIdOf), databases(count))

      const counts = Object.values(Object.groupBy(homes, (home) => home)).map(
        (group) => group?.length ?? 0,
      )
      const share = STORES / count
      const furthest = Math.max(...counts.map((each) => Math.abs(each - share) / share))
      task.meta.figures = [
        `databases: ${figure(STORES)} ${naming} over ${count}, ${(100 * furthest).toFixed(1)} % from an even share at most`,
      ]
      expect(counts).toHaveLength(count)
      expect(furthest).toBeLessThan(0.05)
    },
  )

  it.each(namings.flatMap((row) => [1, 2, 7].map((count) => ({ ...row, count }))))(
    'changes if a database is added to $count only for the share that the new one takes: $naming',
    ({ storeIdOf, count }) => {
      const stores = below(STORES).map(storeIdOf)
      const before = homesOf(stores, databases(count))

      const after = homesOf(stores, databases(count + 1))

      const moved = after.filter((home, index) => home !== before[index])
      const share = STORES / (count + 1)
      expect(new Set(moved)).toEqual(new Set([`DB_${count}`]))
      expect(Math.abs(moved.length - share) / share).toBeLessThan(0.05)
    },
  )

  it.each(['DB_1', 'DB_2'])('stays if a different database is removed: %s', (removed) => {
    const stores = below(STORES).map((index) => `store-${index}`)
    const before = homesOf(stores, databases(4))

    const after = homesOf(
      stores,
      databases(4).filter(({ name }) => name !== removed),
    )

    const moved = before.filter((home, index) => home !== after[index])
    expect(new Set(moved)).toEqual(new Set([removed]))
    expect(moved).toHaveLength(before.filter((home) => home === removed).length)
  })
})

describe('a placement', () => {
  const five = databases(5)
  const stores = below(20_000).map((index) => `store-${index}`)
  const placing = (rules: unknown, among = five) =>
    findPlacements({ STORE_PLACEMENT: rules }, among)
  const placesOf = (rules: unknown, storeIds: string[]): string[] =>
    storeIds.map((store) => homeIn(placing(rules).present, store).name)

  it('moves none of 20,000 stores that no rule names if its databases are new', () => {
    const before = homesOf(stores, databases(3))

    expect(placesOf({ 'eu-*': ['DB_3', 'DB_4'] }, stores)).toEqual(before)

    const next = findPlacements({ STORE_PLACEMENT_NEXT: { 'eu-*': ['DB_3', 'DB_4'] } }, five)
    for (const placement of [next.present, next.future]) {
      expect(stores.map((store) => homeIn(placement, store).name)).toEqual(before)
    }
    expect(homeIn(next.present, 'eu-1').name).toBe(homeOf(databases(3), 'eu-1').name)
    expect(homeIn(next.future, 'eu-1').name).toMatch(/^DB_[34]$/)
  })

  it('moves nothing without rules', () => {
    expect(placesOf(undefined, stores)).toEqual(homesOf(stores, five))
    expect(placesOf({}, stores)).toEqual(homesOf(stores, five))
  })

  it('hashes the stores of a rule evenly over its databases, within 5 %, by the same weights', ({
    task,
  }) => {
    const european = below(20_000).map((index) => `eu-${index}`)

    const homes = placesOf({ 'eu-*': ['DB_4', 'DB_3'] }, european)

    expect(homes).toEqual(homesOf(european, databases(5).slice(3)))
    const share = homes.filter((home) => home === 'DB_3').length / homes.length
    task.meta.figures = [
      `placement: 20,000 stores of a rule, ${(200 * Math.abs(share - 0.5)).toFixed(1)} % from an even share at most`,
    ]
    expect(Math.abs(share - 0.5)).toBeLessThan(0.025)
  })

  it.each([
    ['eu-7', 'DB_1'],
    ['eu-', 'DB_2'],
    ['eu-de-7', 'DB_3'],
    ['eu-de-', 'DB_4'],
    ['eu-de', 'DB_2'],
    ['eu-77', 'DB_2'],
  ])(
    'puts a store where its longest match says, an exact id before a prefix: %s',
    (store, home) => {
      const rules = {
        'eu-*': ['DB_2'],
        'eu-7': ['DB_1'],
        'eu-de-*': ['DB_3'],
        'eu-de-': ['DB_4'],
      }

      for (const given of [rules, Object.fromEntries(Object.entries(rules).toReversed())]) {
        expect(placesOf(given, [store])).toEqual([home])
      }
    },
  )
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
