// The application keys, which npm run keys makes: who may ask for access tokens.
import { eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { applicationKeys } from './schema.ts'

export interface ApplicationKey {
  storeId: string
  /** SHA-256 of the secret, in hex; `null`: for the implicit grant only. */
  secretDigest: string | null
}

/**
 * The key of a client, by the primary key.
 *
 * @throws UnavailableError
 */
export async function findApplicationKey(
  db: Database,
  clientId: string,
): Promise<ApplicationKey | undefined> {
  const { storeId, secretDigest } = applicationKeys
  const [[key]] = await db.query(
    sql<ApplicationKey>`
      select ${storeId} as "storeId", ${secretDigest} as "secretDigest"
      from ${applicationKeys} where ${eq(applicationKeys.clientId, clientId)}`,
  )
  return key
}
