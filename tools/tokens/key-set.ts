// A key set for AUTH_JWKS, put together from files: what a rotation of keys begins and ends with.
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { SettingsError } from '../../src/errors.ts'
import { check, type Jwk, keySetJwks, parseJson, signingJwk } from '../../src/tokens/jwk.ts'
import { CommandError } from '../lib/command-line.ts'

/**
 * The keys that verify, of all files: each holds a key set, or a private key, of which the public half is
 * taken. A key that stands in several is taken once.
 *
 * @throws CommandError naming the file and the member at fault, or the kid of two keys
 */
export async function joinKeySets(files: string[], withoutKid?: string): Promise<{ keys: Jwk[] }> {
  const all = (await Promise.all(files.map(readKeys))).flat()
  const keys = [...new Map(all.map((jwk) => [identityOf(jwk), jwk])).values()]
  const kids = new Set(keys.map(({ kid }) => kid))
  if (kids.size < keys.length) throw new CommandError('Two of the keys have the same kid')
  if (withoutKid === undefined) return { keys }
  const left = keys.filter(({ kid }) => kid !== withoutKid)
  if (left.length === keys.length) {
    throw new CommandError(`There is no key ${JSON.stringify(withoutKid)} in ${files.join(', ')}`)
  }
  if (left.length === 0) throw new CommandError('No key would be left')
  return { keys: left }
}

/** The same for two spellings of one key. */
function identityOf(jwk: Jwk): string {
  return JSON.stringify(Object.entries({ ...jwk, use: 'sig' }).toSorted())
}

async function readKeys(file: string): Promise<Jwk[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(`${file} cannot be read: ${String(error)}`)
  })
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
