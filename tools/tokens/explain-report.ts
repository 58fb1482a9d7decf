// What token explain prints: the first refusal and what to change, and a line for each rule.
import { type TokenRefusal, TokenRefused } from '../../src/tokens/refusal.ts'
import { styled, table } from '../lib/command-line.ts'
import { NotChecked } from './explain-keys.ts'
import type { AtHand, Rule } from './explain-rules.ts'

export interface Judged extends Rule {
  refusal?: TokenRefused
  notChecked?: string
}

export async function judge(rule: Rule): Promise<Judged> {
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
export function report(lines: Judged[], { sources }: AtHand): string {
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
