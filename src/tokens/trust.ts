// Whose tokens are trusted: the issuers and keys that the settings name (contract, section 1).
import { type Bindings, exact, missing, optional } from '../bindings.ts'
import { SettingsError } from '../errors.ts'
import { providerRules, readProviderToken } from './account-tokens.ts'
import type { Audience } from './claims.ts'
import type { Issuer } from './issue.ts'
import {
  importKeySet,
  importSigningKey,
  isPair,
  type KeySet,
  requireDistinctKids,
  type SigningKey,
} from './keys.ts'
import {
  type AccountToken,
  type Client,
  INVITATION_AUDIENCE,
  type Invitation,
  readAccount,
  readClient,
  readInvitation,
  type TokenKind,
} from './kinds.ts'
import { RemoteKeys } from './remote-keys.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** Whose tokens of one kind are trusted. */
export interface TokenTrust<Content> {
  issuer: string
  kind: TokenKind<Content>
  keys: TrustedKeys
  /** Tokens of this kind only, so that neither kind passes for the other. */
  verified: VerifiedTokens<Content>
}

/** The keys of the settings, and the keys that the issuer publishes; at least one of the two is present. */
export interface TrustedKeys {
  local: KeySet
  remote: RemoteKeys | undefined
}

export interface Trust {
  accessTokens: TokenTrust<Client>
  accountTokens: TokenTrust<AccountToken>
  invitations: TokenTrust<Invitation>
  /** Issues access tokens and invitations; absent without a key to sign them. */
  issuer: Issuer | undefined
}

/** @throws SettingsError naming the setting that is missing or malformed */
export async function loadTrust(bindings: Bindings): Promise<Trust> {
  const issuer = one(bindings, 'AUTH_ISSUER') ?? missing('AUTH_ISSUER')
  const audience = one(bindings, 'AUTH_AUDIENCE') ?? missing('AUTH_AUDIENCE')
  const signingKey = await signingKeyOf(bindings)
  const keys = (await trustedKeys(bindings, 'AUTH_JWKS', signingKey)) ?? missing('AUTH_JWKS')
  // A store's identity provider may sign account tokens with an issuer and keys of its own.
  const accountIssuer = one(bindings, 'ACCOUNT_ISSUER') ?? issuer
  const accountKeys = (await trustedKeys(bindings, 'ACCOUNT_JWKS')) ?? keys
  const own = { claim: 'aud', name: audience }
  return {
    accessTokens: {
      issuer,
      kind: { typ: 'at+jwt', audience: own, read: readClient },
      keys,
      verified: new VerifiedTokens(),
    },
    accountTokens: {
      issuer: accountIssuer,
      kind: accountKind(bindings, own),
      keys: accountKeys,
      verified: new VerifiedTokens(),
    },
    invitations: {
      issuer,
      kind: {
        typ: 'cart-invitation+jwt',
        audience: { claim: 'aud', name: INVITATION_AUDIENCE },
        read: readInvitation,
      },
      // Signed here, so never verified with keys of another issuer.
      keys: { local: keys.local, remote: undefined },
      verified: new VerifiedTokens(),
    },
    issuer: signingKey && { issuer, audience, signingKey },
  }
}

/** The kind of the contract, or the one that the store's identity provider writes. */
function accountKind(bindings: Bindings, own: Audience): TokenKind<AccountToken> {
  const rules = providerRules(bindings)
  if (rules === undefined) return { typ: 'account+jwt', audience: own, read: readAccount }
  const audience = { claim: rules.audience_claim, name: rules.audience }
  return { typ: rules.typ, audience, read: (claims) => readProviderToken(claims, rules) }
}

/** @throws SettingsError if it is a list: tokens have one issuer, and name one audience of this service */
function one(
  bindings: Bindings,
  name: 'AUTH_ISSUER' | 'ACCOUNT_ISSUER' | 'AUTH_AUDIENCE',
): string | undefined {
  const text = exact(bindings, name)
  if (text === undefined || !/[,;\s]|^[[{]/.test(text)) return text
  const what = name === 'AUTH_AUDIENCE' ? 'audience' : 'issuer'
  throw new SettingsError(`${name} must be one ${what}, not a list`)
}

async function signingKeyOf(bindings: Bindings): Promise<SigningKey | undefined> {
  const text = optional(bindings, 'AUTH_SIGNING_JWK')
  return text === undefined ? undefined : await importSigningKey('AUTH_SIGNING_JWK', text)
}

/** Returns the keys of a setting and of its `_URL`, or undefined if neither is set. */
async function trustedKeys(
  bindings: Bindings,
  name: 'AUTH_JWKS' | 'ACCOUNT_JWKS',
  signingKey?: SigningKey,
): Promise<TrustedKeys | undefined> {
  const text = optional(bindings, name)
  const remote = remoteKeysOf(bindings, `${name}_URL`)
  const given = text === undefined ? [] : await importKeySet(name, text)
  const local = signingKey === undefined ? given : await withSigningKey(name, given, signingKey)
  if (local.length === 0 && remote === undefined) return undefined
  if (remote !== undefined && local.some(({ kid }) => kid === undefined)) {
    throw new SettingsError(`${name} must name a kid for each key where ${name}_URL is set`)
  }
  return { local, remote }
}

/** Adds the public half of the signing key to the set, unless it is there already. */
async function withSigningKey(name: string, keys: KeySet, signingKey: SigningKey): Promise<KeySet> {
  const namesake = keys.find(({ kid, alg }) => kid === signingKey.kid && alg === signingKey.alg)
  if (namesake === undefined) return requireDistinctKids(name, [...keys, signingKey.verification])
  if (await isPair(signingKey, namesake)) return keys
  throw new SettingsError(`${name} has another key than AUTH_SIGNING_JWK under the same kid`)
}

function remoteKeysOf(
  bindings: Bindings,
  name: 'AUTH_JWKS_URL' | 'ACCOUNT_JWKS_URL',
): RemoteKeys | undefined {
  const text = exact(bindings, name)
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url !== null && isTrustworthy(url)) return new RemoteKeys(name, url)
  throw new SettingsError(`${name} must be an https address; http is for this machine alone`)
}

/** Nobody on the way can replace the keys (W3C Secure Contexts, section 3.1). */
function isTrustworthy({ protocol, hostname }: URL): boolean {
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && loopback)
}
