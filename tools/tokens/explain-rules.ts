// The rules of account tokens one by one, in the Worker's order and by its own functions (contract, sections 1 and 1a).
import { decodeJwt, decodeProtectedHeader, errors, type ProtectedHeaderParameters } from 'jose'
import { type Bindings, exact, missing, optional } from '../../src/bindings.ts'
import { SAFE_ID_RULE } from '../../src/ids.ts'
import {
  checkRequired,
  type ProviderRules,
  providerRules,
  readAccount,
  readStore,
  refuseIdToken,
  refuseMachine,
} from '../../src/tokens/account-tokens.ts'
import {
  type Claims,
  checkAudience,
  checkIssuer,
  checkTimes,
  claimOf,
} from '../../src/tokens/claims.ts'
import {
  importKeySet,
  importPublishedKeys,
  importSigningKey,
  type KeySet,
} from '../../src/tokens/keys.ts'
import { readAccount as readOwnAccount } from '../../src/tokens/kinds.ts'
import { TokenRefused } from '../../src/tokens/refusal.ts'
import { checkForm, isTyped, verifySignature } from '../../src/tokens/verify.ts'

/** A rule of the contract as a row of the table; its check throws TokenRefused or NotChecked. */
export type Rule = [name: string, expected: string, found: string, check: () => unknown]

/** The rule cannot be checked here. The message says why. */
export class NotChecked extends Error {}

const TYPES = ['at+jwt', 'account+jwt', 'JWT'] as const
const MAX_SHOWN = 60
const DEADLINE_MS = 5_000

/**
 * Returns the rules in the order in which the Worker checks them; of what is no JWT, the first one. `store` is that
 * of the access token beside it, if it was named.
 */
export function rulesFor(token: string, settings: Bindings, store: string | undefined): Rule[] {
  const size = `parts: ${token.split('.').length}, bytes: ${token.length}`
  const form: Rule = ['form', 'a signed JWT of at most 8 KiB', size, () => checkForm(token)]
  const ownAudience = exact(settings, 'AUTH_AUDIENCE') ?? missing('AUTH_AUDIENCE')
  const authIssuer = exact(settings, 'AUTH_ISSUER') ?? missing('AUTH_ISSUER')
  const issuer = exact(settings, 'ACCOUNT_ISSUER') ?? authIssuer
  // A secret of a deployed Worker is not at hand, and is no mistake in the settings.
  const rules = providerRules({ ACCOUNT_JWKS: '-', ...settings })
  const decoded = decode(token)
  if (decoded === undefined) return [form]
  const { header, claims } = decoded
  const { typ, alg, kid } = header
  const expected = rules?.typ ?? 'account+jwt'
  const audience = { claim: rules?.audience_claim ?? 'aud', name: rules?.audience ?? ownAudience }
  const times = ['iat', 'nbf', 'exp'].map((name) => `${name} ${time(claims, name)}`).join(', ')
  const checkType = () => {
    if (!isTyped(typ, expected)) throw new TokenRefused('wrong_type')
  }
  const checkStore = () => {
    if (store === undefined) throw new NotChecked('--store does not name its store')
    const own = rules === undefined ? readOwnAccount(claims).storeId : readStore(claims, rules)
    if (own !== store) throw new TokenRefused('wrong_store')
  }
  return [
    form,
    ['typ', expected === 'JWT' ? 'JWT, or none' : expected, shown(typ), checkType],
    [
      'signature',
      'of a key that is trusted for account tokens',
      `alg ${shown(alg)}, kid ${shown(kid)}`,
      () => checkSignature(token, header, settings),
    ],
    ['iss', shown(issuer), shown(claimOf(claims, 'iss')), () => checkIssuer(claims, issuer)],
    [
      audience.claim,
      shown(audience.name),
      shown(claimOf(claims, audience.claim)),
      () => checkAudience(claims, audience),
    ],
    [
      'times',
      'iat and nbf have passed, exp has not, 30 days at most',
      times,
      () => checkTimes(claims, new Date()),
    ],
    ...(rules === undefined ? ownRules(claims) : providersRules(claims, rules)),
    ['access token', 'one of the same store beside it', shown(store), checkStore],
  ]
}

function ownRules(claims: Claims): Rule[] {
  const expected = `sub; account_id and store_id, ${SAFE_ID_RULE}`
  const found = named(claims, 'sub', 'account_id', 'store_id')
  return [['claims', expected, found, () => readOwnAccount(claims)]]
}

function providersRules(claims: Claims, rules: ProviderRules): Rule[] {
  const { typ, account_claim, store, store_claim = [] } = rules
  const at = (way: readonly string[]) =>
    `${way.join('.')} ${shown(way.reduce<unknown>(step, claims))}`
  const idToken: Rule = [
    'ID token',
    'none of nonce, at_hash, c_hash, token_use "id", typ "ID"',
    named(claims, 'nonce', 'at_hash', 'c_hash', 'token_use', 'typ'),
    () => refuseIdToken(claims),
  ]
  return [
    ...(typ === 'JWT' ? [idToken] : []),
    [
      'machine',
      'a sub that is no client',
      named(claims, 'sub', 'client_id', 'azp', 'cid', 'gty'),
      () => refuseMachine(claims),
    ],
    ...Object.entries(rules.require).map(([name, value]): Rule => {
      const check = () => checkRequired(claims, { ...rules, require: { [name]: value } })
      return [`require ${name}`, shown(value), shown(claimOf(claims, name)), check]
    }),
    [
      'account',
      `${account_claim.join('.')}, ${SAFE_ID_RULE}; and a sub`,
      `${at(account_claim)}, sub ${shown(claimOf(claims, 'sub'))}`,
      () => readAccount(claims, rules),
    ],
    [
      'store',
      store === undefined ? SAFE_ID_RULE : 'by the setting',
      store === undefined ? at(store_claim) : shown(store),
      () => readStore(claims, rules),
    ],
  ]
}

async function checkSignature(
  token: string,
  { typ }: ProtectedHeaderParameters,
  settings: Bindings,
): Promise<void> {
  const own = TYPES.find((each) => isTyped(typ, each))
  if (own === undefined) throw new NotChecked('the typ is none that is read here')
  const local = await keysAtHand(settings)
  if (local.length === 0) throw new NotChecked('no key is at hand: ACCOUNT_JWKS may be a secret')
  await verifySignature(token, own, { local, remote: undefined })
}

/** Returns the keys of the settings, and those that the issuer publishes, which are fetched. */
async function keysAtHand(settings: Bindings): Promise<KeySet> {
  const isSet = (name: string) => Object.hasOwn(settings, name)
  const foreign = ['ACCOUNT_TOKENS', 'ACCOUNT_JWKS', 'ACCOUNT_JWKS_URL'].some(isSet)
  const name = foreign ? 'ACCOUNT_JWKS' : 'AUTH_JWKS'
  const jwks = optional(settings, name)
  const url = exact(settings, `${name}_URL`)
  const keys = [
    ...(jwks === undefined ? [] : await importKeySet(name, jwks)),
    ...(url === undefined ? [] : await fetchKeys(`${name}_URL`, url)),
  ]
  const signing = foreign ? undefined : optional(settings, 'AUTH_SIGNING_JWK')
  if (signing === undefined) return keys
  const { verification } = await importSigningKey('AUTH_SIGNING_JWK', signing)
  return keys.some(({ kid }) => kid === verification.kid) ? keys : [...keys, verification]
}

async function fetchKeys(setting: string, url: string): Promise<KeySet> {
  try {
    const signal = AbortSignal.timeout(DEADLINE_MS)
    const response = await fetch(url, { redirect: 'manual', signal })
    return (await importPublishedKeys(await response.json())).keys
  } catch {
    throw new NotChecked(`no key set could be fetched from ${setting}`)
  }
}

function decode(token: string): { header: ProtectedHeaderParameters; claims: Claims } | undefined {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

function step(found: unknown, name: string): unknown {
  return claimOf(Object(found), name)
}

function time(claims: Claims, name: string): string {
  const value = claimOf(claims, name)
  const date = new Date(typeof value === 'number' ? value * 1000 : Number.NaN)
  return Number.isNaN(date.getTime()) ? shown(value) : date.toISOString()
}

/** Those of the claims that are there. */
function named(claims: Claims, ...names: string[]): string {
  const present = names.filter((name) => claimOf(claims, name) !== undefined)
  return present.map((name) => `${name} ${shown(claimOf(claims, name))}`).join(', ') || 'none'
}

/** A value as JSON, cut short: a claim may hold anything. */
function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'absent'
  return json.length <= MAX_SHOWN ? json : `${json.slice(0, MAX_SHOWN)}…`
}
