// Every answer is made here, at once, with what each one carries: a request id, CORS and security headers.
import type { Bindings } from '../bindings.ts'
import { allowedOrigin } from '../settings.ts'

/** What those before the answer leave for it. */
export interface AnswerVariables {
  requestId: string
  cacheControl?: string
  /** How long it took to know the caller, in milliseconds. */
  authMs?: number
  /** The database that was asked. */
  db?: { ms: number }
  /** Where that was left, for the next request to bring along. */
  bookmark?: () => string | undefined
}

/** What an answer needs of Hono's context. */
export interface AnswerContext {
  env: Bindings
  req: { header: (name: string) => string | undefined }
  var: Readonly<AnswerVariables>
}

/** Of an API, which has no page to frame or script to run, and is read from other origins. */
const FIXED_HEADERS = {
  'Access-Control-Expose-Headers': 'ETag,Retry-After,X-Request-Id,X-D1-Bookmark',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  Vary: 'Origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const

/** The names of those that an answer carries whatever it is. */
export const COMMON_HEADERS = [
  ...Object.keys(FIXED_HEADERS),
  'Access-Control-Allow-Origin',
  'Server-Timing',
  'X-D1-Bookmark',
  'X-Request-Id',
]

/** An answer with this JSON document. */
export function json(
  c: AnswerContext,
  document: object,
  status = 200,
  headers?: Record<string, string>,
): Response {
  const contentType = { 'Content-Type': 'application/json' }
  return answer(c, status, JSON.stringify(document), { ...contentType, ...headers })
}

/** 204, with these headers besides. */
export function noContent(c: AnswerContext, headers?: Record<string, string>): Response {
  return answer(c, 204, null, headers)
}

/** One object for the response: workerd pays for each header that is set on one that is made. */
function answer(
  c: AnswerContext,
  status: number,
  body: string | null,
  own?: Record<string, string>,
): Response {
  const { requestId, cacheControl, authMs, db, bookmark } = c.var
  const headers: Record<string, string> = { ...FIXED_HEADERS, 'X-Request-Id': requestId }
  const origin = allowedOrigin(c.env, c.req.header('Origin') ?? '')
  if (origin !== null) headers['Access-Control-Allow-Origin'] = origin
  if (cacheControl !== undefined) headers['Cache-Control'] = cacheControl
  const reached = bookmark?.()
  if (reached !== undefined) headers['X-D1-Bookmark'] = reached
  const timing = serverTiming(authMs, db?.ms)
  if (timing !== undefined) headers['Server-Timing'] = timing
  return new Response(body, { status, headers: Object.assign(headers, own) })
}

/** W3C Server Timing, section 2. */
function serverTiming(authMs: number | undefined, dbMs: number | undefined): string | undefined {
  if (dbMs === undefined) return authMs === undefined ? undefined : `auth;dur=${authMs}`
  return authMs === undefined ? `db;dur=${dbMs}` : `auth;dur=${authMs}, db;dur=${dbMs}`
}
