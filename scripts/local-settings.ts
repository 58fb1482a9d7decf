// The settings of a laptop: variables of wrangler.toml, and the key pair that .dev.vars holds.
import { appendFile, chmod, readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { parse as parseToml } from 'smol-toml'
import { CommandError } from './command-line.ts'

/** What it takes to mint a token that the local Worker accepts. */
export interface LocalSettings {
  issuer: string
  audience: string
  signingKey: JWK
}

export const projectRoot = path.resolve(import.meta.dirname, '..')

const ADVICE = 'correct it, or delete the file and npm start makes a new one'

/** Reads the settings, first making the key pair where `.dev.vars` has none (mode 600). */
export async function localSettings(devVars: string): Promise<LocalSettings> {
  const [vars, secrets] = [await wranglerVars(), await devVarsOf(devVars)]
  const { AUTH_ISSUER, AUTH_AUDIENCE } = { ...vars, ...secrets }
  if (AUTH_ISSUER === undefined || AUTH_AUDIENCE === undefined) {
    throw new CommandError('wrangler.toml must set AUTH_ISSUER and AUTH_AUDIENCE under [vars]')
  }
  const signingKey = await signingKeyOf(devVars, secrets)
  return { issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE, signingKey }
}

async function signingKeyOf(devVars: string, secrets: Record<string, string>): Promise<JWK> {
  const { AUTH_JWKS, AUTH_SIGNING_JWK } = secrets
  if (AUTH_JWKS === undefined && AUTH_SIGNING_JWK === undefined) return await addKeyPair(devVars)
  const { keys } = jsonOf(devVars, 'AUTH_JWKS', AUTH_JWKS)
  const signingKey = jsonOf(devVars, 'AUTH_SIGNING_JWK', AUTH_SIGNING_JWK)
  const { alg, kid } = signingKey
  if (!Array.isArray(keys)) {
    throw new CommandError(`AUTH_JWKS in ${devVars} is not a JSON Web Key Set: ${ADVICE}`)
  }
  if (typeof alg !== 'string' || typeof kid !== 'string') {
    throw new CommandError(`AUTH_SIGNING_JWK in ${devVars} has no alg or no kid: ${ADVICE}`)
  }
  if (!keys.some((key) => Object(key).kid === kid)) {
    throw new CommandError(`AUTH_JWKS in ${devVars} lacks the key of AUTH_SIGNING_JWK: ${ADVICE}`)
  }
  return signingKey
}

async function addKeyPair(devVars: string): Promise<JWK> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const names = { kid: crypto.randomUUID(), alg: 'ES256', use: 'sig' }
  const signingKey = { ...names, ...(await exportJWK(privateKey)) }
  const keySet = { keys: [{ ...names, ...(await exportJWK(publicKey)) }] }
  const lines = [
    '', // A last line without its end stays a line of its own.
    '# Made by npm start for this machine alone.',
    `AUTH_JWKS='${JSON.stringify(keySet)}'`,
    `AUTH_SIGNING_JWK='${JSON.stringify(signingKey)}'`,
  ]
  await appendFile(devVars, `${lines.join('\n')}\n`, { mode: 0o600 })
  // The mode above holds for a new file only.
  await chmod(devVars, 0o600)
  return signingKey
}

async function devVarsOf(devVars: string): Promise<Record<string, string>> {
  try {
    return definedOnly(parseEnv(await readFile(devVars, 'utf8')))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new CommandError(`${devVars} cannot be read: ${String(error)}`)
  }
}

async function wranglerVars(): Promise<Record<string, string>> {
  const { vars } = parseToml(await readFile(path.join(projectRoot, 'wrangler.toml'), 'utf8'))
  return definedOnly(Object(vars))
}

function definedOnly(values: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(values).map(([name, value]) => [name, String(value)] as const)
  return Object.fromEntries(entries)
}

function jsonOf(devVars: string, name: string, text: string | undefined): Record<string, unknown> {
  if (text === undefined) {
    throw new CommandError(`${devVars} has no ${name} beside its other key: ${ADVICE}`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return Object(value)
  } catch {
    // Not JSON is told in the same words as JSON of another shape.
  }
  throw new CommandError(`${name} in ${devVars} is not a JSON object: ${ADVICE}`)
}
