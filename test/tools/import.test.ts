import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { homeOf } from '../../src/storage/shards.ts'
import { CSV_HEADER } from '../../tools/data/association-file.ts'
import { lineOf } from '../../tools/data/progress.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { kill, onOutput, startNode } from '../../tools/lib/processes.ts'
import { rowAt, writeAssociations } from '../lib/association-rows.ts'
import { seededRandom } from '../lib/random.ts'
import { called, type Finished, finished } from './finished.ts'
import { homes, makeTwoDatabases, type TwoDatabases } from './two-databases.ts'

/** Rows of the files whose import is interrupted. */
const ROWS = 12_000
const STORES = ['store-0', 'store-1', 'store-2', 'store-3', 'demo']

let databases: TwoDatabases
let file: string
beforeAll(async () => {
  databases = await makeTwoDatabases('import')
  file = path.join(databases.directory, 'associations.csv')
}, 60_000)
afterAll(() => {
  databases.remove()
})
beforeEach(() => {
  for (const { name } of homes) databases.query(name, 'delete from associations')
  for (const made of ['', '.rejected.csv']) rmSync(`${file}${made}`, { force: true })
})

const command = (...args: string[]): Promise<Finished> => called(...args, ...databases.target)

const importFile = (...args: string[]): Promise<Finished> => command('import', file, ...args)

/** Starts the import in a process of its own, to be interrupted. */
function startImport(from = file) {
  const script = path.join(projectRoot, 'tools', 'cli.mjs')
  const args = ['--no-warnings', '--', script, 'import', from, ...databases.target]
  const child = startNode(args, {}, databases.directory)
  let output = ''
  onOutput(child, (text) => {
    output += text
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, output }))
  return { child, ended }
}

/** Waits until so many rows are in. */
async function reached(rows: number): Promise<void> {
  while (countRows() < rows) await sleep(5)
}

const countRows = (): number =>
  homes
    .flatMap(({ name }) => databases.query(name, 'select count(*) as rows from associations'))
    .reduce((sum: number, row) => sum + Object(row).rows, 0)

const rowsIn = (database: string): unknown[] =>
  databases.query(database, 'select * from associations order by store_id, cart_id, account_id')

const counts = (text: string): Record<string, string> =>
  Object.fromEntries(text.split('\n').map((line) => line.split(/ {2,}/, 2)))

const sorted = (text: string): string => text.split('\n').toSorted().join('\n')

describe('npx cart-accounts import', () => {
  it('inserts the good lines, puts the bad ones beside the file, and may be repeated', async () => {
    const good =
      '\uFEFFcart_id,account_id,created_at\r\nc1,a1,\r\n"c2","a2",2026-01-01T00:00:00Z\r\n'
    writeFileSync(
      file,
      `${good}c/3,a3,\r\n\r\nc4,"a4,\r\nc5,a5,\r\n${'x'.repeat(100_000)}\r\nc6,a6`,
    )

    const first = await importFile('--store', 'demo', '--created-by', 'mover')
    const rows = [...rowsIn('DB'), ...rowsIn('DB_1')]
    const rejected = readFileSync(`${file}.rejected.csv`, 'utf8').split('\n')
    writeFileSync(file, `${good}c5,a5,\r\n`)
    const second = await importFile('--store', 'demo')

    expect(first.code).toBe(1)
    expect(first.error).toContain(`4 lines were rejected: ${file}.rejected.csv has the reasons\n`)
    expect(counts(first.out)).toMatchObject({ read: '7', inserted: '3', 'already there': '0' })
    const common = { store_id: 'demo', created_by: 'mover', created_at: expect.any(Number) }
    expect(rows).toMatchObject([
      { ...common, cart_id: 'c1', account_id: 'a1' },
      {
        ...common,
        cart_id: 'c2',
        account_id: 'a2',
        created_at: Date.UTC(2026, 0, 1),
        used_at: Date.UTC(2026, 0, 1),
      },
      { ...common, cart_id: 'c5', account_id: 'a5' },
    ])
    expect(new Set(rows.map((row) => Object(row).request_id)).size).toBe(1)
    expect(rejected.slice(0, 3)).toEqual([
      'line,reason,text',
      '4,cart_id must be 1 to 255 characters of A-Z a-z 0-9 _ -,"c/3,a3,"',
      '6,The quotes of the line are not those of CSV,"c4,""a4,"',
    ])
    expect(rejected[3]).toMatch(/^8,The line is longer than 16384 bytes,x{16384}$/)
    expect(rejected[4]).toBe('9,"The line has 2 fields, and the header 3","c6,a6"')
    expect(second).toMatchObject({ code: 0, error: '' })
    expect(counts(second.out)).toMatchObject({ inserted: '0', 'already there': '3', rejected: '0' })
    expect(existsSync(`${file}.rejected.csv`)).toBe(false)
    expect([...rowsIn('DB'), ...rowsIn('DB_1')]).toEqual(rows)
  })

  it('reads NDJSON from standard input, and writes nothing at all in a dry run', async () => {
    const row = '{"store_id":"s","cart_id":"c","account_id":"a"}\n'
    const args = ['import', '-', '--format', 'ndjson', ...databases.target]
    const run = (input: string, ...more: string[]) =>
      finished('cli.mjs', [...args, ...more], databases.directory, { input })
    const before = readdirSync(databases.directory)

    const dry = run(`${row}{"cart_id":"c"}\n`, '--dry-run')
    const between = readdirSync(databases.directory)
    expect(countRows()).toBe(0)
    const real = run(row)

    expect(dry.code).toBe(1)
    expect(counts(dry.out)).toMatchObject({ read: '2', good: '1', rejected: '1' })
    expect(dry.error).toBe('Line 2: store_id is missing\n1 line would be rejected\n')
    expect(between).toEqual(before)
    expect(real).toMatchObject({ code: 0, error: '' })
    expect(counts(real.out)).toMatchObject({ read: '1', inserted: '1' })
    expect([...rowsIn('DB'), ...rowsIn('DB_1')]).toMatchObject([{ store_id: 's', cart_id: 'c' }])
  })

  it('warns of a UUID that has two spellings, which are two ids', async () => {
    const lower = 'a0000000-0000-4000-8000-00000000000b'
    const upper = lower.toUpperCase()
    writeFileSync(file, `store_id,cart_id,account_id\ns,c,${lower}\ns,d,${upper}\ns,e,${lower}\n`)

    const { code, out, error } = await importFile()

    expect(code).toBe(0)
    expect(counts(out)).toMatchObject({ inserted: '3' })
    expect(error).toBe(
      `Warning: two spellings of one UUID are two ids here: ${lower} and ${upper}\n`,
    )
  })

  it('loses nothing when it is killed; run again, it inserts the rest', async () => {
    await writeAssociations(file, ROWS, STORES)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    for (const number of [50, 6_000, 9_000]) lines[number] = `no row ${number}`
    writeFileSync(file, lines.join('\n'))

    const running = startImport()
    await reached(1 + seededRandom(1).below(5_000))
    kill(running.child)
    expect((await running.ended).code).toBeNull()
    const before = countRows()
    const rest = await importFile()

    expect(before).toBeLessThan(ROWS - 3)
    expect(rest.code).toBe(1)
    expect(counts(rest.out)).toMatchObject({
      read: '12,000',
      inserted: (ROWS - 3 - before).toLocaleString('en'),
      'already there': before.toLocaleString('en'),
      rejected: '3',
    })
    const rejected = readFileSync(`${file}.rejected.csv`, 'utf8').trimEnd().split('\n')
    expect(rejected.map((line) => line.split(',')[0])).toEqual(['line', '51', '6001', '9001'])
    const good = lines.filter((line) => !line.startsWith('no row'))
    const output = path.join(databases.directory, 'out.csv')
    expect((await command('export', '--output', output)).code).toBe(0)
    const exported = new Set(readFileSync(output, 'utf8').trimEnd().split('\n'))
    expect(exported.size).toBe(good.length)
    expect(good.filter((line) => !exported.has(line))).toEqual([])
    for (const { name } of homes) {
      const stores = new Set(rowsIn(name).map((row) => String(Object(row).store_id)))
      expect([...stores]).toEqual(STORES.filter((id) => homeOf(homes, id).name === name).toSorted())
      expect(stores.size).toBeGreaterThan(0)
    }
  })

  it.each([
    ['alone', (pid: number) => pid],
    // As a terminal does at Ctrl-C.
    ['with the workerd that it has started', (pid: number) => -pid],
  ])('ends after a batch when it is interrupted %s, and says how to go on', async (_, target) => {
    await writeAssociations(file, ROWS, STORES)

    const running = startImport()
    await reached(1)
    process.kill(target(running.child.pid ?? 0), 'SIGINT')
    const { code, output } = await running.ended
    const written = countRows()
    const rest = await importFile()

    expect(code).toBe(130)
    const [, line = ''] =
      /^Interrupted after line ([\d,]+): import the whole again, which inserts nothing twice\n$/.exec(
        output,
      ) ?? []
    // The header is a line too; a batch that was cut off may be in, or a part of it.
    const acknowledged = Math.max(0, Number(line.replace(',', '')) - 1)
    expect(written).toBeGreaterThanOrEqual(acknowledged)
    expect(written).toBeLessThanOrEqual(acknowledged + 1_000)
    expect(written).toBeLessThan(ROWS)
    expect(counts(rest.out)).toMatchObject({
      read: '12,000',
      inserted: (ROWS - written).toLocaleString('en'),
      'already there': written.toLocaleString('en'),
    })
  })

  it('waits if a second process has the database locked', async () => {
    const files = ['one', 'two'].map((name) => path.join(databases.directory, `${name}.csv`))
    await Promise.all(
      files.map((each, index) => writeAssociations(each, 5_000, [`at-once-${index}`])),
    )

    const ends = await Promise.all(files.map((each) => startImport(each).ended))

    expect(ends.map(({ code }) => code)).toEqual([0, 0])
    expect(rowsIn('DB').length + rowsIn('DB_1').length).toBe(10_000)
  })

  it('takes a file that has a header alone', async () => {
    writeFileSync(file, CSV_HEADER)

    const { code, out } = await importFile()

    expect(code).toBe(0)
    expect(counts(out)).toMatchObject({ read: '0', inserted: '0', rejected: '0' })
  })

  it.each([
    ['', 'The file is empty: it has no header'],
    [
      'store_id,cart_id,accounts\ns,c,a\n',
      'The column "accounts" is not known: the columns are store_id, cart_id, account_id, created_at, used_at, created_by, request_id',
    ],
    [
      'cart_id,account_id\nc,a\n',
      'The file has no column store_id: --store names the store of all its rows',
    ],
  ])('writes nothing of a file whose header is not good: %j', async (text, message) => {
    writeFileSync(file, text)

    expect(await importFile()).toEqual({ code: 1, out: '', error: `${message}\n` })
    expect([...rowsIn('DB'), ...rowsIn('DB_1')]).toEqual([])
  })

  it('says how to make the tables of a database that has none', async () => {
    writeFileSync(file, `${CSV_HEADER}s,c,a,,,,\n`)
    const empty = path.join(databases.directory, 'empty')

    const { code, error } = await called('import', file, '--persist-to', empty)

    expect(code).toBe(1)
    expect(error).toContain(
      `The database is not migrated. Run: npx wrangler d1 migrations apply DB --local --persist-to ${empty}\n`,
    )
  })

  it.each([
    [[], 'Name one file, or - for standard input'],
    [['a.csv', 'b.csv'], 'Name one file, or - for standard input'],
    [['a.txt'], '--format must say whether a.txt is csv or ndjson'],
    [['-'], '--format must say whether standard input is csv or ndjson'],
    [
      ['a.csv', '--store', 'a b'],
      '--store must be 1 to 255 characters of A-Z a-z 0-9 _ -, not "a b"',
    ],
    [
      ['a.csv', '--created-by', ''],
      '--created-by must be 1 to 255 printable ASCII characters without spaces, not ""',
    ],
  ])('says in one line what is wrong, with exit code 2: %j', async (args, message) => {
    expect(await called('import', ...args)).toEqual({
      code: 2,
      out: '',
      error: `${message} (--help shows examples)\n`,
    })
  })
})

describe('npx cart-accounts export', () => {
  it('writes one store, or all, as the format that is asked for; no file that is not complete', async () => {
    const { cart, account } = rowAt(0)
    const time = '2026-01-01T00:00:00.001Z'
    const use = '2026-01-02T00:00:00.000Z'
    const rows = ['demo', 'store-1'].map(
      (store) => `${store},${cart},${account},${time},${use},"o""n",r\n`,
    )
    writeFileSync(file, `${CSV_HEADER}${rows.join('')}`)
    await importFile()
    const output = path.join(databases.directory, 'out.ndjson')

    const all = await command('export')
    const one = await command('export', '--store', 'demo', '--output', output)
    const nowhere = await command('export', '--output', path.join(file, 'out.csv'))

    expect(sorted(all.out)).toBe(sorted(`${CSV_HEADER}${rows.join('')}`))
    expect(all.error).toMatch(/^2 rows in [\d.]+ s, \d+ rows\/s\n$/)
    expect(one).toMatchObject({ code: 0, out: '' })
    expect(JSON.parse(readFileSync(output, 'utf8'))).toEqual({
      store_id: 'demo',
      cart_id: cart,
      account_id: account,
      created_at: time,
      used_at: use,
      created_by: 'o"n',
      request_id: 'r',
    })
    expect(existsSync(`${output}.partial`)).toBe(false)
    expect(nowhere).toMatchObject({ code: 1, out: '' })
    expect(nowhere.error).toContain('The export cannot be written: ENOTDIR')
  })

  it('writes into a pipe or through a link instead of replacing it', async () => {
    writeFileSync(file, `${CSV_HEADER}s,c,a,2026-01-01T00:00:00Z,,m,r\n`)
    await importFile()
    const pipe = path.join(databases.directory, 'pipe')
    const link = path.join(databases.directory, 'link.csv')
    const target = path.join(databases.directory, 'target.csv')
    execFileSync('mkfifo', [pipe])
    symlinkSync(target, link)

    const reading = readFile(pipe, 'utf8')
    const piped = await command('export', '--format', 'csv', '--output', pipe)
    const linked = await command('export', '--output', link)

    expect([piped.code, linked.code]).toEqual([0, 0])
    expect(await reading).toBe(
      `${CSV_HEADER}s,c,a,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.000Z,m,r\n`,
    )
    expect(readFileSync(target, 'utf8')).toBe(await reading)
    expect(lstatSync(pipe).isFIFO()).toBe(true)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
  })

  it('leaves nothing half at Ctrl-C, and ends without a word when its reader has gone', async () => {
    await writeAssociations(file, ROWS, STORES)
    await importFile()
    const output = path.join(databases.directory, 'broken.csv')
    const script = path.join(projectRoot, 'tools', 'cli.mjs')
    const args = ['--no-warnings', '--', script, 'export', ...databases.target]
    const { directory } = databases

    const stopped = startNode([...args, '--output', output], {}, directory)
    while (!existsSync(`${output}.partial`)) await sleep(5)
    stopped.kill('SIGINT')
    const [code] = await once(stopped, 'exit')
    const unread = startNode(args, {}, directory)
    let error = ''
    unread.stderr?.on('data', (text) => {
      error += text
    })
    unread.stdout?.once('data', () => unread.stdout?.destroy())
    await once(unread, 'close')

    expect(code).toBe(130)
    expect(existsSync(output) || existsSync(`${output}.partial`)).toBe(false)
    expect(error).toBe('')
  })
})

describe('the line of progress', () => {
  it.each([
    [{ rows: 450_000, share: 0.45 }, 50, '45%, 450,000 rows, 9,000 rows/s, 1 min 1 s left'],
    [{ rows: 999, share: 0.999 }, 10, '99%, 999 rows, 100 rows/s, 1 s left'],
    [{ rows: 10, share: 0.001 }, 10, '0%, 10 rows, 1 rows/s, 2 h 46 min left'],
  ])('has the share, the rate and what remains: %j', (moment, seconds, line) => {
    expect(lineOf(moment, seconds)).toBe(line)
  })

  it('has no share if the whole is not known', () => {
    expect(lineOf({ rows: 1_000 }, 2)).toBe('1,000 rows, 500 rows/s')
  })
})
