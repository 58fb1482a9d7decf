import { getTableColumns } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { associations } from '../../src/storage/schema.ts'
import {
  CSV_HEADER,
  csvLine,
  formatOf,
  isBlank,
  lineOf,
  parseCsvLine,
  parseHeader,
  parseJsonLine,
  requireColumns,
  textOf,
} from '../../tools/data/association-file.ts'
import { COLUMNS, type Row, rowOf } from '../../tools/data/association-row.ts'
import { type Line, linesOf, MAX_LINE_BYTES } from '../../tools/data/file-lines.ts'

const defaults = { created_at: 1, created_by: 'import', request_id: 'request' }
const header = ['store_id', 'cart_id', 'account_id', 'created_at'] as const
const used = [...header, 'used_at'] as const

const line = (text: string | Buffer): Line => {
  const bytes = Buffer.from(text)
  return { number: 1, end: bytes.length, bytes, isTooLong: false }
}

const csvRow = (text: string): Row => rowOf(parseCsvLine(text, header), defaults)
const jsonRow = (text: string): Row => rowOf(parseJsonLine(textOf(line(text))), defaults)

async function linesIn(chunks: (string | Buffer)[]): Promise<Line[]> {
  async function* bytes() {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  return await Array.fromAsync(linesOf(bytes()))
}

describe('the columns', () => {
  it('are those of the table', () => {
    const names = Object.values(getTableColumns(associations)).map(({ name }) => name)

    expect(names).toEqual(COLUMNS)
    expect(CSV_HEADER).toBe(`${names.join(',')}\n`)
  })

  it.each([
    ['store_id,cart_id,account,created_at', 'The column "account" is not known: the columns are'],
    ['store_id,cart_id, account_id', 'The column " account_id" is not known'],
    ['cart_id,account_id,cart_id', 'The column cart_id is there twice'],
    ['cart_id,"account_id', 'Line 1: The quotes of the line are not those of CSV'],
    ['cart_id,account_id\rc,a\r', 'Line 1: The line has a CR without an LF: lines end with LF'],
  ])('may stand in any order, and each must be known: %s', (text, message) => {
    expect(parseHeader(line('"account_id",store_id,cart_id'))).toEqual([
      'account_id',
      'store_id',
      'cart_id',
    ])
    expect(() => parseHeader(line(text))).toThrow(message)
  })

  it('must all be there that are required', () => {
    expect(() => requireColumns(['cart_id'], ['cart_id', 'account_id'])).toThrow(
      'The file has no column account_id',
    )
    expect(() => requireColumns(['cart_id'], ['store_id'])).toThrow(
      'The file has no column store_id: --store names the store of all its rows',
    )
  })
})

describe('a line', () => {
  it.each([
    ['s,c,a,2026-01-01T00:00:00.123Z', Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ['s,c,a,2026-01-01T00:00:00.123999Z', Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ['s,c,a,2024-02-29T01:30+01:30', Date.UTC(2024, 1, 29)],
    ['"s","c",a,"1767225600000"', 1_767_225_600_000],
    ['s,c,a,', 1],
  ])('is a row, of a time in milliseconds: %s', (text, time) => {
    expect(csvRow(text)).toEqual(['s', 'c', 'a', time, time, 'import', 'request'])
  })

  it('has its last use beside its beginning, in CSV as in NDJSON', () => {
    const row = ['s', 'c', 'a', 1, 1_767_225_600_000, 'import', 'request']

    expect(rowOf(parseCsvLine('s,c,a,,2026-01-01T00:00:00Z', used), defaults)).toEqual(row)
    expect(
      jsonRow('{"store_id":"s","cart_id":"c","account_id":"a","used_at":1767225600000}'),
    ).toEqual(row)
    expect(() => rowOf(parseCsvLine('s,c,a,,today', used), defaults)).toThrow(
      'used_at must be a time with its zone',
    )
  })

  it('is the same row as NDJSON, whatever is empty in it', () => {
    const row = jsonRow(
      '{"cart_id":"c","account_id":"a","store_id":"s","created_at":1767225600000,"created_by":null}',
    )

    expect(row).toEqual(['s', 'c', 'a', 1_767_225_600_000, 1_767_225_600_000, 'import', 'request'])
  })

  it.each<[string, string]>([
    [',c,a,', 'store_id is missing'],
    ['s,c,,', 'account_id is missing'],
    ['NULL,c,a,', 'store_id is missing: the text NULL stands for no id'],
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
  ])('is refused with its reason: %j', (text, message) => {
    expect(() => csvRow(text)).toThrow(message)
  })

  it.each([
    ['{"store_id":"s"', 'The line is not a JSON object'],
    ['["s","c","a"]', 'The line is not a JSON object'],
    ['null', 'The line is not a JSON object'],
    ['{"store_id":"s"}\r{"store_id":"s"}', 'The line has a CR without an LF'],
    ['{"cart_id":"c","store_id":"s","cart_id":"d"}', '"cart_id" is there twice'],
    ['{"cart_id":"c","store_id":"s","cart\\u005fid":"c"}', '"cart_id" is there twice'],
    ['{"store_id":"s","cart_id":"null","account_id":"a"}', 'cart_id is missing: the text null'],
    ['{"store_id":"s","cart_id":1,"account_id":"a"}', 'cart_id must be 1 to 255 characters'],
    ['{"store_id":"s","cart_id":"c","accountId":"a"}', '"accountId" is not known'],
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
  ])('of NDJSON is refused with its reason: %s', (text, message) => {
    expect(() => jsonRow(text)).toThrow(message)
  })

  it('is refused if it is not UTF-8', () => {
    expect(() => textOf(line(Buffer.from([0x73, 0xff])))).toThrow('The line is not UTF-8')
  })

  it('is written as it is read, whatever stands in it', () => {
    const row: Row = ['s', 'c', 'a', 1_767_225_600_123, 1_767_225_600_124, `o'neill,"x"`, 'r']

    expect(lineOf(row, 'csv')).toBe(
      `s,c,a,2026-01-01T00:00:00.123Z,2026-01-01T00:00:00.124Z,"o'neill,""x""",r\n`,
    )
    expect(rowOf(parseCsvLine(lineOf(row, 'csv').trim(), COLUMNS), defaults)).toEqual(row)
    expect(jsonRow(lineOf(row, 'ndjson').trim())).toEqual(row)
    expect(csvLine(['a\nb', 'c'])).toBe('"a\nb",c\n')
  })
})

describe('a text of CSV that a spreadsheet would run', () => {
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
  ])('is written so that it does not, and read as it was: %s', (text, cell) => {
    const row: Row = ['s', '-c', '--', 1, 2, text, 'r']

    const written = lineOf(row, 'csv')

    expect(written).toBe(`s,'-c,'--,1970-01-01T00:00:00.001Z,1970-01-01T00:00:00.002Z,${cell},r\n`)
    expect(parseCsvLine(written.trim(), COLUMNS)).toMatchObject({
      cart_id: '-c',
      account_id: '--',
      created_by: text,
    })
  })

  it('is read without the apostrophe too, as other programs write it', () => {
    expect(csvRow('s,-c,-a,')).toEqual(['s', '-c', '-a', 1, 1, 'import', 'request'])
  })
})

describe('a line without anything in it', () => {
  it.each([
    ['', true, true],
    ['  \t', true, true],
    [',,,', true, false],
    [' , ,', true, false],
    ['a', false, false],
    [',"",', false, false],
  ])('is blank: %j', (text, inCsv, inJson) => {
    expect(isBlank(line(text), 'csv')).toBe(inCsv)
    expect(isBlank(line(text), 'ndjson')).toBe(inJson)
  })
})

describe('the lines of a file', () => {
  it('are the same however its bytes arrive, with the places where they end', async () => {
    const text = '\uFEFFone\r\ntwö\n\n\nlast'
    const bytes = [...Buffer.from(text)].map((byte) => Buffer.from([byte]))

    const lines = await linesIn([text])

    expect(lines.map(({ bytes }) => bytes.toString())).toEqual(['one', 'twö', '', '', 'last'])
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
    expect(lines.map(({ end }) => end)).toEqual([8, 13, 14, 15, 19])
    expect(await linesIn(bytes)).toEqual(lines)
    expect(await linesIn([])).toEqual([])
  })

  it('are cut if they are too long, and the next line is whole', async () => {
    const chunk = 'x'.repeat(10_000)

    const lines = await linesIn(['a\n', ...Array<string>(500).fill(chunk), '\nb\n'])

    expect(lines.map(({ isTooLong }) => isTooLong)).toEqual([false, true, false])
    expect(lines.map(({ bytes }) => bytes.length)).toEqual([1, MAX_LINE_BYTES, 1])
    expect(lines.at(-1)?.end).toBe(5_000_005)
    expect(() => lines.map(textOf)).toThrow(`The line is longer than ${MAX_LINE_BYTES} bytes`)
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
