import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { findPlacements, homeOf } from '../../src/storage/shards.ts'
import { storesAsking } from '../../tools/data/stores.ts'
import { grouped, run, table } from '../../tools/lib/command-line.ts'
import { called, type Finished, makeDatabases, misused, printedBy } from './finished.ts'

const homes = [{ name: 'DB' }, { name: 'DB_1' }]
/** More than one page of them is to move. */
const rowsOfStores = [
  { storeId: 'demo', rows: 5_100 },
  ...Array.from({ length: 250 }, (_, index) => ({ storeId: `store-${index}`, rows: 2 })),
]
const moving = rowsOfStores.filter(({ storeId }) => homeOf(homes, storeId).name === 'DB_1')
const movingRows = moving.reduce((sum, { rows }) => sum + rows, 0)
const allRows = rowsOfStores.reduce((sum, { rows }) => sum + rows, 0)

const { directory, target, query, configure } = await makeDatabases('DB', 'DB_1', 'DB_2')

const rowsIn = (database: string): unknown[] =>
  query(database, 'select * from associations order by store_id, cart_id, account_id')

const isMoving = (row: unknown): boolean =>
  moving.some(({ storeId }) => storeId === Object(row).store_id)

const stores = (...args: string[]): Promise<Finished> =>
  printedBy(() => run(() => storesAsking(100)([...args, ...target])))

const refused = (error: string, out = ''): Finished => ({ code: 1, out, error: `${error}\n` })

/** What a command prints before it begins. */
const planned = (done: string): string =>
  `${table([
    ['STORE', 'ROWS', 'FROM', 'TO'],
    ...moving.map(({ storeId, rows }) => [storeId, `${rows}`, 'DB', 'DB_1']).toSorted(),
  ])}${grouped(movingRows)} rows of ${moving.length} stores are to be ${done}\n`

describe('npx cart-accounts stores, with two databases', () => {
  beforeAll(() => {
    configure(2, {})
    query(
      'DB',
      `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 5100)
        insert into associations
        select value ->> 'storeId', 'cart-' || n, 'account-' || n, n, n, 'o''neill;--', 'request'
        from json_each(?), numbers where n <= value ->> 'rows'`,
      JSON.stringify(rowsOfStores),
    )
  })

  it('copies the rows of the stores that move, and no others, then deletes them where they were', async () => {
    const before = rowsIn('DB')
    expect(movingRows).toBeGreaterThan(5_000)
    expect(moving.length).toBeGreaterThan(100)
    expect(before).toHaveLength(allRows)

    expect(await stores('delete')).toEqual(
      refused(`DB_1 has no row of the store ${moving[0]?.storeId}: copy it first`),
    )
    expect(await stores('copy')).toEqual(
      refused(
        'No store moves: MOVING_TO, MOVING_FROM or STORE_PLACEMENT_NEXT must be set in wrangler.toml, and be deployed, before rows are copied',
      ),
    )
    configure(2, { MOVING_TO: 'DB_1' })
    expect(await stores('delete')).toEqual(
      refused(
        'Stores are moving: take MOVING_TO, MOVING_FROM and STORE_PLACEMENT_NEXT out of wrangler.toml, and deploy, before rows are deleted',
      ),
    )
    const differs = (rows: number) =>
      `DB_1 has ${rows} rows of the store demo, and DB has 5100: is it still written, or were rows left behind there once?`
    expect(await stores('copy', '--from-store', 'z')).toEqual(
      refused(differs(0), planned('copied')),
    )
    const insert = 'insert into associations values (?, ?, ?, ?, ?, ?, ?)'
    query('DB_1', insert, 'demo', 'left', 'behind', '1', '1', 'm', 'r')
    expect((await stores('copy')).error).toBe(`${differs(5_101)}\n`)

    // What a copy leaves that was broken off.
    query('DB_1', "delete from associations where cart_id = 'left' or store_id > 'store-1'")
    const copied = await stores('copy')
    expect(copied).toMatchObject({ code: 0, error: '' })
    expect(copied.out).toContain('DB to DB_1: 5000 rows, up to the store demo\n')
    expect(copied.out).toContain(
      `DB_1 has all ${movingRows} rows of ${moving.length} stores of DB\n`,
    )
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
    expect(rowsIn('DB')).toEqual(before)

    configure(2, {})
    const dry = { code: 0, error: '', out: planned('deleted') }
    expect(await stores('delete', '--dry-run')).toEqual(dry)
    expect(rowsIn('DB')).toEqual(before)
    const out = `${planned('deleted')}DB: ${movingRows} rows deleted\n`
    expect(await stores('delete')).toEqual({ code: 0, error: '', out })
    expect(rowsIn('DB')).toEqual(before.filter((row) => !isMoving(row)))
    expect(rowsIn('DB_1')).toEqual(before.filter(isMoving))
  })

  it('lists where stores are, and where they belong without a database', async () => {
    configure(2, { MOVING_FROM: 'DB_1' })
    const listed = (await stores('list')).out.trim().split('\n')

    expect(listed[0]).toMatch(/^STORE +ROWS +IS IN +BELONGS IN$/)
    expect(listed[1]).toMatch(/^demo +5100 +DB_1 +DB$/)
    expect(listed).toHaveLength(rowsOfStores.length + 1)
    expect(listed.slice(1).every((line) => line.endsWith(' DB'))).toBe(true)
    expect(listed.filter((line) => line.includes(' DB_1 '))).toHaveLength(moving.length)
  })

  it('takes a database that moves for one that is bound beside DB', async () => {
    configure(2, { MOVING_FROM: 'DB_2' })

    expect(await stores('copy')).toEqual(
      refused(
        'The databases cannot be opened: MOVING_FROM must name a database that is bound beside DB',
      ),
    )
  })
})

describe('npx cart-accounts stores, with a placement', () => {
  const rules = '{"demo": ["DB_2"]}'
  const all = [...homes, { name: 'DB_2' }]
  const digest = findPlacements({ STORE_PLACEMENT_NEXT: rules }, all).digest ?? ''

  /** Answers with these digests in turn, then with the last of them. */
  const deployed = async (...digests: (string | undefined)[]) => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.connection}`)
      const placement = digests.length > 1 ? digests.shift() : digests[0]
      response.end(JSON.stringify({ status: 'ok', placement }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    server.unref()
    const { port } = Object(server.address())
    return { asked, url: `http://127.0.0.1:${port}` }
  }

  beforeAll(() => {
    configure(3, { STORE_PLACEMENT_NEXT: rules })
    for (const { name } of all) query(name, 'delete from associations')
    query('DB_1', `insert into associations values ('demo', 'c', 'a', 1, 1, 'm', 'r')`)
    query('DB', `insert into associations values ('shop-1', 'c', 'a', 1, 1, 'm', 'r')`)
  })

  it('copies once twenty responses in a row have its digest', async () => {
    const { asked, url } = await deployed(digest)

    const dry = await stores('copy', '--dry-run', '--url', url)
    expect(dry.out).toMatch(
      /^STORE .*\ndemo +1 +DB_1 +DB_2\n1 rows of 1 stores are to be copied\n$/,
    )
    expect(asked).toEqual([])
    expect(rowsIn('DB_2')).toEqual([])

    const copied = await stores('copy', '--url', url)
    expect(copied).toMatchObject({ code: 0, error: '' })
    expect(asked).toEqual(Array(20).fill('GET /readyz close'))
    expect(rowsIn('DB_2')).toMatchObject([{ store_id: 'demo' }])
    // Again, with nothing to do.
    expect((await stores('copy')).out).toContain('DB_2 has all 1 rows of 1 stores of DB_1\n')
  })

  it.each([
    { title: 'old', found: undefined },
    { title: 'another', found: 'abc' },
  ])('refuses if the last of them is $title', async ({ found }) => {
    const { asked, url } = await deployed(...Array(19).fill(digest), found)

    const { code, error } = await stores('copy', '--url', url)

    expect(asked).toHaveLength(20)
    expect(code).toBe(1)
    expect(error).toContain(
      `/readyz has the placement ${found ?? 'none'}, and wrangler.toml ${digest}: deploy, or wait`,
    )
  })

  it('has export and import go by it', async () => {
    const file = path.join(directory, 'demo.csv')

    const exported = await called('export', '--store', 'demo', '--output', file, ...target)
    const unwritten = await called('import', file, ...target)
    configure(3, { STORE_PLACEMENT: rules })
    const whole = await called('export', ...target)
    const imported = await called('import', file, ...target)

    expect(exported.error).toMatch(/^1 rows in /)
    expect(unwritten.code).toBe(1)
    expect(unwritten.error).toContain('The store demo is moving to another database')
    // The copy in DB_2, and not what it left behind.
    expect(whole.out.match(/^demo,.*$/gm)).toHaveLength(1)
    expect(imported.code).toBe(0)
    expect(rowsIn('DB_2')).toHaveLength(1)
  })

  it('deletes once the deployed Worker has nothing that moves', async () => {
    configure(3, { STORE_PLACEMENT: rules })
    const before = await deployed(digest)
    expect((await stores('delete', '--url', before.url)).code).toBe(1)
    expect(rowsIn('DB_1')).toHaveLength(1)

    const after = await deployed(findPlacements({ STORE_PLACEMENT: rules }, all).digest)
    const { out } = await stores('delete', '--url', after.url)

    expect(out).toContain('DB_1: 1 rows deleted\n')
    expect(rowsIn('DB_1')).toEqual([])
    expect(rowsIn('DB_2')).toHaveLength(1)
  })
})

describe('npx cart-accounts stores', () => {
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
    expect(await called('stores', ...args)).toEqual(misused(error))
  })
})
