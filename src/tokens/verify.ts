// The rules of both tokens (contract, section 1): signed JWTs, verified without I/O.
import { errors, type JWTHeaderParameters, jwtVerify } from 'jose'
import { isSafeId, isSubject } from '../ids.ts'
import { type TokenRefusal, TokenRefused } from './refusal.ts'
import type { TokenTrust, TrustedKeys } from './trust.ts'
import type { TokenClaims } from './verified-tokens.ts'

/** The client that an access token speaks for. */
export interface Client {
  clientId: string
  storeId: string
  grantType: 'implicit' | 'client_credentials'
}

/** The account that an account token speaks for, and the member who signed in. */
export interface AccountToken {
  memberId: string
  accountId: string
}

const MAX_TOKEN_BYTES = 8 * 1024
const MAX_LIFETIME_SECONDS = 30 * 24 * 60 * 60
const CLOCK_TOLERANCE_SECONDS = 5

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
  trust: TokenTrust,
  now: Date,
): Promise<Client> {
  const { sub, store_id, grant_type } = await verify(token, 'at+jwt', trust, now)
  if (!isSafeId(sub) || !isSafeId(store_id) || !isGrantType(grant_type)) {
    throw new TokenRefused('invalid_claim')
  }
  return { clientId: sub, storeId: store_id, grantType: grant_type }
}

/**
 * Verifies an account token, whose store must be that of the access token beside it.
 *
 * @throws TokenRefused
 * @throws UnavailableError if the issuer of its key does not respond
 */
export async function verifyAccountToken(
  token: string,
  trust: TokenTrust,
  now: Date,
  storeId: string,
): Promise<AccountToken> {
  const { sub, store_id, account_id } = await verify(token, 'account+jwt', trust, now)
  if (!isSubject(sub) || !isSafeId(account_id)) throw new TokenRefused('invalid_claim')
  if (store_id !== storeId) throw new TokenRefused('wrong_store')
  return { memberId: sub, accountId: account_id }
}

async function verify(
  token: string,
  typ: 'at+jwt' | 'account+jwt',
  trust: TokenTrust,
  now: Date,
): Promise<TokenClaims> {
  if (token === '') throw new TokenRefused('absent')
  const { verified, keys } = trust
  // The keys of the settings never change within an isolate.
  const keysVersion = keys.remote?.version ?? 0
  const known = verified.recall(token, keysVersion, now)
  if (known !== undefined) {
    // Fetched keys grow old even while every token is known.
    if (keysVersion > 0) keys.remote?.refreshWhenOld()
    return known
  }
  const claims = await verifyAnew(token, typ, trust, now)
  verified.remember(token, claims, keysVersion)
  return claims
}

async function verifyAnew(
  token: string,
  typ: 'at+jwt' | 'account+jwt',
  { issuer, audience, keys }: TokenTrust,
  now: Date,
): Promise<TokenClaims> {
  if (token.length > MAX_TOKEN_BYTES) throw new TokenRefused('too_long')
  if (!COMPACT_JWS.test(token)) throw new TokenRefused('malformed')
  const keyOf = (header: JWTHeaderParameters) => selectKey(header, keys)
  const options = {
    typ,
    issuer,
    audience,
    requiredClaims: ['iat', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: now,
  }
  const { payload: claims } = await jwtVerify(token, keyOf, options).catch((error: unknown) => {
    throw error instanceof errors.JOSEError ? new TokenRefused(refusalOf(error)) : error
  })
  checkTimes(claims, now)
  return claims
}

/** The key decides the algorithm, never the token (RFC 8725, section 3.1). */
async function selectKey(
  header: JWTHeaderParameters,
  { local, remote }: TrustedKeys,
): Promise<CryptoKey> {
  const { alg, kid, crit } = header
  if (crit !== undefined) throw new TokenRefused('critical_header')
  // An issuer that publishes its keys may add one at any time.
  const several = local.length > 1 || remote !== undefined
  if (kid === undefined && several) throw new TokenRefused('unnamed_key')
  const key = local.find((each) => kid === undefined || each.kid === kid)
  if (key === undefined && remote !== undefined) return await remote.find(header)
  if (key === undefined) throw new TokenRefused('unknown_key')
  if (key.alg !== alg) throw new TokenRefused('wrong_algorithm')
  return key.key
}

/** Checks what jose leaves to its callers: whole seconds, `iat`, and the lifetime of a token. */
function checkTimes({ iat, exp, nbf = 0 }: TokenClaims, now: Date): void {
  if (!isWhole(iat) || !isWhole(exp) || !isWhole(nbf)) throw new TokenRefused('invalid_claim')
  if (iat > now.getTime() / 1000 + CLOCK_TOLERANCE_SECONDS) {
    throw new TokenRefused('issued_in_future')
  }
  if (exp - iat > MAX_LIFETIME_SECONDS) throw new TokenRefused('lives_too_long')
}

function refusalOf(error: errors.JOSEError): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong_signature'
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusalOf(error)
  // jose reports an unknown extension; the algorithm is known to be supported by then.
  if (error instanceof errors.JOSENotSupported) return 'critical_header'
  return 'malformed'
}

function claimRefusalOf({ claim, reason }: errors.JWTClaimValidationFailed): TokenRefusal {
  if (claim === 'typ') return 'wrong_type'
  if (claim === 'iss') return 'wrong_issuer'
  if (claim === 'aud') return 'wrong_audience'
  if (claim === 'nbf' && reason === 'check_failed') return 'not_yet_valid'
  return 'invalid_claim'
}

function isGrantType(value: unknown): value is Client['grantType'] {
  return value === 'implicit' || value === 'client_credentials'
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
