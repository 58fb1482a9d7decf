// What wrangler says went wrong, found in all that it printed.
import { stripVTControlCharacters } from 'node:util'
import * as v from 'valibot'

/** What wrangler printed, once it has ended. */
export interface WranglerResult {
  code: number
  stdout: string
  stderr: string
}

/** As it tells an error under --json; where Cloudflare refused, its own words are in the notes. */
const toldError = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    error: v.object({
      text: v.string(),
      notes: v.optional(v.array(v.object({ text: v.string() })), []),
    }),
  }),
)

/** The reason in a line; undefined where nothing that was printed looks like one. */
export function reasonOf({ stdout, stderr }: WranglerResult): string | undefined {
  const told = v.safeParse(toldError, stdout)
  if (told.success) {
    const { text, notes } = told.output.error
    return firstLine(notes[0]?.text ?? text)
  }
  return /\[ERROR\]\s*(.+)/.exec(stripVTControlCharacters(stderr))?.[1]
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
