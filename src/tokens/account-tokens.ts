// Account tokens of other identity providers: the setting ACCOUNT_TOKENS and its rules (contract, section 1a).
import * as v from 'valibot'
import { type Bindings, exact } from '../bindings.ts'
import { SettingsError } from '../errors.ts'
import { isSafeId, isSubject, SAFE_ID, SAFE_ID_RULE } from '../ids.ts'
import { type Claims, claimOf } from './claims.ts'
import { check, parseJson } from './jwk.ts'
import type { AccountToken } from './kinds.ts'
import { TokenRefused } from './refusal.ts'

const SETTING = 'ACCOUNT_TOKENS'

const text = v.pipe(
  v.string(),
  v.regex(/^[^\s"'`](.*[^\s"'`])?$/, 'must not be empty, or have white space or quotes around it'),
)

// Claims that change hands or that are one for all, and objects that the shopper writes.
const UNFIT = [
  ...['email', 'upn', 'preferred_username', 'name', 'nickname', 'phone_number'],
  ...['iss', 'aud', 'azp', 'client_id', 'cid', 'tid', 'scope', 'sid', 'jti', 'iat', 'exp', 'nbf'],
  ...['typ', 'token_use', 'user_metadata', 'unsafe_metadata'],
]

/** The names of members from the claims inwards; one name is never split. */
const way = v.pipe(
  v.unknown(),
  v.transform((given) => (typeof given === 'string' ? [given] : given)),
  v.array(
    v.pipe(
      v.string('must be a name, or a list of names'),
      v.nonEmpty('must not be empty'),
      v.check(
        (name) => !UNFIT.includes(name),
        'must lead to a claim of one account, which neither changes hands nor is written by the shopper',
      ),
    ),
    'must be a name, or a list of names',
  ),
  v.nonEmpty('must not be empty'),
)

const table = v.strictObject({
  /** `JWT`: the header says so, or has no `typ`. */
  typ: v.picklist(['at+jwt', 'JWT']),
  audience: text,
  audience_claim: v.optional(text, 'aud'),
  account_claim: way,
  store: v.optional(v.pipe(v.string(), v.regex(SAFE_ID, `must be ${SAFE_ID_RULE}`))),
  store_claim: v.optional(way),
  /** Claims that must have exactly this value. */
  require: v.optional(
    v.record(
      v.string(),
      v.union([v.string(), v.number(), v.boolean()], 'must be a text, a number or a boolean'),
    ),
    {},
  ),
})

/** What the account tokens of a store's identity provider look like. */
export type ProviderRules = v.InferOutput<typeof table>

/**
 * Returns the rules of the setting, which is a table or its JSON text; undefined if it is not set.
 *
 * @throws SettingsError naming the member or the setting that is wrong
 */
export function providerRules(bindings: Bindings): ProviderRules | undefined {
  const given = bindings.ACCOUNT_TOKENS
  if (given === undefined) return undefined
  const rules = check(SETTING, table, typeof given === 'string' ? parseJson(SETTING, given) : given)
  if ((rules.store === undefined) === (rules.store_claim === undefined)) {
    throw new SettingsError(`${SETTING} must have either store or store_claim`)
  }
  requireOwnIssuer(bindings)
  requireOwnKeys(bindings)
  return rules
}

/** An issuer of its own, so that neither kind of token passes for the other. */
function requireOwnIssuer(bindings: Bindings): void {
  const issuer = exact(bindings, 'ACCOUNT_ISSUER')
  if (issuer === undefined || issuer === bindings.AUTH_ISSUER) {
    throw new SettingsError(`ACCOUNT_ISSUER must be set beside ${SETTING}, and not to AUTH_ISSUER`)
  }
  if (!/[{}*]/.test(issuer)) return
  throw new SettingsError('ACCOUNT_ISSUER must be the iss of one tenant, without {, } or *')
}

/** Keys of its own, so that a key of one kind of token verifies no other. */
function requireOwnKeys(bindings: Bindings): void {
  const address = exact(bindings, 'ACCOUNT_JWKS_URL')
  if (address === undefined && bindings.ACCOUNT_JWKS === undefined) {
    throw new SettingsError(`ACCOUNT_JWKS or ACCOUNT_JWKS_URL must be set beside ${SETTING}`)
  }
  const other = exact(bindings, 'AUTH_JWKS_URL')
  if (address === undefined || other === undefined) return
  if (URL.parse(address)?.href !== URL.parse(other)?.href) return
  throw new SettingsError('ACCOUNT_JWKS_URL must not be AUTH_JWKS_URL')
}

/**
 * Reads an account token whose signature, issuer, audience and times are good.
 *
 * @throws TokenRefused
 */
export function readProviderToken(claims: Claims, rules: ProviderRules): AccountToken {
  // The header of an at+jwt already rules out an ID token.
  if (rules.typ === 'JWT') refuseIdToken(claims)
  refuseMachine(claims)
  checkRequired(claims, rules)
  return { ...readAccount(claims, rules), storeId: readStore(claims, rules) }
}

/** An ID token is for the client that signed the shopper in, and not for an API. */
export function refuseIdToken(claims: Claims): void {
  const marks = ['nonce', 'at_hash', 'c_hash'].some((name) => claimOf(claims, name) !== undefined)
  if (marks || claimOf(claims, 'token_use') === 'id' || claimOf(claims, 'typ') === 'ID') {
    throw new TokenRefused('id_token')
  }
}

/** A machine's token speaks for a client, and for no shopper. */
export function refuseMachine(claims: Claims): void {
  const sub = claimOf(claims, 'sub')
  const clients = ['client_id', 'azp', 'cid'].map((name) => claimOf(claims, name))
  if (typeof sub === 'string' && (clients.includes(sub) || sub.endsWith('@clients'))) {
    throw new TokenRefused('invalid_claim', 'sub')
  }
  const grants = claimOf(claims, 'gty')
  if ([grants].flat().includes('client-credentials')) throw new TokenRefused('invalid_claim', 'gty')
}

export function checkRequired(claims: Claims, { require }: ProviderRules): void {
  const wrong = Object.entries(require).find(([name, value]) => claimOf(claims, name) !== value)
  if (wrong !== undefined) throw new TokenRefused('invalid_claim', wrong[0])
}

/** The account must be a safe id as it stands: it is never rewritten. */
export function readAccount(
  claims: Claims,
  { account_claim }: ProviderRules,
): Omit<AccountToken, 'storeId'> {
  const memberId = claimOf(claims, 'sub')
  if (!isSubject(memberId)) throw new TokenRefused('invalid_claim', 'sub')
  const accountId = follow(claims, account_claim)
  if (!isSafeId(accountId)) throw new TokenRefused('invalid_claim', account_claim.join('.'))
  return { memberId, accountId }
}

export function readStore(claims: Claims, { store, store_claim = [] }: ProviderRules): string {
  const storeId = store ?? follow(claims, store_claim)
  if (!isSafeId(storeId)) throw new TokenRefused('wrong_store')
  return storeId
}

/** Steps through own members only. */
function follow(claims: Claims, names: readonly string[]): unknown {
  return names.reduce<unknown>(
    (found, name) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, name)
        ? Reflect.get(found, name)
        : undefined,
    claims,
  )
}
