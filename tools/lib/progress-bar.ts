// How far a long command is: one line that is rewritten on a terminal, a line now and then elsewhere.
import { grouped } from './command-line.ts'

/** What is known at a moment; `share` of the whole, from 0 to 1, if that is known. */
export interface Moment {
  rows: number
  share?: number | undefined
}

export interface ProgressBar {
  show: (moment: Moment) => void
  /** What is printed next stands on a line of its own. */
  end: () => void
}

const WIDTH = 24
const TERMINAL_MS = 100
const PLAIN_MS = 3_000

/** Writes to standard error. */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): ProgressBar {
  const startedAt = performance.now()
  const everyMs = stream.isTTY ? TERMINAL_MS : PLAIN_MS
  let shownAt = startedAt
  let isShown = false
  return {
    show: (moment) => {
      const now = performance.now()
      if (now - shownAt < everyMs) return
      shownAt = now
      isShown = true
      const line = lineOf(moment, (now - startedAt) / 1_000)
      if (!stream.isTTY) stream.write(`${line}\n`)
      // What is wider than the terminal would not be rewritten.
      else stream.write(`\r\u001B[K${`${barOf(moment)}${line}`.slice(0, widthOf(stream))}`)
    },
    end: () => {
      if (isShown && stream.isTTY) stream.write('\r\u001B[K')
    },
  }
}

/** `45%, 450,000 rows, 8,123 rows/s, 1 min 8 s left`; of what is not known nothing. */
export function lineOf({ rows, share }: Moment, seconds: number): string {
  const rate = `${grouped(rows)} rows, ${grouped(Math.round(rows / seconds))} rows/s`
  if (share === undefined) return rate
  const left = share > 0 ? `, ${duration((seconds * (1 - share)) / share)} left` : ''
  return `${Math.floor(share * 100)}%, ${rate}${left}`
}

/** Some terminals say that they have no columns. */
function widthOf({ columns }: NodeJS.WriteStream): number {
  return columns > 0 ? columns : 80
}

function barOf({ share }: Moment): string {
  if (share === undefined) return ''
  const filled = Math.round(share * WIDTH)
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] `
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}
