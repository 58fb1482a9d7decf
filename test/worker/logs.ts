// What the Worker logs, kept for tests to read and searched for secrets.
import { lookForSecrets } from './canaries.ts'

const LEVELS = ['debug', 'log', 'info', 'warn', 'error'] as const

export interface LogEntry {
  level: (typeof LEVELS)[number]
  /** The JSON value of the line. */
  line: unknown
}

const entries: LogEntry[] = []

/** What the current test has logged, and whatever still runs from the tests before it. */
export const logged: readonly LogEntry[] = entries

/** Keeps each log line from now on, instead of printing it. */
export function recordLog(): void {
  for (const level of LEVELS) {
    console[level] = (...values: unknown[]) => {
      const text = values.join(' ')
      lookForSecrets(`The log line ${text}`, text)
      entries.push({ level, line: JSON.parse(text) })
    }
  }
}

/** Returns all entries, and forgets them. */
export function takeLog(): LogEntry[] {
  return entries.splice(0)
}

/** Returns the reasons that were logged for a refusal or a failure. */
export function loggedReasons(): unknown[] {
  return entries.flatMap(({ line }) => Object(line).reason ?? [])
}
