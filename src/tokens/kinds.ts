// The three kinds of token, and what each says (contract, sections 1 and 4a).
import { isSafeId, isSubject } from '../ids.ts'
import type { Audience, Claims } from './claims.ts'
import { TokenRefused } from './refusal.ts'

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
  storeId: string
}

/** The `aud` of an invitation: no API of anybody, so that it passes for no other token. */
export const INVITATION_AUDIENCE = 'urn:cart-accounts:invitation'

/** The cart that an invitation is for. */
export interface Invitation {
  storeId: string
  cartId: string
  /** `shared`: joins the accounts that the cart has; `unclaimed`: claims a cart that no other account has. */
  claim: 'shared' | 'unclaimed'
  /** Names the invitation in the log. */
  jti: string
}

/** How the tokens of one kind are read. */
export interface TokenKind<Content> {
  /** The `typ` of the header; `JWT` may be left out. */
  typ: 'at+jwt' | 'account+jwt' | 'cart-invitation+jwt' | 'JWT'
  audience: Audience
  /** Reads what a token says once its signature, issuer, audience and times are good. */
  read: (claims: Claims) => Content
}

/** Reads an access token. */
export function readClient({ sub, store_id, grant_type }: Claims): Client {
  if (!isSafeId(sub)) throw new TokenRefused('invalid_claim', 'sub')
  if (!isSafeId(store_id)) throw new TokenRefused('invalid_claim', 'store_id')
  if (!isGrantType(grant_type)) throw new TokenRefused('invalid_claim', 'grant_type')
  return { clientId: sub, storeId: store_id, grantType: grant_type }
}

/** Reads an account token of the contract's own kind. */
export function readAccount({ sub, store_id, account_id }: Claims): AccountToken {
  if (!isSubject(sub)) throw new TokenRefused('invalid_claim', 'sub')
  if (!isSafeId(account_id)) throw new TokenRefused('invalid_claim', 'account_id')
  if (!isSafeId(store_id)) throw new TokenRefused('wrong_store')
  return { memberId: sub, accountId: account_id, storeId: store_id }
}

/** Reads an invitation. */
export function readInvitation({ store_id, cart_id, claim, jti }: Claims): Invitation {
  if (!isSafeId(store_id)) throw new TokenRefused('wrong_store')
  if (!isSafeId(cart_id)) throw new TokenRefused('wrong_cart')
  if (!isSafeId(jti)) throw new TokenRefused('invalid_claim', 'jti')
  if (claim !== 'shared' && claim !== 'unclaimed') throw new TokenRefused('invalid_claim', 'claim')
  return { storeId: store_id, cartId: cart_id, claim, jti }
}

function isGrantType(value: unknown): value is Client['grantType'] {
  return value === 'implicit' || value === 'client_credentials'
}
