// The rules of account tokens one by one, in the Worker's order and by its own functions (contract, sections 1 and 1a).
import { decodeJwt, decodeProtectedHeader, errors, type ProtectedHeaderParameters } from 'jose'
import * as v from 'valibot'
import { type Bindings, exact, missing } from '../../src/bindings.ts'
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
  type Audience,
  type Claims,
  checkAudience,
  checkIssuer,
  checkTimes,
  claimOf,
} from '../../src/tokens/claims.ts'
import { readAccount as readOwnAccount } from '../../src/tokens/kinds.ts'
import { TokenRefused } from '../../src/tokens/refusal.ts'
import { checkForm, isTyped, verifySignature } from '../../src/tokens/verify.ts'
import { keysAtHand, NotChecked } from './explain-keys.ts'

/** One rule of the contract, and what there is to say about it. */
export interface Rule {
  name: string
  expected: string
  found: string
  /** Throws TokenRefused, or NotChecked. */
  check: () => unknown
}

/** What the rules are checked against. */
export interface AtHand {
  settings: Bindings
  /** Where they come from. */
  sources: string
  /** The store of the access token beside it, if it was named. */
  store: string | undefined
  now: Date
}

const TYPES = ['at+jwt', 'account+jwt', 'JWT'] as const
const MAX_SHOWN = 60

/** Returns the rules in the order in which the Worker checks them; of what is no JWT, the first one. */
export function rulesFor(token: string, { settings, store, now }: AtHand): Rule[] {
  const form = {
    name: 'form',
    expected: 'a signed JWT of at most 8 KiB',
    found: `parts: ${token.split('.').length}, bytes: ${token.length}`,
    check: () => checkForm(token),
  }
  const audience = exact(settings, 'AUTH_AUDIENCE') ?? missing('AUTH_AUDIENCE')
  const authIssuer = exact(settings, 'AUTH_ISSUER') ?? missing('AUTH_ISSUER')
  // A secret of a deployed Worker is not at hand, and is no mistake in the settings.
  const rules = providerRules({ ACCOUNT_JWKS: '-', ...settings })
  const decoded = decode(token)
  if (decoded === undefined) return [form]
  const { header, claims } = decoded
  const issuer = exact(settings, 'ACCOUNT_ISSUER') ?? authIssuer
  const typ = rules?.typ ?? 'account+jwt'
  return [
    form,
    {
      name: 'typ',
      expected: typ === 'JWT' ? 'JWT, or none' : typ,
      found: shown(header.typ),
      check: () => {
        if (!isTyped(header.typ, typ)) throw new TokenRefused('wrong_type')
      },
    },
    {
      name: 'signature',
      expected: 'of a key that is trusted for account tokens',
      found: `alg ${shown(header.alg)}, kid ${shown(header.kid)}`,
      check: () => checkSignature(token, header, settings),
    },
    {
      name: 'iss',
      expected: shown(issuer),
      found: shown(claimOf(claims, 'iss')),
      check: () => checkIssuer(claims, issuer),
    },
    audienceRule(
      claims,
      rules === undefined
        ? { claim: 'aud', name: audience }
        : { claim: rules.audience_claim, name: rules.audience },
    ),
    {
      name: 'times',
      expected: 'iat and nbf have passed, exp has not, 30 days at most',
      found: ['iat', 'nbf', 'exp'].map((name) => `${name} ${time(claims, name)}`).join(', '),
      check: () => checkTimes(claims, now),
    },
    ...(rules === undefined ? ownRules(claims) : providersRules(claims, rules)),
    {
      name: 'access token',
      expected: 'one of the same store beside it',
      found: shown(store),
      check: () => {
        if (store === undefined) throw new NotChecked('--store does not name its store')
        const own = rules === undefined ? readOwnAccount(claims).storeId : readStore(claims, rules)
        if (own !== store) throw new TokenRefused('wrong_store')
      },
    },
  ]
}

function audienceRule(claims: Claims, audience: Audience): Rule {
  return {
    name: audience.claim,
    expected: shown(audience.name),
    found: shown(claimOf(claims, audience.claim)),
    check: () => checkAudience(claims, audience),
  }
}

/** The rules of account tokens in the contract's own form. */
function ownRules(claims: Claims): Rule[] {
  const names = ['sub', 'account_id', 'store_id']
  return [
    {
      name: 'claims',
      expected: `sub; account_id and store_id, ${SAFE_ID_RULE}`,
      found: names.map((name) => `${name} ${shown(claimOf(claims, name))}`).join(', '),
      check: () => readOwnAccount(claims),
    },
  ]
}

/** The rules of section 1a, which ACCOUNT_TOKENS sets. */
function providersRules(claims: Claims, rules: ProviderRules): Rule[] {
  const marks = ['nonce', 'at_hash', 'c_hash', 'token_use', 'typ']
  const clients = ['sub', 'client_id', 'azp', 'cid', 'gty']
  const present = (names: string[]) =>
    names
      .flatMap((name) => {
        const value = claimOf(claims, name)
        return value === undefined ? [] : `${name} ${shown(value)}`
      })
      .join(', ') || 'none'
  const at = (way: readonly string[]) =>
    `${way.join('.')} ${shown(way.reduce<unknown>(step, claims))}`
  const idToken = {
    name: 'ID token',
    expected: 'none of nonce, at_hash, c_hash, token_use "id", typ "ID"',
    found: present(marks),
    check: () => refuseIdToken(claims),
  }
  return [
    ...(rules.typ === 'JWT' ? [idToken] : []),
    {
      name: 'machine',
      expected: 'a sub that is no client',
      found: present(clients),
      check: () => refuseMachine(claims),
    },
    ...Object.entries(rules.require).map(([name, value]) => ({
      name: `require ${name}`,
      expected: shown(value),
      found: shown(claimOf(claims, name)),
      check: () => checkRequired(claims, { ...rules, require: { [name]: value } }),
    })),
    {
      name: 'account',
      expected: `${rules.account_claim.join('.')}, ${SAFE_ID_RULE}; and a sub`,
      found: `${at(rules.account_claim)}, sub ${shown(claimOf(claims, 'sub'))}`,
      check: () => readAccount(claims, rules),
    },
    {
      name: 'store',
      expected: rules.store === undefined ? SAFE_ID_RULE : 'by the setting',
      found: rules.store === undefined ? at(rules.store_claim ?? []) : shown(rules.store),
      check: () => readStore(claims, rules),
    },
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

function decode(token: string): { header: ProtectedHeaderParameters; claims: Claims } | undefined {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined
    throw error
  }
}

function step(found: unknown, name: string): unknown {
  return v.is(v.record(v.string(), v.unknown()), found) ? claimOf(found, name) : undefined
}

function time(claims: Claims, name: string): string {
  const value = claimOf(claims, name)
  const date = typeof value === 'number' ? new Date(value * 1000) : undefined
  return date === undefined || Number.isNaN(date.getTime()) ? shown(value) : date.toISOString()
}

/** A value as JSON, cut short: a claim may hold anything. */
function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? 'absent'
  return json.length <= MAX_SHOWN ? json : `${json.slice(0, MAX_SHOWN)}…`
}
