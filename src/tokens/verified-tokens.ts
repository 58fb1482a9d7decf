// Tokens that this isolate has verified, so that a storefront's next page costs no signature.
import type { Validity } from './claims.ts'

const MAX_TOKENS = 2_000
/** With the longest tokens, 4 MiB of characters. */
const MAX_TOKEN_LENGTH = 2_048

interface Known<Content> {
  content: Content
  validity: Validity
}

/**
 * What verified tokens say, by the whole text of the token. Forgets a token when it expires, the least
 * recently used one if there are too many, and all of them when the keys change.
 */
export class VerifiedTokens<Content> {
  // A Map keeps the order of insertion: the first token is the least recently used one.
  readonly #known = new Map<string, Known<Content>>()
  #keysVersion = 0

  /** Returns what a known token says. `keysVersion` changes whenever the keys may have changed. */
  recall(token: string, keysVersion: number, now: Date): Content | undefined {
    if (keysVersion !== this.#keysVersion) this.#forgetAll(keysVersion)
    const known = this.#known.get(token)
    if (known === undefined) return undefined
    this.#known.delete(token)
    if (!isCurrent(known.validity, now)) return undefined
    this.#known.set(token, known)
    return known.content
  }

  /** Keeps what a token says that was verified with this version of the keys. */
  remember(token: string, content: Content, validity: Validity, keysVersion: number): void {
    if (token.length > MAX_TOKEN_LENGTH || keysVersion !== this.#keysVersion) return
    const [oldest] = this.#known.size < MAX_TOKENS ? [] : this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(token, { content, validity })
  }

  #forgetAll(keysVersion: number): void {
    this.#known.clear()
    this.#keysVersion = keysVersion
  }
}

/** Allows no clock tolerance: in a token's last seconds, and if a clock went back, `verify` decides. */
function isCurrent({ from, until }: Validity, now: Date): boolean {
  const seconds = now.getTime() / 1000
  return from <= seconds && seconds < until
}
