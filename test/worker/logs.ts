// What the Worker logs: for the tests to read, and for no token to hide in.
import { lookForSecrets } from './canaries.ts'

const LEVELS = ['debug', 'log', 'info', 'warn', 'error'] as const

export interface LogEntry {
  level: (typeof LEVELS)[number]
  /** The JSON value of the line. */
  line: unknown
}

const entries: LogEntry[] = []

/** What the test that runs, and whatever goes on from those before it, has logged. */
export const logged: readonly LogEntry[] = entries

/** From here on, whatever is logged is kept instead of printed. */
export function recordLog(): void {
  for (const level of LEVELS) {
    console[level] = (...values: unknown[]) => {
      const text = values.join(' ')
      lookForSecrets(`The log line ${text}`, text)
      entries.push({ level, line: JSON.parse(text) })
    }
  }
}

/** The same, which is then forgotten. */
export function takeLog(): LogEntry[] {
  return entries.splice(0)
}

/** The reasons that were logged for refusing or failing. */
export function loggedReasons(): unknown[] {
  return entries.flatMap(({ line }) => Object(line).reason ?? [])
}
