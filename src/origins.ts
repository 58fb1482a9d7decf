// The origins whose pages may read responses: `CORS_ORIGINS` (contract, section 10).
import type { Bindings } from './bindings.ts'
import { SettingsError } from './errors.ts'

/**
 * Returns the value of `Access-Control-Allow-Origin` for a request from this origin, or null.
 * Accepts any setting: `checkOrigins` reports a malformed one.
 */
export function allowedOrigin({ CORS_ORIGINS = '*' }: Bindings, origin: string): string | null {
  if (CORS_ORIGINS === '*') return '*'
  const origins = splitOrigins(CORS_ORIGINS)
  if (origins.includes('*')) return '*'
  return origins.includes(origin) ? origin : null
}

/** @throws SettingsError if a part of the setting is neither `*` nor an origin */
export function checkOrigins(setting: string): void {
  if (splitOrigins(setting).every((origin) => origin === '*' || isOrigin(origin))) return
  throw new SettingsError(
    'CORS_ORIGINS must be * or origins like https://shop.example, separated by commas',
  )
}

function splitOrigins(setting: unknown): string[] {
  return String(setting)
    .split(',')
    .map((origin) => origin.trim())
}

/** Whether a browser or an app could send the text as `Origin` (RFC 6454, section 6.2). */
function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || text.includes('*')) return false
  // The URL standard gives the schemes of apps, as in capacitor://localhost, no origin.
  return (
    url.origin === text || (url.origin === 'null' && /^[a-z][a-z\d+.-]*:\/\/[\w.:-]+$/.test(text))
  )
}
