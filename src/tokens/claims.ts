// The rules of the claims that both tokens share (contract, section 1): issuer, audience and times.
import { TokenRefused } from './refusal.ts'

/** The members of a signed payload, each of any type: a signer can write what they like. */
export type Claims = Readonly<Record<string, unknown>>

/** When a token is good: seconds of Unix time. */
export interface Validity {
  /** The later of `iat` and `nbf`. */
  from: number
  /** `exp` */
  until: number
}

/** The claim that names the audience, and the name that it must have. */
export interface Audience {
  claim: string
  name: string
}

const MAX_LIFETIME_SECONDS = 30 * 24 * 60 * 60
const CLOCK_TOLERANCE_SECONDS = 5

/** Returns a member of the claims, and nothing that objects inherit. */
export function claimOf(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** @throws TokenRefused */
export function checkIssuer(claims: Claims, issuer: string): void {
  if (claimOf(claims, 'iss') !== issuer) throw new TokenRefused('wrong_issuer')
}

/**
 * Accepts one audience, or a list in `aud` that holds it (RFC 7519, section 4.1.3).
 *
 * @throws TokenRefused
 */
export function checkAudience(claims: Claims, { claim, name }: Audience): void {
  const found = claimOf(claims, claim)
  const names = claim === 'aud' && Array.isArray(found) ? found : [found]
  if (!names.includes(name)) throw new TokenRefused('wrong_audience', claim)
}

/** @throws TokenRefused */
export function checkTimes(claims: Claims, now: Date): Validity {
  const iat = wholeSeconds(claims, 'iat')
  const exp = wholeSeconds(claims, 'exp')
  const nbf = claimOf(claims, 'nbf') === undefined ? 0 : wholeSeconds(claims, 'nbf')
  const seconds = now.getTime() / 1000
  if (Math.floor(seconds) < nbf - CLOCK_TOLERANCE_SECONDS) throw new TokenRefused('not_yet_valid')
  if (Math.floor(seconds) >= exp + CLOCK_TOLERANCE_SECONDS) throw new TokenRefused('expired')
  if (seconds < iat - CLOCK_TOLERANCE_SECONDS) throw new TokenRefused('issued_in_future')
  if (exp - iat > MAX_LIFETIME_SECONDS) throw new TokenRefused('lives_too_long')
  return { from: Math.max(iat, nbf), until: exp }
}

function wholeSeconds(claims: Claims, name: string): number {
  const value = claimOf(claims, name)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new TokenRefused('invalid_claim', name)
}
