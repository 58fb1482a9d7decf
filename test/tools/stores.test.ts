import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPlacements, homeOf } from '../../src/storage/shards.ts'
import { requireCopied, storesAsking } from '../../tools/data/stores.ts'
import { grouped, run, table } from '../../tools/lib/command-line.ts'
import { called, type Finished, printedBy } from './finished.ts'
import { homes, makeTwoDatabases, type TwoDatabases } from './two-databases.ts'

/** What an issuer may call a member. */
const MEMBER = `o'neill;--"/*$1*/`

/** More than one page of them is to move. */
const rowsOfStores = [
  { storeId: 'demo', rows: 5_100 },
  ...Array.from({ length: 250 }, (_, index) => ({ storeId: `store-${index}`, rows: 2 })),
]
const moving = rowsOfStores.filter(({ storeId }) => homeOf(homes, storeId).name === 'DB_1')
const movingRows = moving.reduce((sum, { rows }) => sum + rows, 0)
const allRows = rowsOfStores.reduce((sum, { rows }) => sum + rows, 0)

let databases: TwoDatabases
beforeAll(async () => {
  databases = await makeTwoDatabases('stores')
  databases.query(
    'DB',
    `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 5100)
      insert into associations
      select value ->> 'storeId', 'cart-' || n, 'account-' || n, n, n, ?, 'request'
      from json_each(?), numbers where n <= value ->> 'rows'`,
    MEMBER,
    JSON.stringify(rowsOfStores),
  )
}, 60_000)
afterAll(() => {
  databases.remove()
})

const rowsIn = (database: string): unknown[] =>
  databases.query(database, 'select * from associations order by store_id, cart_id, account_id')

const isMoving = (row: unknown): boolean =>
  moving.some(({ storeId }) => storeId === Object(row).store_id)

const stores = (...args: string[]): Promise<Finished> =>
  called('stores', ...args, ...databases.target)

/** What a command prints before it begins. */
const planned = (done: string): string =>
  `${table([
    ['STORE', 'ROWS', 'FROM', 'TO'],
    ...moving.map(({ storeId, rows }) => [storeId, `${rows}`, 'DB', 'DB_1']).toSorted(),
  ])}${grouped(movingRows)} rows of ${moving.length} stores are to be ${done}\n`

describe('npx cart-accounts stores', () => {
  it('copies the rows of the stores that move, and no others, then deletes them where they were', async () => {
    const before = rowsIn('DB')
    expect(movingRows).toBeGreaterThan(5_000)
    expect(moving.length).toBeGreaterThan(100)
    expect(before).toHaveLength(allRows)

    expect(await stores('delete')).toEqual({
      code: 1,
      out: '',
      error: `DB_1 has no row of the store ${moving[0]?.storeId}: copy it first\n`,
    })
    expect(await stores('copy')).toEqual({
      code: 1,
      out: '',
      error:
        'No store moves: MOVING_TO, MOVING_FROM or STORE_PLACEMENT_NEXT must be set in wrangler.toml, and be deployed, before rows are copied\n',
    })
    databases.setVariables({ MOVING_TO: 'DB_1' })
    expect(await stores('delete')).toEqual({
      code: 1,
      out: '',
      error:
        'Stores are moving: take MOVING_TO, MOVING_FROM and STORE_PLACEMENT_NEXT out of wrangler.toml, and deploy, before rows are deleted\n',
    })
    expect(await stores('copy', '--from-store', 'z')).toEqual({
      code: 1,
      out: planned('copied'),
      error: `DB_1 has 0 rows of the store ${moving[0]?.storeId}, and DB has 5100: is it still written, or were rows left behind there once?\n`,
    })

    // What a copy leaves that was broken off.
    const [first] = before.filter(isMoving)
    databases.query(
      'DB_1',
      'insert into associations values (?, ?, ?, ?, ?, ?, ?)',
      ...Object.values(Object(first)).map(String),
    )
    const copied = await stores('copy')
    expect(copied).toMatchObject({ code: 0, error: '' })
    expect(copied.out).toContain('DB to DB_1: 5000 rows, up to the store demo\n')
    expect(copied.out).toContain(
      `DB_1 has all ${movingRows} rows of ${moving.length} stores of DB\n`,
    )
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
    expect(rowsIn('DB')).toEqual(before)

    databases.setVariables({})
    expect(await stores('delete', '--dry-run')).toEqual({
      code: 0,
      error: '',
      out: planned('deleted'),
    })
    expect(rowsIn('DB')).toEqual(before)
    const deleted = await stores('delete')
    expect(deleted).toEqual({
      code: 0,
      error: '',
      out: `${planned('deleted')}DB: ${movingRows} rows deleted\n`,
    })
    expect(rowsIn('DB')).toEqual(before.filter((row) => !isMoving(row)))
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
  })

  describe('with a placement', () => {
    const next = { STORE_PLACEMENT_NEXT: '{"demo": ["DB_2"]}' }
    /** Answers with these digests in turn, then with the last of them. */
    const deployed = async (...digests: (string | undefined)[]) => {
      const asked: string[] = []
      const server = createServer((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers.connection}`)
        const placement = digests.length > 1 ? digests.shift() : digests[0]
        response.end(JSON.stringify({ status: 'ok', placement }))
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = Object(server.address())
      return { asked, url: `http://127.0.0.1:${port}`, close: () => server.close() }
    }
    const inThree = async (args: string[]): Promise<Finished> =>
      await printedBy(() => run(() => storesAsking(100)([...args, ...three.target])))
    const digest = findPlacements(next, [...homes, { name: 'DB_2' }]).digest ?? ''

    let three: TwoDatabases
    beforeAll(async () => {
      three = await makeTwoDatabases('placement', [{ name: 'DB_2' }])
      three.setVariables(next)
      three.query('DB_1', `insert into associations values ('demo', 'c', 'a', 1, 1, 'm', 'r')`)
      three.query('DB', `insert into associations values ('shop-1', 'c', 'a', 1, 1, 'm', 'r')`)
    }, 60_000)
    afterAll(() => three.remove())

    it('copies once twenty responses in a row have its digest', async () => {
      const worker = await deployed(digest)

      const dry = await inThree(['copy', '--dry-run', '--url', worker.url])
      expect(dry.out).toMatch(
        /^STORE .*\ndemo +1 +DB_1 +DB_2\n1 rows of 1 stores are to be copied\n$/,
      )
      expect(worker.asked).toEqual([])
      expect(three.query('DB_2', 'select * from associations')).toEqual([])

      const copied = await inThree(['copy', '--url', worker.url])
      worker.close()
      expect(copied).toMatchObject({ code: 0, error: '' })
      expect(worker.asked).toEqual(Array(20).fill('GET /readyz close'))
      expect(three.query('DB_2', 'select store_id from associations')).toEqual([
        { store_id: 'demo' },
      ])
      // Again, with nothing to do.
      expect((await inThree(['copy'])).out).toContain('DB_2 has all 1 rows of 1 stores of DB_1\n')
    })

    it.each([
      { title: 'old', found: undefined },
      { title: 'another', found: 'abc' },
    ])('refuses if the last of them is $title', async ({ found }) => {
      const worker = await deployed(...Array(19).fill(digest), found)

      const { code, error } = await inThree(['copy', '--url', worker.url])

      worker.close()
      expect(worker.asked).toHaveLength(20)
      expect(code).toBe(1)
      expect(error).toContain(
        `/readyz has the placement ${found ?? 'none'}, and wrangler.toml ${digest}: deploy, or wait`,
      )
    })

    it('has export and import go by it', async () => {
      const file = path.join(three.directory, 'demo.csv')

      const exported = await called('export', '--store', 'demo', '--output', file, ...three.target)
      const refused = await called('import', file, ...three.target)
      three.setVariables({ STORE_PLACEMENT: next.STORE_PLACEMENT_NEXT })
      const all = await called('export', ...three.target)
      const imported = await called('import', file, ...three.target)
      three.setVariables(next)

      expect(exported.error).toMatch(/^1 rows in /)
      expect(refused).toMatchObject({ code: 1 })
      expect(refused.error).toContain('The store demo is moving to another database')
      // The copy in DB_2, and not what it left behind.
      expect(all.out.match(/^demo,.*$/gm)).toHaveLength(1)
      expect(imported.code).toBe(0)
      expect(three.query('DB_2', 'select store_id from associations')).toHaveLength(1)
    })

    it('deletes once the deployed Worker has nothing that moves', async () => {
      three.setVariables({ STORE_PLACEMENT: next.STORE_PLACEMENT_NEXT })
      const before = await deployed(digest)
      expect((await inThree(['delete', '--url', before.url])).code).toBe(1)
      before.close()
      expect(three.query('DB_1', 'select * from associations')).toHaveLength(1)

      const moved = { STORE_PLACEMENT: next.STORE_PLACEMENT_NEXT }
      const after = await deployed(findPlacements(moved, [...homes, { name: 'DB_2' }]).digest)
      const { out } = await inThree(['delete', '--url', after.url])
      after.close()

      expect(out).toContain('DB_1: 1 rows deleted\n')
      expect(three.query('DB_1', 'select * from associations')).toEqual([])
      expect(three.query('DB_2', 'select * from associations')).toHaveLength(1)
    })
  })

  it('lists where stores are, and where they belong without a database', async () => {
    databases.setVariables({ MOVING_FROM: 'DB_1' })
    const listed = (await stores('list')).out.trim().split('\n')

    expect(listed[0]).toMatch(/^STORE +ROWS +IS IN +BELONGS IN$/)
    expect(listed[1]).toMatch(/^demo +5100 +DB_1 +DB$/)
    expect(listed).toHaveLength(rowsOfStores.length + 1)
    expect(listed.slice(1).every((line) => line.endsWith(' DB'))).toBe(true)
    expect(listed.filter((line) => line.includes(' DB_1 '))).toHaveLength(moving.length)
  })

  it('fails if a copy is not what was copied', () => {
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

  it('takes a database that moves for one that is bound beside DB', async () => {
    databases.setVariables({ MOVING_FROM: 'DB_2' })

    expect(await stores('copy')).toEqual({
      code: 1,
      out: '',
      error:
        'The databases cannot be opened: MOVING_FROM must name a database that is bound beside DB\n',
    })
  })

  it.each([
    { args: [], error: 'Name what to do: list, copy or delete' },
    { args: ['move'], error: 'Name what to do: list, copy or delete, not "move"' },
    {
      args: ['copy', '--from-store', "a'"],
      error: `--from-store must be 1 to 255 characters of A-Z a-z 0-9 _ -, not "a'"`,
    },
    {
      args: ['copy', '--url', 'carts.example'],
      error: '--url must be like https://carts.example, not "carts.example"',
    },
  ])('says in one line what is wrong, with exit code 2: $args', async ({ args, error }) => {
    expect(await called('stores', ...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})
