// How far a long command is: one line that is rewritten on a terminal, a line now and then elsewhere.
import { grouped } from '../lib/command-line.ts'

/** What is known at a moment; `share` of the whole, from 0 to 1, if that is known. */
interface Moment {
  rows: number
  share?: number | undefined
}

const TERMINAL_MS = 100
const PLAIN_MS = 3_000
const CLEAR = '\r\u001B[K'

/** Shows moments on standard error; after `end`, that line is free for other text. */
export function startProgress(stream: NodeJS.WriteStream = process.stderr) {
  const startedAt = performance.now()
  let shownAt = startedAt
  return {
    show: (moment: Moment): void => {
      const now = performance.now()
      if (now - shownAt < (stream.isTTY ? TERMINAL_MS : PLAIN_MS)) return
      shownAt = now
      const line = lineOf(moment, (now - startedAt) / 1_000)
      // What is wider than the terminal would not be rewritten; some terminals say that they have no columns.
      stream.write(stream.isTTY ? `${CLEAR}${line.slice(0, stream.columns || 80)}` : `${line}\n`)
    },
    end: (): void => {
      if (stream.isTTY && shownAt > startedAt) stream.write(CLEAR)
    },
  }
}

/** `45%, 450,000 rows, 8,123 rows/s, 1 min 8 s left`; leaves out what is not known. */
export function lineOf({ rows, share }: Moment, seconds: number): string {
  const rate = `${grouped(rows)} rows, ${grouped(Math.round(rows / seconds))} rows/s`
  if (share === undefined) return rate
  const left = share > 0 ? `, ${duration((seconds * (1 - share)) / share)} left` : ''
  return `${Math.floor(share * 100)}%, ${rate}${left}`
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}
