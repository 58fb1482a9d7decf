// npx cart-accounts token explain: holds one account token to the settings at hand, by the Worker's own rules.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { decodeJwt, decodeProtectedHeader, errors, type ProtectedHeaderParameters } from 'jose'
import * as v from 'valibot'
import { type Bindings, exact, missing, optional } from '../../src/bindings.ts'
import { SettingsError } from '../../src/errors.ts'
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
import {
  importKeySet,
  importPublishedKeys,
  importSigningKey,
  type KeySet,
} from '../../src/tokens/keys.ts'
import { readAccount as readOwnAccount } from '../../src/tokens/kinds.ts'
import { type TokenRefusal, TokenRefused } from '../../src/tokens/refusal.ts'
import { checkForm, isTyped, verifySignature } from '../../src/tokens/verify.ts'
import { findEnvironment, readEnvironments } from '../deploy/environments.ts'
import { CommandError, environmentOf, parseOptions, styled, table } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'
import { readDevVars } from './local-settings.ts'

/** One rule of the contract, and what there is to say about it. */
interface Rule {
  name: string
  expected: string
  found: string
  /** Throws TokenRefused, or NotChecked. */
  check: () => unknown
}

/** What the rules are checked against. */
interface AtHand {
  settings: Bindings
  /** Where they come from. */
  sources: string
  /** The store of the access token beside it, if it was named. */
  store: string | undefined
  now: Date
}

/** The rule cannot be checked here. The message says why. */
class NotChecked extends Error {}

// The settings are checked by whatever reads them, and no rule of a token reads a database.
const bindings = v.custom<Bindings>((given) => typeof given === 'object' && given !== null)
const TYPES = ['at+jwt', 'account+jwt', 'JWT'] as const
const DEADLINE_MS = 5_000
const MAX_SHOWN = 60

export async function explain(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions(
    args,
    {
      ...{ env: { type: 'string' }, config: { type: 'string' }, 'dev-vars': { type: 'string' } },
      store: { type: 'string' },
    },
    { allowPositionals: true },
  )
  const [given, ...more] = positionals
  if (given === undefined || more.length > 0) {
    throw new CommandError('Name one token, or - to read it from standard input', 2)
  }
  const token = (given === '-' ? await text(process.stdin) : given).trim()
  const atHand = await settingsAtHand(values)
  try {
    const lines = await Promise.all((await rulesFor(token, atHand)).map(judge))
    process.stdout.write(report(lines, atHand))
    if (lines.some(({ refusal }) => refusal !== undefined)) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw new CommandError(`${error.message} (${atHand.sources})`)
  }
}

interface Choice {
  env?: string
  config?: string
  'dev-vars'?: string
  store?: string
}

/** Reads them as wrangler dev would: .dev.vars of the environment in place of the common one. */
async function settingsAtHand(choice: Choice): Promise<AtHand> {
  const config = path.resolve(choice.config ?? path.join(projectRoot, 'wrangler.toml'))
  const { vars, env } = findEnvironment(readEnvironments(config), environmentOf(choice))
  const common = path.join(path.dirname(config), '.dev.vars')
  const own = `${common}.${env}`
  const devVars = choice['dev-vars'] ?? (env !== '' && existsSync(own) ? own : common)
  const section = env === '' ? 'vars' : `env.${env}.vars`
  return {
    settings: v.parse(bindings, { ...vars, ...(await readDevVars(devVars)) }),
    sources: `[${section}] of ${path.basename(config)}, and ${path.basename(devVars)}`,
    store: choice.store,
    now: new Date(),
  }
}

/** Returns the rules in the order in which the Worker checks them; of what is no JWT, the first one. */
async function rulesFor(token: string, { settings, store, now }: AtHand): Promise<Rule[]> {
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
  const local = await trustedKeys(settings)
  if (local.length === 0) throw new NotChecked('no key is at hand: ACCOUNT_JWKS may be a secret')
  await verifySignature(token, own, { local, remote: undefined })
}

/** Returns the keys of the settings, and those that the issuer publishes, which are fetched. */
async function trustedKeys(settings: Bindings): Promise<KeySet> {
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
    const { keys } = await importPublishedKeys(await response.json())
    return keys
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

interface Judged extends Rule {
  refusal?: TokenRefused
  notChecked?: string
}

async function judge(rule: Rule): Promise<Judged> {
  try {
    await rule.check()
    return rule
  } catch (error) {
    if (error instanceof TokenRefused) return { ...rule, refusal: error }
    if (error instanceof NotChecked) return { ...rule, notChecked: error.message }
    throw error
  }
}

/** The first refusal and what to change; then a line for each rule. */
function report(lines: Judged[], { sources }: AtHand): string {
  const first = lines.find(({ refusal }) => refusal !== undefined)
  const rows = lines.map(({ name, expected, found, refusal, notChecked }) => {
    const mark = refusal === undefined ? '✓' : '✗'
    return [notChecked === undefined ? mark : '?', name, expected, notChecked ?? found]
  })
  const open = lines.filter(({ notChecked }) => notChecked !== undefined)
  return [
    first?.refusal === undefined ? accepted() : refused(first.refusal, first.name),
    '',
    table([['', 'RULE', 'EXPECTED', 'FOUND'], ...rows]),
    `Settings: ${sources}. Public keys are fetched; the token is sent nowhere.`,
    ...open.map(({ name, notChecked }) => `Not checked: ${name}, since ${notChecked}.`),
    '',
  ].join('\n')
}

function accepted(): string {
  return styled('green', 'Accepted, as far as it was checked')
}

function refused({ reason, claim }: TokenRefused, rule: string): string {
  const at = claim === undefined ? '' : `, claim ${claim}`
  return `${styled('red', `Refused: ${reason}${at}`)}\n${ADVICE[reason] ?? `See the rule ${rule}`}`
}

const ADVICE: Partial<Record<TokenRefusal, string>> = {
  malformed:
    'It is no signed JWT. Ask the provider for a token for this API, by its audience or resource; opaque tokens cannot be used.',
  too_long: 'Have the provider put fewer claims into the access token.',
  critical_header: 'Have the provider leave crit out of the header.',
  unnamed_key: 'Have the provider name its key in kid: its set has several.',
  unknown_key:
    'Set ACCOUNT_JWKS_URL to the jwks_uri of this issuer, in its /.well-known/openid-configuration.',
  wrong_algorithm: 'Have the provider sign with ES256, ES384, ES512, EdDSA, RS256 or PS256.',
  wrong_signature:
    'It was not signed by the key of this kid: the token was changed, or the keys are those of another tenant.',
  wrong_type:
    'Send the access token of your provider, and no ID token. If it is that, set ACCOUNT_TOKENS, with the typ that is found.',
  wrong_issuer:
    'Set ACCOUNT_ISSUER to the iss that is found, if that is your provider, to the last slash.',
  wrong_audience:
    "Ask the provider for a token for this API. Do not set audience to the browser client's id: that is in every ID token.",
  expired: 'Have the client renew it.',
  not_yet_valid: 'Compare the clock of the provider.',
  issued_in_future: 'Compare the clock of the provider.',
  lives_too_long: 'Set a lifetime of at most 30 days at the provider.',
  id_token: 'Send the access token of the same sign-in: an ID token is for its client alone.',
  invalid_claim:
    'Have the provider write that claim as expected, or name another one in ACCOUNT_TOKENS: docs/signing-in.md has a row for yours.',
  wrong_store:
    'Send an access token of the store that this token names; or have the provider name the store, or set it in ACCOUNT_TOKENS.',
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
