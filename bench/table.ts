// Tables as the commands print them, which is also how the docs show them: Markdown.

/** The first column stands left, the others right; a cell may not hold a bar. */
export function markdownTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const marks = headings.map((_, index) => (index === 0 ? '---' : '---:'))
  return [headings, marks, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}
