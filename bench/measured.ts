// Hands the figures that a month's cost is reckoned from to npm run bench:costs.
import { writeFileSync } from 'node:fs'
import type { Figures } from './figures.ts'

const FILE = new URL('measured.json', import.meta.url)

/** Writes bench/measured.json from a run of all parts; without one of them, nothing. */
export function writeMeasured({ counts, ownCpu }: Figures): void {
  if (counts === undefined || ownCpu === undefined) return
  const rowsOf = (operation: string) => {
    const rows = counts.rows.find((each) => each.operation === operation)
    return { read: rows?.read, written: rows?.written }
  }
  // Of the whole service, not above hello, and of the dearer algorithm.
  const cpuMsWith = (tokens: string) => {
    const figure = ownCpu.find((each) => each.algorithm === 'ES256' && each.tokens === tokens)
    return Math.round((figure?.service ?? Number.NaN) / 10) / 100
  }
  const [seen, unseen] = [cpuMsWith('seen before'), cpuMsWith('not seen before')]
  const measured = {
    bytesPerAssociation: Math.ceil(counts.bytesPerAssociation),
    rows: {
      new: rowsOf('new association'),
      repeated: rowsOf('repeated association'),
      list: rowsOf('list of carts, 20 of 20'),
    },
    cpuMs: { new: unseen, repeated: seen, list: seen, refused: unseen },
  }
  writeFileSync(FILE, `${JSON.stringify(measured, null, 2)}\n`)
}
