// Asks the built Worker, on this machine, whether it takes the settings of a deployment.
import { readFileSync } from 'node:fs'
import { Miniflare, type MiniflareOptions } from 'miniflare'
import * as v from 'valibot'
import { newKeyPair } from '../tokens/local-settings.ts'

export interface DeploymentSettings {
  compatibilityDate: string
  variables: Record<string, unknown>
  /** The names of their bindings. */
  databases: string[]
  /** A value that is not known is undefined. */
  secrets: Record<string, string | undefined>
}

const HOST = 'http://stand-in'
const refusal = v.object({ errors: v.tuple([v.object({ detail: v.string() })]) })

/** What the Worker says about each setting that it does not take, in its own words. */
export async function refusedSettings(
  bundle: string,
  { compatibilityDate, variables, databases, secrets }: DeploymentSettings,
): Promise<string[]> {
  const good = await goodSettings()
  const known = Object.entries(secrets).map(([name, value]) => [name, value ?? good[name]])
  let settings: Record<string, unknown> = { ...variables, ...Object.fromEntries(known) }
  const contents = readFileSync(bundle, 'utf8')
  const options = () => optionsOf(contents, compatibilityDate, settings, databases)
  const miniflare = new Miniflare(options())
  const refused: string[] = []
  try {
    for (;;) {
      const response = await miniflare.dispatchFetch(`${HOST}/readyz`)
      if (response.status === 200) return refused
      const [{ detail }] = v.parse(refusal, await response.json()).errors
      const [name = ''] = /^[A-Z_\d]+/.exec(detail) ?? []
      // The settings are good, and only the tables are missing, as they must be here.
      if (databases.includes(name)) return refused
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

function optionsOf(
  contents: string,
  compatibilityDate: string,
  settings: Record<string, unknown>,
  databases: string[],
): MiniflareOptions {
  const modules = { 'app.js': { type: 'esm' as const, contents } }
  const manifest = { mainModule: 'app.js', modulesRoot: '/', modules }
  const values = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, bindingOf(value)] as const)
  const d1 = databases.map((name) => [name, { type: 'd1' as const, id: name }] as const)
  const env = { ...Object.fromEntries(values), ...Object.fromEntries(d1) }
  return {
    cf: false,
    handleStructuredLogs: () => undefined,
    workers: [{ config: { name: 'stand-in', compatibilityDate, manifest, env } }],
  }
}

/** A value of wrangler.toml as wrangler binds it: a text, or a number, a list or a table. */
function bindingOf(value: unknown) {
  if (typeof value === 'string') return { type: 'text', value } as const
  const json = JSON.parse(JSON.stringify(value))
  return { type: 'json', value: json } as const
}
