// Application keys, which `npx cart-accounts keys` makes: who may ask for access tokens.
import { eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { builder, named, prepare, type RowOf } from './queries.ts'
import { applicationKeys } from './schema.ts'

const { clientId, storeId, secretDigest } = applicationKeys

const keyOfClient = builder
  .select({ storeId: named(storeId, 'storeId'), secretDigest: named(secretDigest, 'secretDigest') })
  .from(applicationKeys)
  .where(eq(clientId, sql.placeholder('clientId')))

/** `secretDigest` is the SHA-256 of the secret in hex; `null` allows the implicit grant only. */
export type ApplicationKey = RowOf<typeof keyOfClient>

const selectKey = prepare<{ clientId: string }, ApplicationKey>(keyOfClient)

/** The digest of no secret: an unknown client takes as long as a known one. */
const NO_DIGEST = '0'.repeat(64)

/**
 * Returns the key of a client.
 *
 * @throws UnavailableError
 */
export async function findApplicationKey(
  db: Database,
  clientId: string,
): Promise<ApplicationKey | undefined> {
  const [[key]] = await db.query(selectKey({ clientId }))
  return key
}

/** Whether the secret is the key's; compares in constant time, for an unknown client too. */
export async function matchesSecret(
  secret: string,
  key: ApplicationKey | undefined,
): Promise<boolean> {
  const bytes = new TextEncoder().encode(secret)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const expected = Uint8Array.fromHex(key?.secretDigest ?? NO_DIGEST)
  return crypto.subtle.timingSafeEqual(digest, expected)
}
