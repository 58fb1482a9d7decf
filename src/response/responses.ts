// Makes every response, with the headers that each carries: a request id, CORS and security headers.
import type { Bindings } from '../bindings.ts'
import { allowedOrigin } from '../origins.ts'

/** What the middleware leaves on the context for the response. */
export interface ResponseVariables {
  requestId: string
  cacheControl?: string
  /** How long it took to know the caller, in milliseconds. */
  authMs?: number
  /** The database that was asked. */
  db?: { ms: number }
  /** Where the database session has got to; the next request can bring it back. */
  bookmark?: () => string | undefined
}

/** The part of Hono's context that a response needs. */
export interface ResponseContext {
  env: Bindings
  req: { header: (name: string) => string | undefined }
  get: <Name extends keyof ResponseVariables>(name: Name) => ResponseVariables[Name]
}

/** The headers of an API: it has no page to frame and no script to run, and other origins read it. */
export const FIXED_HEADERS = {
  'Access-Control-Expose-Headers': 'ETag,Location,Retry-After,X-Request-Id,X-D1-Bookmark',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  Vary: 'Origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const

export const JSON_TYPE = { 'Content-Type': 'application/json' }

/** Responds with a JSON document. */
export function json(
  c: ResponseContext,
  document: object,
  status = 200,
  headers?: Record<string, string>,
): Response {
  return respond(c, status, JSON.stringify(document), { ...JSON_TYPE, ...headers })
}

/** Responds 201 with a resource, and where it is. */
export function created(c: ResponseContext, resource: { links: { self: string } }): Response {
  return json(c, { data: resource }, 201, { Location: resource.links.self })
}

/** Responds 204, with these headers besides the common ones. */
export function noContent(c: ResponseContext, headers?: Record<string, string>): Response {
  return respond(c, 204, null, headers)
}

/**
 * Responds with these headers and the common ones. Builds them first: workerd charges for each header
 * that is set on a finished response.
 */
export function respond(
  c: ResponseContext,
  status: number,
  body: string | null,
  own?: Record<string, string>,
): Response {
  const headers: Record<string, string> = { ...FIXED_HEADERS, 'X-Request-Id': c.get('requestId') }
  const origin = allowedOrigin(c.env, c.req.header('Origin') ?? '')
  if (origin !== null) headers['Access-Control-Allow-Origin'] = origin
  const cacheControl = c.get('cacheControl')
  if (cacheControl !== undefined) headers['Cache-Control'] = cacheControl
  const bookmark = c.get('bookmark')?.()
  if (bookmark !== undefined) headers['X-D1-Bookmark'] = bookmark
  const timing = serverTiming(c.get('authMs'), c.get('db')?.ms)
  if (timing !== undefined) headers['Server-Timing'] = timing
  return new Response(body, { status, headers: Object.assign(headers, own) })
}

/** W3C Server Timing, section 2. */
function serverTiming(authMs: number | undefined, dbMs: number | undefined): string | undefined {
  if (dbMs === undefined) return authMs === undefined ? undefined : `auth;dur=${authMs}`
  return authMs === undefined ? `db;dur=${dbMs}` : `auth;dur=${authMs}, db;dur=${dbMs}`
}
