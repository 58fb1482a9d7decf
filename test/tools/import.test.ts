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
import { beforeEach, describe, expect, it } from 'vitest'
import { homeOf } from '../../src/storage/shards.ts'
import { CSV_HEADER } from '../../tools/data/association-file.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { onOutput, startNode } from '../../tools/lib/processes.ts'
import { rowAt, writeAssociations } from '../lib/association-rows.ts'
import { seededRandom } from '../lib/random.ts'
import { called, type Finished, finished, makeDatabases, misused } from './finished.ts'

/** Rows of the files whose import is interrupted. */
const ROWS = 12_000
const STORES = ['store-0', 'store-1', 'store-2', 'store-3', 'demo']

const homes = [{ name: 'DB' }, { name: 'DB_1' }]
const { directory, target, query } = await makeDatabases('DB', 'DB_1')
const file = path.join(directory, 'associations.csv')
beforeEach(() => {
  for (const { name } of homes) query(name, 'delete from associations')
  for (const made of ['', '.rejected.csv']) rmSync(`${file}${made}`, { force: true })
})

const command = (...args: string[]): Promise<Finished> => called(...args, ...target)

const importFile = (...args: string[]): Promise<Finished> => command('import', file, ...args)

/** Starts a command in a process of its own, to be interrupted. */
function start(...args: string[]) {
  const script = path.join(projectRoot, 'tools', 'cli.mjs')
  const child = startNode(['--no-warnings', '--', script, ...args, ...target], {}, directory)
  let output = ''
  onOutput(child, (text) => {
    output += text
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, output }))
  return { child, ended }
}

const rowsIn = (database: string): unknown[] =>
  query(database, 'select * from associations order by store_id, cart_id, account_id')

const allRows = (): unknown[] => homes.flatMap(({ name }) => rowsIn(name))

/** Waits until so many rows are in. */
async function reached(rows: number): Promise<void> {
  while (allRows().length < rows) await sleep(5)
}

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
    const rows = allRows()
    const rejected = readFileSync(`${file}.rejected.csv`, 'utf8').split('\n')
    writeFileSync(file, `${good}c5,a5,\r\n`)
    const second = await importFile('--store', 'demo')

    expect(first.code).toBe(1)
    expect(first.error).toContain(
      `Some lines were rejected: ${file}.rejected.csv has the reasons\n`,
    )
    expect(counts(first.out)).toMatchObject({
      read: '7',
      inserted: '3',
      'already there': '0',
      rejected: '4',
    })
    const time = Date.UTC(2026, 0, 1)
    const common = { store_id: 'demo', created_by: 'mover', created_at: expect.any(Number) }
    expect(rows).toMatchObject([
      { ...common, cart_id: 'c1', account_id: 'a1' },
      { ...common, cart_id: 'c2', account_id: 'a2', created_at: time, used_at: time },
      { ...common, cart_id: 'c5', account_id: 'a5' },
    ])
    expect(new Set(rows.map((row) => Object(row).request_id)).size).toBe(1)
    const fields = (count: number) => `"The line has ${count} fields, and the header 3"`
    expect(rejected).toEqual([
      'line,reason,text',
      '4,cart_id must be 1 to 255 characters of A-Z a-z 0-9 _ -,"c/3,a3,"',
      '6,The quotes of the line are not those of CSV,"c4,""a4,"',
      `8,${fields(1)},${'x'.repeat(16_384)}`,
      `9,${fields(2)},"c6,a6"`,
      '',
    ])
    expect(second).toMatchObject({ code: 0, error: '' })
    expect(counts(second.out)).toMatchObject({ inserted: '0', 'already there': '3', rejected: '0' })
    expect(existsSync(`${file}.rejected.csv`)).toBe(false)
    expect(allRows()).toEqual(rows)
  })

  it('reads NDJSON from standard input, warns of a UUID in two spellings, and writes nothing in a dry run', () => {
    const lower = 'a0000000-0000-4000-8000-00000000000b'
    const upper = lower.toUpperCase()
    const rows = [lower, upper, lower].map((account_id, index) =>
      JSON.stringify({ store_id: 's', cart_id: `c${index}`, account_id }),
    )
    const run = (input: string, ...more: string[]) => {
      const args = ['import', '-', '--format', 'ndjson', ...more, ...target]
      return finished('cli.mjs', args, directory, { input })
    }
    const before = readdirSync(directory)

    const dry = run(`${rows[0]}\n{"cart_id":"c"}\n`, '--dry-run')
    expect([readdirSync(directory), allRows()]).toEqual([before, []])
    const real = run(rows.join('\n'))

    expect(dry.code).toBe(1)
    expect(counts(dry.out)).toMatchObject({ read: '2', rejected: '1' })
    expect(dry.error).toBe('Line 2: store_id is missing\nSome lines would be rejected\n')
    expect(real.code).toBe(0)
    expect(real.error).toBe(
      `Warning: two spellings of one UUID are two ids here: ${lower} and ${upper}\n`,
    )
    expect(counts(real.out)).toMatchObject({ read: '3', inserted: '3' })
    expect(allRows().map((row) => Object(row).account_id)).toEqual([lower, upper, lower])
  })

  it.each([
    { how: 'killed', stop: (pid: number) => process.kill(-pid, 'SIGKILL'), exitCode: null },
    { how: 'interrupted', stop: (pid: number) => process.kill(pid, 'SIGINT'), exitCode: 130 },
    // As a terminal does at Ctrl-C.
    {
      how: 'interrupted with its workerd',
      stop: (pid: number) => process.kill(-pid, 'SIGINT'),
      exitCode: 130,
    },
  ])(
    'loses nothing when it is $how; run again, it inserts the rest',
    async ({ stop, exitCode }) => {
      await writeAssociations(file, ROWS, STORES)
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
      for (const number of [50, 6_000, 9_000]) lines[number] = `no row ${number}`
      writeFileSync(file, lines.join('\n'))

      const running = start('import', file)
      await reached(1 + seededRandom(1).below(5_000))
      stop(running.child.pid ?? 0)
      const { code, output } = await running.ended
      const before = allRows().length
      const rest = await importFile()

      expect(code).toBe(exitCode)
      const [, reachedLine] =
        /^Interrupted after line ([\d,]+): import the whole again, which inserts nothing twice\n$/.exec(
          output,
        ) ?? []
      expect(reachedLine === undefined).toBe(exitCode === null)
      if (reachedLine !== undefined) {
        // The header and bad lines are lines too; a batch that was cut off may be in, or a part of it.
        const line = Number(reachedLine.replace(',', ''))
        expect(before).toBeGreaterThanOrEqual(line - 4)
        expect(before).toBeLessThanOrEqual(Math.max(0, line - 1) + 1_000)
      }
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
      expect(sorted((await command('export')).out.trimEnd())).toBe(sorted(good.join('\n')))
      for (const { name } of homes) {
        const stores = new Set(rowsIn(name).map((row) => String(Object(row).store_id)))
        expect([...stores]).toEqual(
          STORES.filter((id) => homeOf(homes, id).name === name).toSorted(),
        )
        expect(stores.size).toBeGreaterThan(0)
      }
    },
  )

  it('waits if a second process has the database locked', async () => {
    const files = ['one', 'two'].map((name) => path.join(directory, `${name}.csv`))
    await Promise.all(
      files.map((each, index) => writeAssociations(each, 5_000, [`at-once-${index}`])),
    )

    const ends = await Promise.all(files.map((each) => start('import', each).ended))

    expect(ends.map(({ code }) => code)).toEqual([0, 0])
    expect(allRows()).toHaveLength(10_000)
  })

  it('writes nothing of a file whose header is not good', async () => {
    writeFileSync(file, 'cart_id,account_id\nc,a\n')

    const error = 'The file has no column store_id: --store names the store of all its rows\n'
    expect(await importFile()).toEqual({ code: 1, out: '', error })
    expect(allRows()).toEqual([])
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
    expect(await called('import', ...args)).toEqual(misused(message))
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
    const output = path.join(directory, 'out.ndjson')

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
    const row = 's,c,a,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.000Z,m,r\n'
    writeFileSync(file, `${CSV_HEADER}${row}`)
    await importFile()
    const pipe = path.join(directory, 'pipe')
    const link = path.join(directory, 'link.csv')
    const written = path.join(directory, 'written.csv')
    execFileSync('mkfifo', [pipe])
    symlinkSync(written, link)

    const reading = readFile(pipe, 'utf8')
    const piped = await command('export', '--format', 'csv', '--output', pipe)
    const linked = await command('export', '--output', link)

    expect([piped.code, linked.code]).toEqual([0, 0])
    expect(await reading).toBe(`${CSV_HEADER}${row}`)
    expect(readFileSync(written, 'utf8')).toBe(await reading)
    expect(lstatSync(pipe).isFIFO()).toBe(true)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
  })

  it('leaves nothing half at Ctrl-C, and ends without a word when its reader has gone', async () => {
    await writeAssociations(file, ROWS, STORES)
    await importFile()
    const output = path.join(directory, 'broken.csv')

    const stopped = start('export', '--output', output)
    while (!existsSync(`${output}.partial`)) await sleep(5)
    stopped.child.kill('SIGINT')
    const { code } = await stopped.ended
    const unread = start('export').child
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
