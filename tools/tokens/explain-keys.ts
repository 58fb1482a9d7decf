// The keys that verify account tokens, as far as they are at hand: those of the settings, and published ones.
import { type Bindings, exact, optional } from '../../src/bindings.ts'
import {
  importKeySet,
  importPublishedKeys,
  importSigningKey,
  type KeySet,
} from '../../src/tokens/keys.ts'

const DEADLINE_MS = 5_000

/** The rule cannot be checked here. The message says why. */
export class NotChecked extends Error {}

/** Returns the keys of the settings, and those that the issuer publishes, which are fetched. */
export async function keysAtHand(settings: Bindings): Promise<KeySet> {
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
