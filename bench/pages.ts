// The parts of the docs that a command prints: between two marks with its name.
import { readFileSync, writeFileSync } from 'node:fs'

const PAGES = {
  bench: 'performance.md',
  'bench:scale': 'performance.md',
  'bench:world': 'scaling.md',
  'bench:costs': 'scaling.md',
} as const

export type PrintedBy = keyof typeof PAGES

/** What the page of the command holds of it. */
export function readPart(command: PrintedBy): string {
  return partsOf(command).part
}

/** Puts what the command prints now in the place of what it printed last. */
export function writePart(command: PrintedBy, part: string): void {
  const { before, after } = partsOf(command)
  writeFileSync(pageOf(command), `${before}${part}${after}`)
}

function pageOf(command: PrintedBy): URL {
  return new URL(`../docs/${PAGES[command]}`, import.meta.url)
}

function partsOf(command: PrintedBy): { before: string; part: string; after: string } {
  const page = readFileSync(pageOf(command), 'utf8')
  const [begin, end] = [`<!-- npm run ${command} -->\n\n`, `\n<!-- end of ${command} -->`]
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf(end)
  if (from < begin.length || to < from) {
    throw new Error(`docs/${PAGES[command]} has no place for ${command}`)
  }
  return { before: page.slice(0, from), part: page.slice(from, to), after: page.slice(to) }
}
