import { Readable } from 'node:stream'
import { getTableColumns } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { associations } from '../../src/storage/schema.ts'
import {
  batchesOf,
  CSV_HEADER,
  type Format,
  formatOf,
  lineOf,
  linesOf,
} from '../../tools/data/association-file.ts'
import type { Defaults, Row } from '../../tools/data/association-row.ts'

const defaults = { created_at: 1, created_by: 'import', request_id: 'request' }
const row = ['s', 'c', 'a', 1, 1, 'import', 'request']

/** Reads a whole file, whose lines end anywhere in its chunks. */
async function read(text: string, format: Format, given: Defaults = defaults) {
  const chunks = Readable.from(text.match(/[\s\S]{1,7}/g) ?? [])
  const batches = await Array.fromAsync(batchesOf(linesOf(chunks), format, given))
  const reasons = batches.flatMap(({ rejected }) => rejected.map(({ reason }) => reason))
  return { rows: batches.flatMap(({ rows }) => rows), reasons }
}

/** Reads lines under a header. */
const readCsv = (lines: string) => read(`store_id,cart_id,account_id,created_at\n${lines}`, 'csv')

describe('the header', () => {
  it('has the columns of the table', () => {
    const names = Object.values(getTableColumns(associations)).map(({ name }) => name)

    expect(CSV_HEADER).toBe(`${names.join(',')}\n`)
  })

  it('may have them in any order, and leave out the store if it is named', async () => {
    const named = { ...defaults, store_id: 's' }

    expect((await read('"account_id",store_id,cart_id\na,s,c', 'csv')).rows).toEqual([row])
    expect((await read('account_id,cart_id\na,c', 'csv', named)).rows).toEqual([row])
    expect((await read('account_id,cart_id\n', 'csv', named)).rows).toEqual([])
  })

  it.each([
    ['', 'The file is empty: it has no header'],
    ['store_id,cart_id,account,created_at', 'The column "account" is not known: the columns are'],
    ['store_id,cart_id, account_id', 'The column " account_id" is not known'],
    ['cart_id,account_id,cart_id', 'The column cart_id is there twice'],
    ['cart_id,"account_id', 'The quotes of the line are not those of CSV'],
    ['store_id,cart_id', 'The file has no column account_id'],
    ['cart_id,account_id', 'The file has no column store_id: --store names the store of all its'],
  ])('ends the import if it is not good: %j', async (header, message) => {
    await expect(read(`${header}\n`, 'csv')).rejects.toThrow(message)
  })
})

describe('a line', () => {
  it.each([
    ['s,c,a,2026-01-01T00:00:00.123Z', Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ['s,c,a,2026-01-01T00:00:00.123999Z', Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ['s,c,a,2024-02-29T01:30+01:30', Date.UTC(2024, 1, 29)],
    ['"s","c",a,"1767225600000"', 1_767_225_600_000],
    ['\n  \t\n,,,\n , ,\ns,c,a,\n', 1],
  ])('is a row, of a time in milliseconds, unless it is blank: %j', async (lines, time) => {
    expect(await readCsv(lines)).toEqual({
      rows: [['s', 'c', 'a', time, time, 'import', 'request']],
      reasons: [],
    })
  })

  it('has its last use beside its beginning, in CSV as in NDJSON, whatever is empty in it', async () => {
    const header = 'store_id,cart_id,account_id,created_at,used_at\n'
    const json = '{"cart_id":"c","account_id":"a","store_id":"s","used_at":1767225600000'
    const used = ['s', 'c', 'a', 1, 1_767_225_600_000, 'import', 'request']

    const csv = await read(`${header}s,c,a,,2026-01-01T00:00:00Z\ns,c,a,,today`, 'csv')

    expect(csv.rows).toEqual([used])
    expect(csv.reasons).toEqual([expect.stringContaining('used_at must be a time with its zone')])
    expect((await read(`${json},"created_by":null}\n\n`, 'ndjson')).rows).toEqual([used])
  })

  it.each<[string, string]>([
    [',c,a,', 'store_id is missing'],
    ['s,c,,', 'account_id is missing'],
    ...['NULL', 'null', 'undefined', 'NaN', 'None', 'nil'].map((text): [string, string] => [
      `s,c,${text},`,
      `account_id is missing: the text ${text} stands for no id`,
    ]),
    ['s,c/d,a,', 'cart_id must be 1 to 255 characters'],
    ['s,c\u0000,a,', 'cart_id must be 1 to 255 characters'],
    ['s, c,a,', 'cart_id must be 1 to 255 characters'],
    [`s,${'c'.repeat(256)},a,`, 'cart_id must be 1 to 255 characters'],
    ['s,c,é,', 'account_id must be 1 to 255 characters'],
    ['s,c,a', 'The line has 3 fields, and the header 4'],
    ['s,c,a,,', 'The line has 5 fields, and the header 4'],
    ['s,"c,a,', 'The quotes of the line are not those of CSV'],
    ['s,c"d,a,', 'The quotes of the line are not those of CSV'],
    ['s,"c"d,a,', 'The quotes of the line are not those of CSV'],
    ...[
      'today',
      '2026-01-01',
      '2026-01-01T00:00:00',
      '2026-02-30T00:00:00Z',
      '2026-01-01T25:00:00Z',
      '1767225600',
      '-1767225600000',
      '999999999999999',
      '1969-12-31T23:59:59Z',
    ].map((time): [string, string] => [`s,c,a,${time}`, 'created_at must be a time with its zone']),
  ])('is refused with its reason: %j', async (line, reason) => {
    const reasons = [expect.stringContaining(reason)]

    expect(await readCsv(line)).toEqual({ rows: [], reasons })
  })

  it.each([
    ['{"store_id":"s"', 'The line is not a JSON object'],
    ['["s","c","a"]', 'The line is not a JSON object'],
    ['null', 'The line is not a JSON object'],
    ['{"cart_id":"c","store_id":"s","cart_id":"d"}', 'The column cart_id is there twice'],
    ['{"cart_id":"c","store_id":"s","cart\\u005fid":"c"}', 'The column cart_id is there twice'],
    ['{"store_id":"s","cart_id":"null","account_id":"a"}', 'cart_id is missing: the text null'],
    ['{"store_id":"s","cart_id":1,"account_id":"a"}', 'cart_id must be 1 to 255 characters'],
    ['{"store_id":"s","cart_id":"c","accountId":"a"}', 'The column "accountId" is not known'],
    [
      '{"store_id":"s","cart_id":"c","account_id":"a","created_at":1.5}',
      'created_at must be a time',
    ],
    [
      '{"store_id":"s","cart_id":"c","account_id":"a","created_by":"a b"}',
      'created_by must be 1 to 255 printable ASCII characters',
    ],
    [
      '{"store_id":"s","cart_id":"c","account_id":"a","request_id":"\\u0000"}',
      'request_id must be 1 to 255 printable ASCII characters',
    ],
  ])('of NDJSON is refused with its reason: %s', async (line, reason) => {
    const reasons = [expect.stringContaining(reason)]

    expect(await read(line, 'ndjson')).toEqual({ rows: [], reasons })
  })
})

describe('a text of CSV', () => {
  it.each([
    ['=1+1', `'=1+1`],
    ['+1', `'+1`],
    ['-1', `'-1`],
    ['@SUM(A1)', `'@SUM(A1)`],
    [`'=1`, `''=1`],
    [`''@`, `'''@`],
    ['=a,"b"', `"'=a,""b"""`],
    [`'a`, `'a`],
    [`'`, `'`],
    ['a=1', 'a=1'],
    [`o'neill,"x"`, `"o'neill,""x"""`],
  ])('is read as it was, and runs in no spreadsheet: %s', async (text, cell) => {
    const written: Row = ['s', '-c', '--', 1_767_225_600_123, 1_767_225_600_124, text, 'r']

    const csv = lineOf(written, 'csv')
    const json = lineOf(written, 'ndjson')

    const times = '2026-01-01T00:00:00.123Z,2026-01-01T00:00:00.124Z'
    expect(csv).toBe(`s,'-c,'--,${times},${cell},r\n`)
    expect((await read(`${CSV_HEADER}${csv}`, 'csv')).rows).toEqual([written])
    expect((await read(json, 'ndjson')).rows).toEqual([written])
  })

  it('is read without the apostrophe too, as other programs write it', async () => {
    const rows = [['s', '-c', '-a', 1, 1, 'import', 'request']]

    expect(await readCsv('s,-c,-a,')).toEqual({ rows, reasons: [] })
  })
})

describe('the format', () => {
  it('is that of the extension, unless it is named', () => {
    expect(formatOf(undefined, 'a.CSV')).toBe('csv')
    expect(formatOf(undefined, 'a.jsonl')).toBe('ndjson')
    expect(formatOf('csv', 'a.ndjson')).toBe('csv')
    expect(() => formatOf(undefined, 'a.txt')).toThrow('--format must say whether a.txt is csv')
    expect(() => formatOf('tsv', 'a.csv')).toThrow('--format must be csv or ndjson, not "tsv"')
  })
})
