// What the Worker logs, kept for tests to read and searched for secrets.

interface LogEntry {
  level: string
  /** The JSON value of the line. */
  line: unknown
}

/** What the current test has logged, and whatever still runs from the tests before it. */
export const logged: LogEntry[] = []

/** Keeps each log line from now on, instead of printing it. */
export function recordLog(): void {
  for (const level of ['debug', 'log', 'info', 'warn', 'error'] as const) {
    console[level] = (...values: unknown[]) => {
      const text = values.join(' ')
      lookForSecrets(`The log line ${text}`, text)
      logged.push({ level, line: JSON.parse(text) })
    }
  }
}

/** Returns all entries, and forgets them. */
export function takeLog(): LogEntry[] {
  return logged.splice(0)
}

/** Returns the reasons that were logged for a refusal or a failure. */
export function loggedReasons(): unknown[] {
  return logged.flatMap(({ line }) => Object(line).reason ?? [])
}

// Checks that no response, log line or row ever holds a token or a secret (contract, section 9).
/** Skips shorter words: they are no secrets, and occur everywhere. */
const WORD = /[\w-]{16,}/g
const TOKEN = /^(?:Bearer )?[\w-]+\.([\w-]+)\.([\w-]+)$/

const secrets = new Set<string>()
/** Where secrets were found. */
export const found: string[] = []

/** Treats each long word of these texts as a secret from now on. */
export function keepSecret(...texts: unknown[]): void {
  for (const text of texts) {
    if (typeof text !== 'string') continue
    for (const [word] of text.matchAll(WORD)) secrets.add(word)
  }
}

/** Keeps the client's tokens secret, but not their first part: all tokens of a key share it. */
export function keepTokensOf({ headers }: Request): void {
  for (const name of [
    'Authorization',
    'EP-Account-Management-Authentication-Token',
    'X-Cart-Invitation',
  ]) {
    const [, ...parts] = TOKEN.exec(headers.get(name) ?? '') ?? []
    keepSecret(...parts)
  }
}

export function lookForSecrets(where: string, text: string): void {
  for (const [word] of text.matchAll(WORD)) if (secrets.has(word)) found.push(where)
}
