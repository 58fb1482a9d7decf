// How figures are printed: medians, Markdown tables, and the part of a page that a table stands in.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import type { Judged } from './budgets.ts'

/** What one run found out. */
export interface Outcome {
  /** Markdown, by the part of a page that shows it. */
  parts: Partial<Record<Part, string>>
  judged: readonly Judged[]
}

export const PARTS = ['counts', 'cpu', 'requests', 'scale', 'costs', 'waits'] as const
export type Part = (typeof PARTS)[number]

/** What the page shows today. */
export function readPart(part: Part): string {
  return divided(part).text
}

/** Replaces what the pages show. */
export function writeParts(parts: Outcome['parts']): void {
  for (const part of PARTS) {
    const text = parts[part]
    if (text === undefined) continue
    const { before, after } = divided(part)
    writeFileSync(pageOf(part), `${before}${text}${after}`)
  }
}

function pageOf(part: Part): URL {
  const page = part === 'costs' || part === 'waits' ? 'scaling.md' : 'performance.md'
  return new URL(`../docs/${page}`, import.meta.url)
}

function divided(part: Part): { before: string; text: string; after: string } {
  const page = readFileSync(pageOf(part), 'utf8')
  const begin = `<!-- npm run bench: ${part} -->\n\n`
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf(`\n<!-- end of ${part} -->`)
  if (from < begin.length || to < from) throw new Error(`docs/ has no place for ${part}`)
  return { before: page.slice(0, from), text: page.slice(from, to), after: page.slice(to) }
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
