// Signs an account token for a shopper whose session your own server has checked.
import { importJWK, SignJWT } from 'jose'

/** What your own check of the cookie, or of the opaque token, says about the shopper. */
export interface Shopper {
  memberId: string
  accountId: string
}

const jwk = JSON.parse(process.env['ACCOUNT_SIGNING_JWK'] ?? '{}')
const key = await importJWK(jwk)

export async function accountTokenFor({ memberId, accountId }: Shopper): Promise<string> {
  return await new SignJWT({ account_id: accountId, store_id: 'demo' })
    .setProtectedHeader({ typ: 'account+jwt', alg: jwk.alg, kid: jwk.kid })
    .setIssuer('https://shop.example') // ACCOUNT_ISSUER
    .setAudience('https://api.cart-accounts.example') // AUTH_AUDIENCE
    .setSubject(memberId)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(key)
}
