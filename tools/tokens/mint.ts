// Makes the two tokens of a laptop, in the shape of the contract.
import { type JWTPayload, SignJWT } from 'jose'
import { CommandError } from '../lib/command-line.ts'
import type { LocalSettings } from './local-settings.ts'

export interface AccessTokenRequest {
  grantType: 'implicit' | 'client_credentials'
  storeId: string
  clientId: string
  expiresInSeconds: number
}

interface AccountTokenRequest {
  accountId: string
  storeId: string
  memberId: string
  expiresInSeconds: number
}

export async function mintAccessToken(
  settings: LocalSettings,
  { grantType, storeId, clientId, expiresInSeconds }: AccessTokenRequest,
): Promise<string> {
  const claims = { iss: settings.issuer, sub: clientId, store_id: storeId, grant_type: grantType }
  return await mint(settings, 'at+jwt', claims, expiresInSeconds)
}

/**
 * A token for `EP-Account-Management-Authentication-Token`.
 *
 * @throws CommandError if a different issuer signs account tokens
 */
export async function mintAccountToken(
  settings: LocalSettings,
  { accountId, storeId, memberId, expiresInSeconds }: AccountTokenRequest,
): Promise<string> {
  const { accountIssuer: iss } = settings
  if (iss === undefined) {
    throw new CommandError(
      'Account tokens come from another issuer here: ACCOUNT_JWKS or ACCOUNT_JWKS_URL is set',
    )
  }
  const claims = { iss, sub: memberId, store_id: storeId, account_id: accountId }
  return await mint(settings, 'account+jwt', claims, expiresInSeconds)
}

async function mint(
  { audience, signingKey: { kid, alg, key } }: LocalSettings,
  typ: string,
  claims: JWTPayload,
  expiresInSeconds: number,
): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000)
  return await new SignJWT(claims)
    .setProtectedHeader({ alg, kid, typ })
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + expiresInSeconds)
    .sign(key)
}
