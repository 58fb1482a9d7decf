// npx cart-accounts token explain: holds one account token to the settings at hand, by the Worker's own rules.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { text as readText } from 'node:stream/consumers'
import * as v from 'valibot'
import type { Bindings } from '../../src/bindings.ts'
import { SettingsError } from '../../src/errors.ts'
import { type TokenRefusal, TokenRefused } from '../../src/tokens/refusal.ts'
import {
  badArgument,
  CommandError,
  environmentOf,
  parseOptions,
  styled,
  table,
} from '../lib/command-line.ts'
import {
  findEnvironment,
  readEnvironments,
  sectionOf,
  WRANGLER_TOML,
} from '../lib/wrangler-toml.ts'
import { NotChecked, type Rule, rulesFor } from './explain-rules.ts'
import { readDevVars } from './local-settings.ts'

// The settings are checked by whatever reads them, and no rule of a token reads a database.
const bindings = v.custom<Bindings>((given) => typeof given === 'object' && given !== null)

/** Returns the verdict and the table of rules. Sets the exit code if the token is refused. */
export async function explain(args: string[]): Promise<string> {
  const text = { type: 'string' } as const
  const options = { env: text, config: text, 'dev-vars': text, store: text }
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const [given, ...more] = positionals
  if (given === undefined || more.length > 0) {
    throw badArgument('Name one token, or - to read it from standard input')
  }
  const token = (given === '-' ? await readText(process.stdin) : given).trim()
  const { settings, sources } = await settingsAtHand(values)
  try {
    const judged = await Promise.all(rulesFor(token, settings, values.store).map(judge))
    const open = judged.flatMap((each) => each.open ?? [])
    const rows = judged.map(({ row }) => row)
    return `${verdict(judged, open)}
${table([['', 'RULE', 'EXPECTED', 'FOUND'], ...rows])}
${[`Settings: ${sources}. Public keys are fetched; the token is sent nowhere.`, ...open].join('\n')}
`
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw new CommandError(`${error.message} (${sources})`)
  }
}

type Choice = { [name in 'env' | 'config' | 'dev-vars']?: string }

/** Reads them as wrangler dev would: .dev.vars of the environment in place of the common one. */
async function settingsAtHand(choice: Choice): Promise<{ settings: Bindings; sources: string }> {
  const config = path.resolve(choice.config ?? WRANGLER_TOML)
  const environment = findEnvironment(readEnvironments(config), environmentOf(choice))
  const { vars, env } = environment
  const common = path.join(path.dirname(config), '.dev.vars')
  const own = `${common}.${env}`
  const devVars = choice['dev-vars'] ?? (env !== '' && existsSync(own) ? own : common)
  const section = sectionOf(environment, 'vars')
  return {
    settings: v.parse(bindings, { ...vars, ...(await readDevVars(devVars)) }),
    sources: `[${section}] of ${path.basename(config)}, and ${path.basename(devVars)}`,
  }
}

interface Judged {
  row: string[]
  refusal?: TokenRefused
  /** Why the rule could not be checked. */
  open?: string
}

async function judge([name, expected, found, check]: Rule): Promise<Judged> {
  try {
    await check()
    return { row: ['✓', name, expected, found] }
  } catch (error) {
    if (error instanceof TokenRefused) return { row: ['✗', name, expected, found], refusal: error }
    if (!(error instanceof NotChecked)) throw error
    const open = `Not checked: ${name}, since ${error.message}.`
    return { row: ['?', name, expected, error.message], open }
  }
}

/** The first refusal, and what to change. */
function verdict(judged: Judged[], open: string[]): string {
  const first = judged.find(({ refusal }) => refusal !== undefined)
  if (first?.refusal === undefined) {
    return `${styled('green', open.length > 0 ? 'Accepted, as far as it was checked' : 'Accepted')}\n`
  }
  process.exitCode = 1
  const { reason, claim } = first.refusal
  const [, rule] = first.row
  const advice = ADVICE[rule === 'machine' ? rule : reason] ?? `See the rule ${rule}`
  const at = claim === undefined ? '' : `, claim ${claim}`
  return `${styled('red', `Refused: ${reason}${at}`)}\n${advice}\n`
}

const ADVICE: Partial<Record<TokenRefusal | 'machine', string>> = {
  machine:
    'It is the token of a machine, which speaks for no shopper. A server needs none: it sends its access token alone.',
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
    'Send the access token of your provider, and no ID token. If it is that, its typ must be the one of ACCOUNT_TOKENS: set the provider to write it, or set typ to what is found.',
  wrong_issuer:
    'Set ACCOUNT_ISSUER to the iss that is found, if that is your provider, to the last slash.',
  wrong_audience:
    "Ask the provider for a token for this API. Do not set audience to the browser client's id, which is in every ID token, unless docs/signing-in.md says so for yours.",
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
