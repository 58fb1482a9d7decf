// Whether this Worker can serve: its settings and its database, asked once.
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { SettingsError, serviceUnavailable } from './errors.ts'
import { type Bindings, loadSettings } from './settings.ts'
import { queryD1 } from './storage/database.ts'
import { associations } from './storage/schema.ts'

/** @throws ApiError 503 naming the setting or the binding that is not good */
export async function requireReadiness(bindings: Bindings): Promise<void> {
  try {
    await loadSettings(bindings)
  } catch (error) {
    if (error instanceof SettingsError) throw serviceUnavailable(error.message, error)
    throw error
  }
  try {
    await queryD1(() => probeAssociations(bindings.DB))
  } catch (error) {
    throw serviceUnavailable('DB must answer, with every migration applied', error)
  }
}

async function probeAssociations(d1: D1Database): Promise<unknown> {
  return await drizzle(d1).select({ one: sql`1` }).from(associations).limit(1).run()
}
