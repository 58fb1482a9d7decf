import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { homeOf } from '../../src/storage/shards.ts'
import { requireCopied } from '../../tools/data/store-rows.ts'
import { type Finished, finished } from './finished.ts'
import { homes, makeTwoDatabases, type TwoDatabases } from './two-databases.ts'

/** What an issuer may call a member. */
const MEMBER = `o'neill;--"/*$1*/`

/** More than one page of them is to move. */
const stores = [
  { storeId: 'demo', rows: 5_100 },
  ...Array.from({ length: 250 }, (_, index) => ({ storeId: `store-${index}`, rows: 2 })),
]
const moving = stores.filter(({ storeId }) => homeOf(homes, storeId).name === 'DB_1')
const movingRows = moving.reduce((sum, { rows }) => sum + rows, 0)
const allRows = stores.reduce((sum, { rows }) => sum + rows, 0)

let databases: TwoDatabases
beforeAll(async () => {
  databases = await makeTwoDatabases('stores')
  databases.query(
    'DB',
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 5100)
      insert into associations
      select value ->> 'storeId', 'cart-' || n, 'account-' || n, n, ?, 'request'
      from json_each(?), numbers where n <= value ->> 'rows'`,
    MEMBER,
    JSON.stringify(stores),
  )
}, 60_000)
afterAll(() => {
  databases.remove()
})

const rowsIn = (database: string): unknown[] =>
  databases.query(database, 'select * from associations order by store_id, cart_id, account_id')

const isMoving = (row: unknown): boolean =>
  moving.some(({ storeId }) => storeId === Object(row).store_id)

const command = (...args: string[]): Finished =>
  finished('data/stores.ts', args, databases.directory)

const both = (name: string, ...args: string[]): Finished =>
  command(name, '--databases', 'DB,DB_1', ...args, ...databases.target)

describe('npm run stores', { timeout: 180_000 }, () => {
  it('copies the rows of the stores that move, and no others, then deletes them where they were', () => {
    const before = rowsIn('DB')
    expect(movingRows).toBeGreaterThan(5_000)
    expect(moving.length).toBeGreaterThan(100)
    expect(before).toHaveLength(allRows)

    expect(both('delete')).toEqual({
      code: 1,
      out: '',
      error: `DB_1 has no row of the store ${moving[0]?.storeId}: copy it first\n`,
    })
    expect(both('copy', '--from-store', 'z')).toEqual({
      code: 1,
      out: '',
      error: `DB_1 has 0 rows of the store ${moving[0]?.storeId}, and DB has 5100: is it still written, or were rows left behind there once?\n`,
    })

    // What a copy leaves that was broken off.
    const [first] = before.filter(isMoving)
    databases.query(
      'DB_1',
      'insert into associations values (?, ?, ?, ?, ?, ?)',
      ...Object.values(Object(first)).map(String),
    )
    const copied = both('copy')
    expect(copied).toMatchObject({ code: 0, error: '' })
    expect(copied.out).toContain('DB to DB_1: 5000 rows, up to the store demo\n')
    expect(copied.out).toContain(
      `DB_1 has all ${movingRows} rows of ${moving.length} stores of DB\n`,
    )
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
    expect(rowsIn('DB')).toEqual(before)

    const deleted = both('delete')
    expect(deleted).toEqual({ code: 0, error: '', out: `DB: ${movingRows} rows deleted\n` })
    expect(rowsIn('DB')).toEqual(before.filter((row) => !isMoving(row)))
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
  })

  it('lists where stores are, and where they belong without a database', () => {
    const listed = both('list', '--moving-from', 'DB_1').out.trim().split('\n')

    expect(listed[0]).toMatch(/^STORE +ROWS +IS IN +BELONGS IN$/)
    expect(listed[1]).toMatch(/^demo +5100 +DB_1 +DB$/)
    expect(listed).toHaveLength(stores.length + 1)
    expect(listed.slice(1).every((line) => line.endsWith(' DB'))).toBe(true)
    expect(listed.filter((line) => line.includes(' DB_1 '))).toHaveLength(moving.length)
  })

  it('says where a copy is not what was copied', () => {
    const move = { from: 'DB', to: 'DB_1', storeIds: ['a', 'b'] }
    const found = [
      { storeId: 'a', rows: 1, database: 'DB' },
      { storeId: 'a', rows: 1, database: 'DB_1' },
      { storeId: 'b', rows: 2, database: 'DB' },
    ]

    expect(requireCopied(move, [...found, { storeId: 'b', rows: 2, database: 'DB_1' }])).toBe(3)
    expect(() => requireCopied(move, found)).toThrow('DB_1 has 0 rows of the store b, and DB has 2')
    expect(() =>
      requireCopied(move, [...found, { storeId: 'b', rows: 3, database: 'DB_1' }]),
    ).toThrow('DB_1 has 3 rows of the store b, and DB has 2')
  })

  it.each([
    { args: [], error: 'Name what to do: list, copy or delete' },
    { args: ['move'], error: 'Name what to do: list, copy or delete, not "move"' },
    ...['', 'DB_1', 'DB,DB_0', 'DB,DB', 'DB, DB_1'].map((names) => ({
      args: ['list', '--databases', names],
      error: '--databases must name DB and the others, as DB,DB_1',
    })),
    { args: ['list'], error: '--databases must name DB and the others, as DB,DB_1' },
    ...['DB', 'DB_2'].map((name) => ({
      args: ['copy', '--databases', 'DB,DB_1', '--moving-from', name],
      error: '--moving-from must name one of the databases beside DB',
    })),
    {
      args: ['copy', '--databases', 'DB,DB_1', '--from-store', "a'"],
      error: `--from-store must be 1 to 255 characters of A-Z a-z 0-9 _ -, not "a'"`,
    },
  ])('says in one line what is wrong, with exit code 2: $args', ({ args, error }) => {
    expect(command(...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})
