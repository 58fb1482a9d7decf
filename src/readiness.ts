// Whether this Worker can serve: its settings are good and each database replies.
import { sql } from 'drizzle-orm'
import type { Bindings } from './bindings.ts'
import { SettingsError, serviceUnavailable } from './errors.ts'
import { loadSettings } from './settings.ts'
import { type Database, primaryDatabase } from './storage/database.ts'
import { prepareSql } from './storage/queries.ts'
import { applicationKeys, associations } from './storage/schema.ts'

/**
 * Calls `open` with each database before asking it, so that the log shows its attempts and time.
 *
 * @throws ApiError 503 naming the setting or the binding that fails
 */
export async function requireReadiness(
  bindings: Bindings,
  open: (db: Database) => void,
): Promise<void> {
  const { shards } = await loadSettings(bindings).catch((error: unknown) => {
    if (error instanceof SettingsError) throw serviceUnavailable(error.message, error)
    throw error
  })
  for (const { name, d1 } of shards.all) {
    const db = primaryDatabase(d1)
    open(db)
    await db.query(probe({})).catch((error: unknown) => {
      throw serviceUnavailable(`${name} must answer, with every migration applied`, error)
    })
  }
}

/** Reads one row at most of each table, and fails if a table is missing. */
const probe = prepareSql(sql`
  select exists (select 1 from ${associations}), exists (select 1 from ${applicationKeys})`)
