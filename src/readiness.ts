// Whether this Worker can serve: its settings and its database, asked once.
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/d1'
import { queryD1 } from './database.ts'
import { ApiError, SettingsError } from './errors.ts'
import { associations } from './schema.ts'
import { type Bindings, loadSettings } from './settings.ts'

/** @throws ApiError 503 naming the setting or the binding that is not good */
export async function requireReadiness(bindings: Bindings): Promise<void> {
  await loadSettings(bindings).catch((error: unknown) => {
    throw error instanceof SettingsError ? notReady(error.message) : error
  })
  await queryD1(() =>
    drizzle(bindings.DB).select({ one: sql`1` }).from(associations).limit(1).run(),
  ).catch(() => {
    throw notReady('DB must answer, with every migration applied')
  })
}

function notReady(detail: string): ApiError {
  return new ApiError(503, [{ title: 'Service Unavailable', detail }], { 'Retry-After': '5' })
}
