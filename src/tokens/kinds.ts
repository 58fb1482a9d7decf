// The two kinds of token, and what each says (contract, section 1).
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

/** How the tokens of one kind are read. */
export interface TokenKind<Content> {
  /** The `typ` of the header; `JWT` may be left out. */
  typ: 'at+jwt' | 'account+jwt' | 'JWT'
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

function isGrantType(value: unknown): value is Client['grantType'] {
  return value === 'implicit' || value === 'client_credentials'
}
