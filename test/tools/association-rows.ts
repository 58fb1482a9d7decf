// Files of associations of any number, for the proof and the tests of the import.
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { rowAt } from '../../bench/scale-rows.ts'
import { CSV_HEADER, lineOf } from '../../tools/data/association-file.ts'

const LINES_AT_ONCE = 5_000

/** Writes that many rows, all different, one store after the other again and again. */
export async function writeAssociations(
  file: string,
  rows: number,
  stores: readonly string[],
): Promise<void> {
  const stream = createWriteStream(file)
  stream.write(CSV_HEADER)
  for (let from = 0; from < rows; from += LINES_AT_ONCE) {
    const count = Math.min(LINES_AT_ONCE, rows - from)
    const lines = Array.from({ length: count }, (_, index) => {
      const number = from + index
      const { cart, account, createdAt, createdBy, requestId } = rowAt(number)
      const store = stores[number % stores.length] ?? ''
      return lineOf([store, cart, account, createdAt, createdBy, requestId], 'csv')
    })
    await new Promise((resolve) => stream.write(lines.join(''), resolve))
  }
  stream.end()
  await finished(stream)
}
