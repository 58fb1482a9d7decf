// The parts of docs/scaling.md that a command prints: between two marks with its name.
import { readFileSync, writeFileSync } from 'node:fs'

const PAGE = new URL('../docs/scaling.md', import.meta.url)

export type PrintedBy = 'bench:world' | 'bench:costs'

/** What the page holds of this command's. */
export function readPart(command: PrintedBy): string {
  return partsOf(command).part
}

/** Puts what the command prints now in the place of what it printed last. */
export function writePart(command: PrintedBy, part: string): void {
  const { before, after } = partsOf(command)
  writeFileSync(PAGE, `${before}${part}${after}`)
}

function partsOf(command: PrintedBy): { before: string; part: string; after: string } {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [`<!-- npm run ${command} -->\n\n`, `\n<!-- end of ${command} -->`]
  const from = page.indexOf(begin) + begin.length
  const to = page.indexOf(end)
  if (from < begin.length || to < from) {
    throw new Error(`docs/scaling.md has no place for ${command}`)
  }
  return { before: page.slice(0, from), part: page.slice(from, to), after: page.slice(to) }
}
