// Whether this Worker can serve: its settings and its databases, each asked once.
import { sql } from 'drizzle-orm'
import type { Bindings } from './bindings.ts'
import { SettingsError, serviceUnavailable } from './errors.ts'
import { loadSettings } from './settings.ts'
import type { Database } from './storage/database.ts'
import { applicationKeys, associations } from './storage/schema.ts'
import { primaryDatabase } from './storage/session.ts'
import { statement } from './storage/statement.ts'

/**
 * Hands over each database before it is asked, so that a failure is seen with its attempts and its time.
 *
 * @throws ApiError 503 naming the setting or the binding that is not good
 */
export async function requireReadiness(
  bindings: Bindings,
  open: (db: Database) => void,
): Promise<void> {
  const { databases } = await loadSettings(bindings).catch((error: unknown) => {
    if (error instanceof SettingsError) throw serviceUnavailable(error.message, error)
    throw error
  })
  for (const { name, d1 } of databases.all) {
    const db = primaryDatabase(d1)
    open(db)
    await db.query(probe({})).catch((error: unknown) => {
      throw serviceUnavailable(`${name} must answer, with every migration applied`, error)
    })
  }
}

/** Reads no row to speak of, and fails where a table is missing. */
const probe = statement(sql`
  select exists (select 1 from ${associations}), exists (select 1 from ${applicationKeys})`)
