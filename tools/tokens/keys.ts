// npx cart-accounts keys: makes, lists and revokes application keys; makes signing keys and key sets.
import { randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SettingsError } from '../../src/errors.ts'
import type { Database } from '../../src/storage/database.ts'
import { check, type Jwk, keySetJwks, parseJson, signingJwk } from '../../src/tokens/jwk.ts'
import { type DatabaseChoice, openDatabases, whichDatabases } from '../lib/bound-databases.ts'
import {
  badArgument,
  CommandError,
  command,
  environmentOf,
  named,
  parseOptions,
  safeId,
  table,
} from '../lib/command-line.ts'
import { listKeys, revokeKey, storeKey } from './application-keys.ts'
import { newKeyPair } from './local-settings.ts'

const HELP = `Makes, lists and revokes application keys, with which clients ask POST /oauth/access_token for tokens.

  npx cart-accounts keys create --name <text> --store <id> [--implicit-only] [--remote [--env <name>]]
  npx cart-accounts keys list [--remote [--env <name>]]
  npx cart-accounts keys revoke <client id> [--remote [--env <name>]]
  npx cart-accounts keys signing-key
  npx cart-accounts keys key-set <file> ... [--without <kid>]

They are kept in the database of this machine (or in <directory>, with --persist-to); with --remote, in the one that
wrangler.toml names, at its top level or for the environment of --env, or the file that --config names. A key has one store. signing-key prints a new private
key for AUTH_SIGNING_JWK, with which the Worker signs the tokens. key-set prints the public halves of the keys in files, each
a key set or a private key, as one key set for AUTH_JWKS, --without the one that is withdrawn. --implicit-only is for
browsers, which cannot keep a secret.

Examples

  npx cart-accounts keys create --name "Storefront" --store demo --implicit-only
  npx cart-accounts keys create --name "Order service" --store demo --remote --env production
  npx cart-accounts keys list
  npx cart-accounts keys revoke 6e5b2c1a-9f3d-4a7e-8c21-0d4f6b7a9e53
  npx cart-accounts keys signing-key | npx wrangler secret put AUTH_SIGNING_JWK --env production
  npx cart-accounts keys key-set now.json next.json > set.json && npx wrangler secret put AUTH_JWKS --env production < set.json
`

const MAX_NAME_LENGTH = 100
const SHOWN_ONCE = 'The secret is shown this once; only its digest is stored.\n'

const commands = { create, list, revoke, 'signing-key': signingKey, 'key-set': keySet }

export const keys = command(HELP, async ([name, ...args]) => {
  process.stdout.write(await named('Name what to do', commands, name)(args))
})

async function create(args: string[]): Promise<string> {
  const { values } = parseOptions(args, {
    ...whichDatabases,
    name: { type: 'string' },
    store: { type: 'string' },
    'implicit-only': { type: 'boolean', default: false },
  })
  if (values.store === undefined) throw badArgument('--store must name the store of the key')
  const clientSecret = values['implicit-only'] ? undefined : randomBytes(32).toString('base64url')
  const storeId = safeId('--store', values.store)
  const key = { clientId: randomUUID(), clientSecret, storeId, name: nameOf(values.name) }
  await inDatabase(values, (database) => storeKey(database, key))
  const environment = environmentOf(values)
  const stored = values.remote
    ? `the deployed database${environment === '' ? '' : ` of ${environment}`}`
    : 'the local database; --remote is for the deployed one'
  const [secret, grants, once] =
    clientSecret === undefined
      ? ['', 'implicit', '']
      : [`client_secret  ${clientSecret}\n`, 'implicit, client_credentials', SHOWN_ONCE]
  return `client_id      ${key.clientId}
${secret}store          ${storeId}
grants         ${grants}

Stored in ${stored}.
${once}`
}

async function list(args: string[]): Promise<string> {
  const { values } = parseOptions(args, whichDatabases)
  const keys = await inDatabase(values, listKeys)
  if (keys.length === 0) return 'There is no key yet: npx cart-accounts keys create makes one\n'
  const rows = keys.map((key) => [key.client_id, key.store_id, key.grants, key.made, key.name])
  return table([['CLIENT ID', 'STORE', 'GRANTS', 'MADE', 'NAME'], ...rows])
}

async function revoke(args: string[]): Promise<string> {
  const { values, positionals } = parseOptions(args, whichDatabases, { allowPositionals: true })
  const [clientId, ...others] = positionals
  if (clientId === undefined || others.length > 0) {
    throw badArgument('revoke must name one client id')
  }
  const id = safeId('The client id', clientId)
  const revoked = await inDatabase(values, (database) => revokeKey(database, id))
  if (revoked === undefined) throw new CommandError(`No key has the client id ${id}`)
  return `Revoked ${JSON.stringify(revoked.name)} of the store ${revoked.store_id}. Tokens it already has stay valid for up to an hour.\n`
}

async function inDatabase<Result>(
  choice: DatabaseChoice,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  const { main, patiently, close } = await openDatabases(choice)
  try {
    return await patiently(main, work)
  } finally {
    await close()
  }
}

async function signingKey(args: string[]): Promise<string> {
  parseOptions(args, {})
  const { privateJwk } = await newKeyPair()
  return `${JSON.stringify(privateJwk)}\n`
}

async function keySet(args: string[]): Promise<string> {
  const options = { without: { type: 'string' } } as const
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  if (positionals.length === 0) throw badArgument('key-set must name the files that hold the keys')
  return `${JSON.stringify(await joinKeySets(positionals, values.without))}\n`
}

function nameOf(name: string | undefined): string {
  if (name === undefined) throw badArgument('--name must say what the key is for')
  const printable = /^[^\p{C}]+$/u.test(name) && name.trim() !== ''
  if (printable && name.length <= MAX_NAME_LENGTH) return name
  throw badArgument(`--name must be 1 to ${MAX_NAME_LENGTH} printable characters`)
}

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
    if (Object.hasOwn(Object(json), 'keys')) return check(file, keySetJwks, json).keys
    // The members of a public key, which are all that this schema lets through.
    return [{ use: 'sig', ...check(file, signingJwk, json) }]
  } catch (error) {
    if (error instanceof SettingsError) throw new CommandError(error.message)
    throw error
  }
}
