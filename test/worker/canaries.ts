// Checks that no response, log line or row ever holds a token or a secret (contract, section 9).
import { env } from 'cloudflare:workers'

/** Skips shorter words: they are no secrets, and occur everywhere. */
const WORD = /[\w-]{16,}/g
const TOKEN = /^(?:Bearer )?[\w-]+\.([\w-]+)\.([\w-]+)$/

const secrets = new Set<string>()
const found: string[] = []

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

export async function lookForSecretsInRows(): Promise<void> {
  for (const table of ['associations', 'application_keys']) {
    const { results } = await env.DB.prepare(`select * from ${table}`).all()
    lookForSecrets(`A row of ${table}`, JSON.stringify(results))
  }
}

/** Returns where secrets were found since the last call. */
export function takeFoundSecrets(): string[] {
  return found.splice(0)
}
