// A key set for AUTH_JWKS, put together from files: what a rotation of keys begins and ends with.
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { SettingsError } from '../src/errors.ts'
import { check, type Jwk, keySetJwks, parseJson, signingJwk } from '../src/tokens/jwk.ts'
import { CommandError } from './command-line.ts'

/**
 * The public halves of all keys in the files, each a key set or a private key.
 *
 * @throws CommandError naming the file and the member at fault
 */
export async function joinKeySets(files: string[]): Promise<{ keys: Jwk[] }> {
  const keys = (await Promise.all(files.map(readKeys))).flat()
  const kids = new Set(keys.map(({ kid }) => kid))
  if (kids.size === keys.length) return { keys }
  throw new CommandError('The key set must not name one kid twice')
}

async function readKeys(file: string): Promise<Jwk[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(`${file} cannot be read: ${String(error)}`)
  })
  const keys = parseKeys(file, text)
  if (!keys.some(({ alg }) => alg === 'HS256')) return keys
  throw new CommandError(`${file} holds a shared secret, which a public key set cannot have`)
}

function parseKeys(file: string, text: string): Jwk[] {
  try {
    const json = parseJson(file, text)
    if (v.is(v.object({ keys: v.unknown() }), json)) return check(file, keySetJwks, json).keys
    // The members of a public key, which are all that this schema lets through.
    return [{ use: 'sig', ...check(file, signingJwk, json) }]
  } catch (error) {
    if (error instanceof SettingsError) throw new CommandError(error.message)
    throw error
  }
}
