// Why a token is refused: a precise reason for the log, and what little of it the response reveals.

/** Every reason for refusing a token. */
export type TokenRefusal =
  | 'absent'
  | 'too_long'
  | 'malformed'
  | 'critical_header'
  | 'unnamed_key'
  | 'unknown_key'
  | 'wrong_algorithm'
  | 'wrong_signature'
  | 'wrong_type'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'expired'
  | 'not_yet_valid'
  | 'issued_in_future'
  | 'lives_too_long'
  | 'invalid_claim'
  | 'wrong_store'
  | 'wrong_cart'
  | 'id_token'

export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'

  readonly reason: TokenRefusal
  /** The name of the claim at fault. */
  readonly claim: string | undefined

  constructor(reason: TokenRefusal, claim?: string) {
    super(reason)
    this.reason = reason
    this.claim = claim
  }
}

/**
 * Whether the refusal counts against the address. An absent or expired token reveals nothing to a
 * stranger, and clients behind a busy address must hear that they have to renew.
 */
export function countsAsFailure(reason: TokenRefusal): boolean {
  return reason !== 'absent' && reason !== 'expired'
}

/** Returns the challenge of RFC 6750, section 3, and the detail, which reveals expiry only. */
export function whatToTell(reason: TokenRefusal): { challenge: string; detail?: string } {
  switch (reason) {
    case 'absent':
      // RFC 6750, section 3.1: no error code if no token was sent.
      return { challenge: 'Bearer' }
    case 'expired':
      return {
        challenge: 'Bearer error="invalid_token"',
        detail: 'The access token has expired',
      }
    case 'too_long':
    case 'malformed':
    case 'critical_header':
    case 'unnamed_key':
    case 'unknown_key':
    case 'wrong_algorithm':
    case 'wrong_signature':
    case 'wrong_type':
    case 'wrong_issuer':
    case 'wrong_audience':
    case 'not_yet_valid':
    case 'issued_in_future':
    case 'lives_too_long':
    case 'invalid_claim':
    case 'wrong_store':
    case 'wrong_cart':
    case 'id_token':
      return { challenge: 'Bearer error="invalid_token"' }
  }
}
