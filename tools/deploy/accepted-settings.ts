// Asks the built Worker, on this machine, whether it takes the settings of a deployment.
import { readFileSync } from 'node:fs'
import { Miniflare } from 'miniflare'
import { workerOptions } from '../lib/local-databases.ts'
import { detailOf } from '../lib/responses.ts'
import type { Environment } from '../lib/wrangler-toml.ts'
import { newKeyPair } from '../tokens/local-settings.ts'

const HOST = 'http://stand-in'

/** What the Worker says about each setting that it does not take, in its own words; a secret may be unknown. */
export async function refusedSettings(
  bundle: string,
  { compatibility_date, vars, d1_databases }: Environment,
  secrets: Record<string, string | undefined>,
): Promise<string[]> {
  const good = await goodSettings()
  const known = Object.entries(secrets).map(([name, value]) => [name, value ?? good[name]])
  let settings: Record<string, unknown> = { ...vars, ...Object.fromEntries(known) }
  const contents = readFileSync(bundle, 'utf8')
  const databases = d1_databases.map(({ binding }) => [binding, binding] as const)
  const options = () => workerOptions(contents, compatibility_date, settings, databases)
  const miniflare = new Miniflare(options())
  const refused: string[] = []
  try {
    for (;;) {
      const response = await miniflare.dispatchFetch(`${HOST}/readyz`)
      const detail = detailOf(await response.text()) ?? `is not 200: ${response.status}`
      if (response.status === 200) return refused
      const [name = ''] = /^[A-Z_\d]+/.exec(detail) ?? []
      // The settings are good, and only the tables are missing, as they must be here.
      if (d1_databases.some(({ binding }) => binding === name)) return refused
      refused.push(detail)
      if (settings[name] === good[name]) return refused
      // The Worker names one setting at a time: with this one corrected, it names the next.
      settings = { ...settings, [name]: good[name] }
      await miniflare.setOptions(options())
    }
  } finally {
    await miniflare.dispose()
  }
}

/** Values that the Worker takes; every other setting may be left out. */
async function goodSettings(): Promise<Record<string, string>> {
  const [signing, access, account] = await Promise.all([newKeyPair(), newKeyPair(), newKeyPair()])
  return {
    AUTH_ISSUER: HOST,
    AUTH_AUDIENCE: HOST,
    AUTH_SIGNING_JWK: JSON.stringify(signing.privateJwk),
    AUTH_JWKS: JSON.stringify({ keys: [access.publicJwk] }),
    ACCOUNT_ISSUER: `${HOST}/accounts`,
    ACCOUNT_JWKS: JSON.stringify({ keys: [account.publicJwk] }),
  }
}
