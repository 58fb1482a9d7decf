// Tokens that this isolate has verified, so that a storefront's next page costs no signature.

/** Signed, but each still of any type: whoever signs may write what they like. */
export type Claims = Readonly<Record<string, unknown>>

/** With the longest of them, 4 MiB of characters. */
const MAX_TOKENS = 2_000
const MAX_TOKEN_LENGTH = 2_048

/**
 * The claims of tokens whose signature, issuer, audience and times were found good, by the whole of
 * their text. They are not told of once the token expires, nor after any change of the keys.
 */
export class VerifiedTokens {
  // A Map keeps the order in which they came.
  readonly #claims = new Map<string, Claims>()
  #keysVersion = 0

  /** `keysVersion` is another one whenever the keys may have changed. */
  recall(token: string, keysVersion: number, now: Date): Claims | undefined {
    if (keysVersion !== this.#keysVersion) this.#forgetAll(keysVersion)
    const claims = this.#claims.get(token)
    if (claims === undefined || isCurrent(claims, now)) return claims
    this.#claims.delete(token)
    return undefined
  }

  /** Takes a token that was verified with this version of the keys, in the place of the oldest. */
  remember(token: string, claims: Claims, keysVersion: number): void {
    if (token.length > MAX_TOKEN_LENGTH || keysVersion !== this.#keysVersion) return
    const [oldest] = this.#claims.size < MAX_TOKENS ? [] : this.#claims.keys()
    if (oldest !== undefined) this.#claims.delete(oldest)
    this.#claims.set(token, claims)
  }

  #forgetAll(keysVersion: number): void {
    this.#claims.clear()
    this.#keysVersion = keysVersion
  }
}

/** Without the tolerance for clocks: in the last seconds, and where a clock went back, verify decides. */
function isCurrent({ iat, nbf = iat, exp }: Claims, now: Date): boolean {
  const seconds = now.getTime() / 1000
  return Number(iat) <= seconds && Number(nbf) <= seconds && seconds < Number(exp)
}
