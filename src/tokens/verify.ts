// The rules of both tokens (contract, section 1): signed JWTs, verified without I/O.
import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose'
import { isSafeId, isSubject } from '../ids.ts'
import { canonicalAlgorithm } from './jwk.ts'
import { keysNamed } from './keys.ts'
import { type TokenRefusal, TokenRefused } from './refusal.ts'
import type { TokenTrust, TrustedKeys } from './trust.ts'
import type { AccountToken, Client, Validity } from './verified-tokens.ts'

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
  trust: TokenTrust<Client>,
  now: Date,
): Promise<Client> {
  return await verify(token, trust, now, { typ: 'at+jwt', read: readClient })
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
  const account = await verify(token, trust, now, { typ: 'account+jwt', read: readAccount })
  if (account.storeId !== storeId) throw new TokenRefused('wrong_store')
  return account
}

/** A kind of token: its `typ`, and how its claims are read. */
interface Kind<Content> {
  typ: 'at+jwt' | 'account+jwt'
  read: (claims: JWTPayload) => Content
}

function readClient({ sub, store_id, grant_type }: JWTPayload): Client {
  if (!isSafeId(sub) || !isSafeId(store_id) || !isGrantType(grant_type)) {
    throw new TokenRefused('invalid_claim')
  }
  return { clientId: sub, storeId: store_id, grantType: grant_type }
}

function readAccount({ sub, store_id, account_id }: JWTPayload): AccountToken {
  if (!isSubject(sub) || !isSafeId(account_id)) throw new TokenRefused('invalid_claim')
  if (!isSafeId(store_id)) throw new TokenRefused('wrong_store')
  return { memberId: sub, accountId: account_id, storeId: store_id }
}

async function verify<Content>(
  token: string,
  { issuer, audience, keys, verified }: TokenTrust<Content>,
  now: Date,
  { typ, read }: Kind<Content>,
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
  const validity = checkTimes(claims, now)
  const content = read(claims)
  verified.remember(token, content, validity, keysVersion)
  return content
}

/** The key decides the algorithm, never the token (RFC 8725, section 3.1). */
async function selectKey(
  { alg, kid, crit }: JWTHeaderParameters,
  { local, remote }: TrustedKeys,
): Promise<CryptoKey> {
  if (crit !== undefined) throw new TokenRefused('critical_header')
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

/** Checks what jose leaves to its callers: whole seconds, `iat`, and the lifetime of a token. */
function checkTimes({ iat, exp, nbf = 0 }: JWTPayload, now: Date): Validity {
  if (!isWhole(iat) || !isWhole(exp) || !isWhole(nbf)) throw new TokenRefused('invalid_claim')
  if (iat > now.getTime() / 1000 + CLOCK_TOLERANCE_SECONDS) {
    throw new TokenRefused('issued_in_future')
  }
  if (exp - iat > MAX_LIFETIME_SECONDS) throw new TokenRefused('lives_too_long')
  return { from: Math.max(iat, nbf), until: exp }
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
