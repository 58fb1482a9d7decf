// The settings of a laptop: variables of wrangler.toml, and the key pair that .dev.vars holds.
import { appendFile, chmod, readFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import * as v from 'valibot'
import { CommandError } from '../lib/command-line.ts'
import { readEnvironments } from '../lib/wrangler-toml.ts'

/** What it takes to mint tokens that the local Worker accepts. */
export interface LocalSettings {
  issuer: string
  /** Absent if account tokens are verified with keys of their own. */
  accountIssuer: string | undefined
  audience: string
  signingKey: SigningKey
}

export interface SigningKey {
  kid: string
  alg: string
  key: CryptoKey | Uint8Array
  /** What makes it private: `d` of the JSON Web Key. */
  secret: string
}

const ADVICE = 'correct it, or delete the file and npm start makes a new one'

const text = v.string()
const strings = v.record(text, text)
const variables = v.looseObject({
  AUTH_ISSUER: text,
  AUTH_AUDIENCE: text,
  ACCOUNT_ISSUER: v.optional(text),
})
const keySet = v.object({ keys: v.array(v.object({ kid: v.optional(text) })) })
const privateKey = v.looseObject({ kid: text, alg: text, kty: text, d: text })
const keyPair = v.object({
  AUTH_JWKS: v.pipe(text, v.parseJson(), keySet),
  AUTH_SIGNING_JWK: v.pipe(text, v.parseJson(), privateKey),
})

/**
 * Reads the settings, of which those given come first. Makes the key pair if `.dev.vars` has none (mode 600).
 *
 * @throws CommandError naming the file and the setting that is not good
 */
export async function localSettings(
  devVars: string,
  config?: string,
  given: Record<string, unknown> = {},
): Promise<LocalSettings> {
  const [top] = readEnvironments(config)
  const secrets = await readDevVars(devVars)
  const found = v.safeParse(variables, { ...top?.vars, ...secrets, ...given })
  if (!found.success) {
    throw new CommandError('wrangler.toml must set AUTH_ISSUER and AUTH_AUDIENCE under [vars]')
  }
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, ...account } = found.output
  const { ACCOUNT_JWKS, ACCOUNT_JWKS_URL, ACCOUNT_ISSUER = issuer } = account
  const foreign = ACCOUNT_JWKS !== undefined || ACCOUNT_JWKS_URL !== undefined
  const accountIssuer = foreign ? undefined : ACCOUNT_ISSUER
  return { issuer, accountIssuer, audience, signingKey: await readSigningKey(devVars, secrets) }
}

async function readSigningKey(
  devVars: string,
  secrets: Record<string, string>,
): Promise<SigningKey> {
  // Both are empty in a copy of .dev.vars.example; the lines that are added come last, and count.
  if (!secrets['AUTH_JWKS'] && !secrets['AUTH_SIGNING_JWK']) {
    await addKeyPair(devVars)
    return await readSigningKey(devVars, await readDevVars(devVars))
  }
  const found = v.safeParse(keyPair, secrets)
  if (!found.success) {
    const name = String(found.issues[0].path?.[0].key)
    const problem =
      name in secrets
        ? `${name} in ${devVars} is malformed`
        : `${devVars} has no ${name} beside its other key`
    throw new CommandError(`${problem}: ${ADVICE}`)
  }
  const { AUTH_JWKS, AUTH_SIGNING_JWK: jwk } = found.output
  const { kid, alg } = jwk
  if (!AUTH_JWKS.keys.some((key) => key.kid === kid)) {
    throw new CommandError(`AUTH_JWKS in ${devVars} lacks the key of AUTH_SIGNING_JWK: ${ADVICE}`)
  }
  const key = await importJWK(jwk, alg).catch(() => {
    throw new CommandError(`AUTH_SIGNING_JWK in ${devVars} is not a key for ${alg}: ${ADVICE}`)
  })
  return { kid, alg, key, secret: jwk.d }
}

/** A new key pair for ES256, both halves as JSON Web Keys of one random `kid`. */
export async function newKeyPair(): Promise<{ publicJwk: JWK; privateJwk: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const names = { kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' }
  return {
    publicJwk: { ...names, ...(await exportJWK(publicKey)) },
    privateJwk: { ...names, ...(await exportJWK(privateKey)) },
  }
}

async function addKeyPair(devVars: string): Promise<void> {
  const { publicJwk, privateJwk } = await newKeyPair()
  const lines = [
    '', // A last line without its end stays a line of its own.
    '# Made by npm start for this machine alone.',
    `AUTH_JWKS='${JSON.stringify({ keys: [publicJwk] })}'`,
    `AUTH_SIGNING_JWK='${JSON.stringify(privateJwk)}'`,
  ]
  try {
    await appendFile(devVars, `${lines.join('\n')}\n`, { mode: 0o600 })
    // The mode above holds for a new file only.
    await chmod(devVars, 0o600)
  } catch (error) {
    throw new CommandError(`${devVars} cannot be written: ${firstLineOf(error)}`)
  }
}

export async function readDevVars(devVars: string): Promise<Record<string, string>> {
  try {
    return v.parse(strings, parseEnv(await readFile(devVars, 'utf8')))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new CommandError(`${devVars} cannot be read: ${firstLineOf(error)}`)
  }
}

function firstLineOf(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n')
  return line
}
