// Issues access tokens (RFC 9068).
import { SignJWT } from 'jose'
import type { SigningKey } from './keys.ts'
import type { Client } from './kinds.ts'

/** Who issues the token, for which audience, and the key that signs it. */
export interface Issuer {
  issuer: string
  audience: string
  signingKey: SigningKey
}

/** The body of a token response (RFC 6749, section 5.1), with the members that Elastic Path's clients read besides. */
export interface TokenResponse {
  access_token: string
  /** Unix time in seconds. */
  expires: number
  /** Seconds. */
  expires_in: number
  identifier: Client['grantType']
  token_type: 'Bearer'
}

const EXPIRES_IN_SECONDS = 60 * 60

/** Issues an access token that is good for one hour. */
export async function issueAccessToken(
  { issuer, audience, signingKey: { alg, kid, key } }: Issuer,
  { clientId, storeId, grantType }: Client,
  now: Date,
): Promise<TokenResponse> {
  const issuedAt = Math.floor(now.getTime() / 1000)
  const expires = issuedAt + EXPIRES_IN_SECONDS
  const claims = { client_id: clientId, store_id: storeId, grant_type: grantType }
  const accessToken = await new SignJWT(claims)
    .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(clientId)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(expires)
    .sign(key)
  return {
    access_token: accessToken,
    expires,
    expires_in: EXPIRES_IN_SECONDS,
    identifier: grantType,
    token_type: 'Bearer',
  }
}
