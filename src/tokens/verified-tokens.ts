// Tokens that this isolate has verified, so that a storefront's next page costs no signature.

/** Signed claims, each still of any type: a signer can write what they like. */
export type TokenClaims = Readonly<Record<string, unknown>>

/** With the longest tokens, 4 MiB of characters. */
const MAX_TOKENS = 2_000
const MAX_TOKEN_LENGTH = 2_048

/**
 * The claims of verified tokens, by the whole text of the token. Forgets a token when it expires, and
 * all of them when the keys change.
 */
export class VerifiedTokens {
  // A Map keeps the order of insertion.
  readonly #claims = new Map<string, TokenClaims>()
  #keysVersion = 0

  /** Returns the claims of a known token. `keysVersion` changes whenever the keys may have changed. */
  recall(token: string, keysVersion: number, now: Date): TokenClaims | undefined {
    if (keysVersion !== this.#keysVersion) this.#forgetAll(keysVersion)
    const claims = this.#claims.get(token)
    if (claims === undefined || isCurrent(claims, now)) return claims
    this.#claims.delete(token)
    return undefined
  }

  /** Keeps a token that was verified with this version of the keys; drops the oldest if there are too many. */
  remember(token: string, claims: TokenClaims, keysVersion: number): void {
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

/** Allows no clock tolerance: in a token's last seconds, and if a clock went back, `verify` decides. */
function isCurrent({ iat, nbf = iat, exp }: TokenClaims, now: Date): boolean {
  const seconds = now.getTime() / 1000
  return Number(iat) <= seconds && Number(nbf) <= seconds && seconds < Number(exp)
}
