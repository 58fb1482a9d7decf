// The application keys, which npm run keys makes: who may ask for access tokens.
import { eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { applicationKeys } from './schema.ts'
import { statement } from './statement.ts'

export interface ApplicationKey {
  storeId: string
  /** SHA-256 of the secret, in hex; `null`: for the implicit grant only. */
  secretDigest: string | null
}

const { storeId, secretDigest } = applicationKeys

const selectKey = statement<{ clientId: string }, ApplicationKey>(sql`
  select ${storeId} as "storeId", ${secretDigest} as "secretDigest"
  from ${applicationKeys} where ${eq(applicationKeys.clientId, sql.placeholder('clientId'))}`)

/**
 * The key of a client, by the primary key.
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
