// How figures are printed and put into a page, and their budgets.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { CommandError } from '../tools/lib/command-line.ts'
import { BUNDLE_LIMIT_KIB } from '../tools/lib/wrangler.ts'

/** What one run found out. */
export interface Outcome {
  /** Markdown, by the part of a page that shows it. */
  parts: Partial<Record<Part, string>>
  judged: readonly Judged[]
}

const PARTS = ['counts', 'cpu', 'requests', 'scale', 'costs', 'waits', 'placement'] as const
type Part = (typeof PARTS)[number]

/** What the page shows today. */
export function readPart(part: Part): string {
  return divided(part).text
}

/** Replaces what the pages show. */
export function writeParts(parts: Outcome['parts']): void {
  for (const part of PARTS) {
    const text = parts[part]
    if (text === undefined) continue
    const { file, before, after } = divided(part)
    writeFileSync(file, `${before}${text}${after}`)
  }
}

function divided(part: Part) {
  const isPlan = part === 'costs' || part === 'waits' || part === 'placement'
  const name = isPlan ? 'scaling.md' : 'performance.md'
  const file = new URL(`../docs/${name}`, import.meta.url)
  const page = readFileSync(file, 'utf8')
  const begin = `<!-- npm run bench: ${part} -->\n\n`
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf(`\n<!-- end of ${part} -->`)
  if (from < begin.length || to < from) throw new Error(`docs/ has no place for ${part}`)
  return { file, before: page.slice(0, from), text: page.slice(from, to), after: page.slice(to) }
}

/** The first column is aligned left, the others right; a cell may not hold a bar. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const marks = headings.map((_, index) => (index === 0 ? '---' : '---:'))
  return [headings, marks, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** The day and the machine, which stand above each table of measurements. */
export function measuredToday(how: string): string {
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${type()} ${release()}`
  const day = new Date().toISOString().slice(0, 10)
  return `Measured on ${day}: ${machine}, Node ${process.versions.node}; ${how}.\n\n`
}

/** The middle value, or what is halfway between the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  if (sorted.length % 2 === 1) return upper
  return (upper + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2
}

/** The smallest value that this share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

interface Bound {
  min?: number
  max?: number
}

/** A figure that has a budget. */
export interface Judged {
  figure: string
  value: number
  bound: Bound
  kept: boolean
}

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

export function held(figure: string, value: number, bound: Bound): Judged {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bound
  return { figure, value, bound, kept: value >= min && value <= max }
}

export function budgetTable(judged: readonly Judged[]): string {
  const rows = judged.map(({ figure, value, bound, kept }) => {
    return [figure, rounded(value), inWords(bound), kept ? 'kept' : 'not kept']
  })
  return markdownTable(['budget', 'measured', 'may be', ''], rows)
}

/** @throws CommandError naming each figure that is beyond its budget */
export function requireKept(judged: readonly Judged[]): void {
  const broken = judged.filter(({ kept }) => !kept)
  if (broken.length === 0) return
  const lines = broken.map(
    ({ figure, value, bound }) => `  ${figure}: ${rounded(value)}, may be ${inWords(bound)}`,
  )
  throw new CommandError(`Beyond the budget:\n${lines.join('\n')}`)
}

function inWords({ min, max }: Bound): string {
  return min === undefined ? `at most ${max}` : `at least ${min}`
}

function rounded(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
