// Issues access tokens (RFC 9068) and invitations (contract, section 4a).
import { CompactSign } from 'jose'
import type { SigningKey } from './keys.ts'
import { type Client, INVITATION_AUDIENCE, type Invitation, type TokenKind } from './kinds.ts'

/** Who issues tokens, for which audience, and the key that signs them. */
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

/** A token, and when it expires: Unix time in seconds. */
interface Issued {
  token: string
  expires: number
}

const EXPIRES_IN_SECONDS = 60 * 60

/** Issues an access token that is good for one hour. */
export async function issueAccessToken(
  issuer: Issuer,
  { clientId, storeId, grantType }: Client,
  now: Date,
): Promise<TokenResponse> {
  const claims = {
    sub: clientId,
    client_id: clientId,
    store_id: storeId,
    grant_type: grantType,
    aud: issuer.audience,
    jti: crypto.randomUUID(),
  }
  const { token, expires } = await sign(issuer, 'at+jwt', claims, now, EXPIRES_IN_SECONDS)
  return {
    access_token: token,
    expires,
    expires_in: EXPIRES_IN_SECONDS,
    identifier: grantType,
    token_type: 'Bearer',
  }
}

/** Issues an invitation; it has no `sub`, so that it speaks for nobody. */
export async function issueInvitation(
  issuer: Issuer,
  { cartId, storeId, claim, jti }: Invitation,
  now: Date,
  expiresIn: number,
): Promise<Issued> {
  const claims = { aud: INVITATION_AUDIENCE, cart_id: cartId, store_id: storeId, claim, jti }
  return await sign(issuer, 'cart-invitation+jwt', claims, now, expiresIn)
}

async function sign(
  { issuer, signingKey: { alg, kid, key } }: Issuer,
  typ: TokenKind<unknown>['typ'],
  claims: Record<string, string>,
  now: Date,
  expiresIn: number,
): Promise<Issued> {
  const iat = Math.floor(now.getTime() / 1000)
  const expires = iat + expiresIn
  const payload = JSON.stringify({ iss: issuer, ...claims, iat, exp: expires })
  const jws = new CompactSign(new TextEncoder().encode(payload))
  return { token: await jws.setProtectedHeader({ alg, kid, typ }).sign(key), expires }
}
