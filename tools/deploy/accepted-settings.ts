// Whether the Worker would take the settings of a deployment: the built Worker itself is asked, on this machine.
import { readFileSync } from 'node:fs'
import { Miniflare, type MiniflareOptions } from 'miniflare'
import * as v from 'valibot'
import { newKeyPair } from '../tokens/local-settings.ts'

export interface DeploymentSettings {
  compatibilityDate: string
  variables: Record<string, unknown>
  /** Names of databases. */
  databases: string[]
  /** Where a value is not known, undefined. */
  secrets: Record<string, string | undefined>
}

const HOST = 'http://stand-in'
const refusal = v.object({ errors: v.tuple([v.object({ detail: v.string() })]) })

/** What the Worker says of each setting that it would not take, in its own words. */
export async function refusedSettings(
  bundle: string,
  { compatibilityDate, variables, databases, secrets }: DeploymentSettings,
): Promise<string[]> {
  const standIns = await goodSettings()
  const known = Object.entries(secrets).map(([name, value]) => [name, value ?? standIns[name]])
  let settings: Record<string, unknown> = { ...variables, ...Object.fromEntries(known) }
  const contents = readFileSync(bundle, 'utf8')
  const options = () => optionsOf(contents, compatibilityDate, settings, databases)
  const miniflare = new Miniflare(options())
  const refused: string[] = []
  const mended = new Set<string>()
  try {
    for (;;) {
      const { status, detail } = await readiness(miniflare)
      const [name = ''] = /^[A-Z_\d]+/.exec(detail) ?? []
      // What is left to be wanted is the tables, which no deployment has from its settings.
      if (status === 200 || databases.includes(name)) return refused
      refused.push(detail)
      if (name === '' || mended.has(name)) return refused
      // The Worker names one at a time: with that one put right, it goes on to the next.
      mended.add(name)
      settings = { ...settings, [name]: standIns[name] }
      await miniflare.setOptions(options())
    }
  } finally {
    await miniflare.dispose()
  }
}

async function readiness(miniflare: Miniflare): Promise<{ status: number; detail: string }> {
  const response = await miniflare.dispatchFetch(`${HOST}/readyz`)
  const told = v.safeParse(refusal, await response.json())
  return {
    status: response.status,
    detail: told.success ? told.output.errors[0].detail : `status ${response.status}`,
  }
}

/** Values of which the Worker has nothing to say; whatever is not among them may be left out. */
async function goodSettings(): Promise<Record<string, string>> {
  const [signing, access, account] = await Promise.all([newKeyPair(), newKeyPair(), newKeyPair()])
  return {
    AUTH_ISSUER: HOST,
    AUTH_AUDIENCE: HOST,
    AUTH_SIGNING_JWK: JSON.stringify(signing.privateJwk),
    AUTH_JWKS: JSON.stringify({ keys: [access.publicJwk] }),
    ACCOUNT_JWKS: JSON.stringify({ keys: [account.publicJwk] }),
  }
}

function optionsOf(
  contents: string,
  compatibilityDate: string,
  settings: Record<string, unknown>,
  databases: string[],
): MiniflareOptions {
  const values = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, bindingOf(value)] as const)
  const d1 = databases.map((name) => [name, { type: 'd1' as const, id: name }] as const)
  return {
    cf: false,
    handleStructuredLogs: () => undefined,
    workers: [
      {
        config: {
          name: 'stand-in',
          compatibilityDate,
          manifest: {
            mainModule: 'app.js',
            modulesRoot: '/',
            modules: { 'app.js': { type: 'esm', contents } },
          },
          env: { ...Object.fromEntries(values), ...Object.fromEntries(d1) },
        },
      },
    ],
  }
}

function bindingOf(value: unknown): { type: 'text'; value: string } | { type: 'json'; value: 0 } {
  if (typeof value === 'string') return { type: 'text', value }
  // Of what is no text, the Worker says that and nothing else.
  return { type: 'json', value: 0 }
}
