// No answer, no log line and no row ever holds a token or a secret (contract, section 9).
import { env } from 'cloudflare:workers'

/** Shorter words are no secrets of ours, and stand in many places. */
const WORD = /[\w-]{16,}/g
const TOKEN = /^(?:Bearer )?[\w-]+\.([\w-]+)\.([\w-]+)$/

const secrets = new Set<string>()
const found: string[] = []

/** From here on these texts are secret, each long word of them. */
export function keepSecret(...texts: unknown[]): void {
  for (const text of texts) {
    if (typeof text !== 'string') continue
    for (const [word] of text.matchAll(WORD)) secrets.add(word)
  }
}

/** The tokens that a client sends. All of one key have the same first part, which is no secret. */
export function keepTokensOf({ headers }: Request): void {
  for (const name of ['Authorization', 'EP-Account-Management-Authentication-Token']) {
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

/** Where secrets have been found since this was last asked. */
export function takeFoundSecrets(): string[] {
  return found.splice(0)
}
