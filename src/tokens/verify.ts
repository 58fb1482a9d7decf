// The rules of all tokens (contract, sections 1 and 4a): signed JWTs, verified without I/O.
import { type CompactJWSHeaderParameters, compactVerify, errors } from 'jose'
import { type Claims, checkAudience, checkIssuer, checkTimes } from './claims.ts'
import { canonicalAlgorithm } from './jwk.ts'
import { keysNamed } from './keys.ts'
import type { AccountToken, Client, Invitation, TokenKind } from './kinds.ts'
import { type TokenRefusal, TokenRefused } from './refusal.ts'
import type { TokenTrust, TrustedKeys } from './trust.ts'

const MAX_TOKEN_BYTES = 8 * 1024

// RFC 4648, section 3.5: the unused bits of the last character are zero, so that a token has one text only.
const CANONICAL = '(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?'
const COMPACT_JWS = new RegExp(`^${CANONICAL}\\.${CANONICAL}\\.${CANONICAL}$`)

/**
 * Verifies an access token (RFC 9068). An empty text is an absent token.
 *
 * @throws TokenRefused
 * @throws UnavailableError if the issuer of its key does not respond
 */
export async function verifyAccessToken(
  token: string,
  trust: TokenTrust<Client>,
  now: Date,
): Promise<Client> {
  return await verify(token, trust, now)
}

/**
 * Verifies an account token, whose store must be that of the access token beside it.
 *
 * @throws TokenRefused
 * @throws UnavailableError if the issuer of its key does not respond
 */
export async function verifyAccountToken(
  token: string,
  trust: TokenTrust<AccountToken>,
  now: Date,
  storeId: string,
): Promise<AccountToken> {
  const account = await verify(token, trust, now)
  if (account.storeId !== storeId) throw new TokenRefused('wrong_store')
  return account
}

/**
 * Verifies an invitation, which must be for this very cart.
 *
 * @throws TokenRefused
 */
export async function verifyInvitation(
  token: string,
  trust: TokenTrust<Invitation>,
  now: Date,
  { storeId, cartId }: Pick<Invitation, 'storeId' | 'cartId'>,
): Promise<Invitation> {
  const invitation = await verify(token, trust, now)
  if (invitation.storeId !== storeId) throw new TokenRefused('wrong_store')
  if (invitation.cartId !== cartId) throw new TokenRefused('wrong_cart')
  return invitation
}

async function verify<Content>(
  token: string,
  { issuer, kind, keys, verified }: TokenTrust<Content>,
  now: Date,
): Promise<Content> {
  if (token === '') throw new TokenRefused('absent')
  // The keys of the settings never change within an isolate.
  const keysVersion = keys.remote?.version ?? 0
  const known = verified.recall(token, keysVersion, now)
  if (known !== undefined) {
    // Fetched keys grow old even while every token is known.
    if (keysVersion > 0) keys.remote?.refreshWhenOld()
    return known
  }
  checkForm(token)
  const claims = await verifySignature(token, kind.typ, keys)
  checkIssuer(claims, issuer)
  checkAudience(claims, kind.audience)
  const validity = checkTimes(claims, now)
  const content = kind.read(claims)
  verified.remember(token, content, validity, keysVersion)
  return content
}

/** @throws TokenRefused */
export function checkForm(token: string): void {
  if (token.length > MAX_TOKEN_BYTES) throw new TokenRefused('too_long')
  if (!COMPACT_JWS.test(token)) throw new TokenRefused('malformed')
}

/** @throws TokenRefused */
export async function verifySignature(
  token: string,
  typ: TokenKind<unknown>['typ'],
  keys: TrustedKeys,
): Promise<Claims> {
  const keyOf = (header: CompactJWSHeaderParameters) => {
    if (header.crit !== undefined) throw new TokenRefused('critical_header')
    if (!isTyped(header.typ, typ)) throw new TokenRefused('wrong_type')
    return selectKey(header, keys)
  }
  const { payload } = await compactVerify(token, keyOf).catch((error: unknown) => {
    throw error instanceof errors.JOSEError ? new TokenRefused(refusalOf(error)) : error
  })
  return parseClaims(new TextDecoder().decode(payload))
}

function parseClaims(payload: string): Claims {
  try {
    const claims: unknown = JSON.parse(payload)
    if (isObject(claims)) return claims
  } catch {
    // As for JSON that is no object.
  }
  throw new TokenRefused('malformed')
}

/** RFC 7515, section 4.1.9: `application/` may be left out, and the name has no case. */
export function isTyped(found: unknown, typ: string): boolean {
  if (found === undefined) return typ === 'JWT'
  if (typeof found !== 'string') return false
  return found.toLowerCase().replace(/^application\//, '') === typ.toLowerCase()
}

/** The key decides the algorithm, never the token (RFC 8725, section 3.1). */
async function selectKey(
  { alg, kid }: CompactJWSHeaderParameters,
  { local, remote }: TrustedKeys,
): Promise<CryptoKey> {
  const wanted = { alg: canonicalAlgorithm(alg), kid }
  const several = local.length > 1 || (local.length === 1 && remote !== undefined)
  if (kid === undefined && several) throw new TokenRefused('unnamed_key')
  const named = keysNamed(local, kid)
  if (named.length === 0 && remote !== undefined) return await remote.find(wanted)
  if (named.length === 0) throw new TokenRefused('unknown_key')
  const key = named.find((each) => each.alg === wanted.alg)
  if (key === undefined) throw new TokenRefused('wrong_algorithm')
  return key.key
}

function refusalOf(error: errors.JOSEError): TokenRefusal {
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong_signature'
  // jose reports an unknown extension; the algorithm is known to be supported by then.
  if (error instanceof errors.JOSENotSupported) return 'critical_header'
  return 'malformed'
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
