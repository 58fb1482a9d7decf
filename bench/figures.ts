// How figures are printed and put into a page, and their budgets.

import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import path from 'node:path'
import { quantile } from '../test/lib/options.ts'
import { CommandError } from '../tools/lib/command-line.ts'
import { projectRoot } from '../tools/lib/directories.ts'
import { BUNDLE_LIMIT_KIB } from '../tools/lib/wrangler.ts'

/** A part of a page in docs/: what was measured, or computed. */
export interface Outcome {
  part: string
  /** Markdown. */
  text: string
  judged: readonly Judged[]
}

/** What the page shows today. */
export function readPart(part: string): string {
  return found(part).text
}

/** Replaces what the page shows. */
export function writePart({ part, text }: Outcome): void {
  const { file, page, place } = found(part)
  writeFileSync(
    file,
    page.replace(place, () => text),
  )
}

function found(part: string) {
  const [begin, end] = [`<!-- npm run bench: ${part} -->\n\n`, `\n<!-- end of ${part} -->`]
  const place = new RegExp(`(?<=${begin}).*(?=${end})`, 's')
  for (const name of ['performance.md', 'scaling.md']) {
    const file = path.join(projectRoot, 'docs', name)
    const page = readFileSync(file, 'utf8')
    const [text] = place.exec(page) ?? []
    if (text !== undefined) return { file, page, place, text }
  }
  throw new Error(`docs/ has no place for ${part}`)
}

/** The first column is aligned left, the others right; a cell may not hold a bar. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const marks = headings.map((_, index) => (index === 0 ? '---' : '---:'))
  return [headings, marks, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** Tables of measurements, below the day and the machine. */
export function measured(how: string, ...tables: string[]): string {
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${type()} ${release()}`
  const day = new Date().toISOString().slice(0, 10)
  const where = `${machine}, Node ${process.versions.node}`
  return `Measured on ${day}: ${where}; ${how}.\n\n${tables.join('\n')}`
}

export function medianOf(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The median of the ratios within each round. */
export function medianRatio(values: readonly number[], others: readonly number[]): number {
  return medianOf(values.map((value, round) => value / (others[round] ?? Number.NaN)))
}

interface Bound {
  min?: number
  max?: number
}

/** A figure that has a budget. */
export type Judged = ReturnType<typeof held>

/** By the name of the figure. A figure without a budget is not judged. */
export const BUDGETS: Readonly<Record<string, Bound>> = {
  'bundle, KiB gzipped': { max: BUNDLE_LIMIT_KIB },
  'module load, ms': { max: 12 },
  'bytes an association': { max: 320 },
  // One for each of the 99 carts of the account, which are counted.
  'rows read: new association': { max: 8 + 99 },
  'rows written: new association': { max: 2 },
  'rows read: repeated association': { max: 8 },
  'rows written: repeated association': { max: 0 },
  'rows read: repeated association, of an older cart': { max: 8 },
  'rows written: repeated association, of an older cart': { max: 2 },

  'own CPU to the least: ES256, tokens seen before': { max: 2.0 },
  'own CPU to the least: ES256, tokens not seen before': { max: 1.6 },

  'requests a second to the floor: new association': { min: 0.75 },
  'requests a second to the floor: repeated association': { min: 0.75 },

  // Long lists are read up to a bound. Other operations read as many rows at every size.
  'rows read at any size: hot account: list of carts': { max: 10_120 },
  'rows read at any size: hot account: list of carts, far page': { max: 20_120 },
  'rows read at any size: hot cart: single cart': { max: 20_100 },
  'rows read at any size: hot cart: list of accounts': { max: 30_200 },
}

/** The time at the largest size may be this many times the time at the smallest. */
export const MOST_GROWTH = 2

/** Compares each figure that has a budget with it. */
export function judge(figures: Readonly<Record<string, number>>): Judged[] {
  return Object.entries(figures).flatMap(([figure, value]) => {
    const bound = BUDGETS[figure]
    return bound === undefined ? [] : [held(figure, value, bound)]
  })
}

export function held(figure: string, value: number, { min = -Infinity, max = Infinity }: Bound) {
  const bound = max === Infinity ? `at least ${min}` : `at most ${max}`
  const measured = String(Math.round(value * 1000) / 1000)
  return { figure, measured, bound, kept: value >= min && value <= max }
}

export function budgetTable(judged: readonly Judged[]): string {
  return markdownTable(
    ['budget', 'measured', 'may be', ''],
    judged.map(({ kept, ...each }) => [...Object.values(each), kept ? 'kept' : 'not kept']),
  )
}

/** @throws CommandError naming each figure that is beyond its budget */
export function requireKept(judged: readonly Judged[]): void {
  const broken = judged.filter(({ kept }) => !kept)
  if (broken.length === 0) return
  const lines = broken.map(
    ({ figure, measured, bound }) => `${figure}: ${measured}, may be ${bound}`,
  )
  throw new CommandError(['Beyond the budget:', ...lines].join('\n  '))
}
