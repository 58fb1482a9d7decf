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

const strings = v.record(v.string(), v.string())
// A variable may be a table, as ACCOUNT_TOKENS is.
const text = v.union([v.string(), v.pipe(v.unknown(), v.transform(JSON.stringify))])
const texts = v.record(v.string(), text)
const keySet = v.object({ keys: v.array(v.object({ kid: v.optional(v.string()) })) })
const privateKey = v.looseObject({
  kid: v.string(),
  alg: v.string(),
  kty: v.string(),
  d: v.string(),
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
  const settings = v.parse(texts, { ...top?.vars, ...secrets, ...given })
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = settings
  if (issuer === undefined || audience === undefined) {
    throw new CommandError('wrangler.toml must set AUTH_ISSUER and AUTH_AUDIENCE under [vars]')
  }
  const { ACCOUNT_JWKS, ACCOUNT_JWKS_URL, ACCOUNT_ISSUER = issuer } = settings
  const foreign = ACCOUNT_JWKS !== undefined || ACCOUNT_JWKS_URL !== undefined
  const accountIssuer = foreign ? undefined : ACCOUNT_ISSUER
  return { issuer, accountIssuer, audience, signingKey: await readSigningKey(devVars, secrets) }
}

async function readSigningKey(
  devVars: string,
  secrets: Record<string, string>,
): Promise<SigningKey> {
  const { AUTH_JWKS, AUTH_SIGNING_JWK } = secrets
  // Both are empty in a copy of .dev.vars.example; the lines that are added come last, and count.
  if (!AUTH_JWKS && !AUTH_SIGNING_JWK) {
    await addKeyPair(devVars)
    return await readSigningKey(devVars, await readDevVars(devVars))
  }
  const { keys } = parseJson(devVars, 'AUTH_JWKS', AUTH_JWKS, keySet)
  const jwk = parseJson(devVars, 'AUTH_SIGNING_JWK', AUTH_SIGNING_JWK, privateKey)
  const { kid, alg } = jwk
  if (!keys.some((key) => key.kid === kid)) {
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

function parseJson<Schema extends v.GenericSchema>(
  devVars: string,
  name: string,
  text: string | undefined,
  schema: Schema,
): v.InferOutput<Schema> {
  if (text === undefined) {
    throw new CommandError(`${devVars} has no ${name} beside its other key: ${ADVICE}`)
  }
  const json = v.pipe(v.string(), v.parseJson(), schema)
  const result = v.safeParse(json, text)
  if (result.success) return result.output
  throw new CommandError(`${name} in ${devVars} is malformed: ${ADVICE}`)
}

function firstLineOf(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n')
  return line
}
