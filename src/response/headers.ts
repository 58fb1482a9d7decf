// What every answer carries, errors included: a request id, CORS and security headers.
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import type { Bindings } from '../bindings.ts'
import { allowedOrigin } from '../settings.ts'

export interface RequestIdVariables {
  requestId: string
}

/** An id that the Worker makes: a client's own could claim the row of another request. */
export function requestId(): MiddlewareHandler<{ Variables: RequestIdVariables }> {
  return async function requestId(c, next) {
    const id = crypto.randomUUID()
    c.set('requestId', id)
    c.header('X-Request-Id', id)
    await next()
  }
}

/** Cross-origin access for storefronts; the preflight is answered here, without credentials. */
export function crossOrigin(): MiddlewareHandler<{ Bindings: Bindings }> {
  return cors({
    origin: (origin, c) => allowedOrigin(c.env, origin),
    allowMethods: ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'],
    allowHeaders: [
      'Authorization',
      'Content-Type',
      'If-None-Match',
      'EP-Account-Management-Authentication-Token',
      'EP-Channel',
      'EP-Context-Tag',
      'EP-Inventories-Multi-Location',
      'EP-Beta-Features',
      'X-MOLTIN-SDK-LANGUAGE',
      'X-MOLTIN-SDK-VERSION',
      'X-MOLTIN-APPLICATION',
      'X-MOLTIN-CURRENCY',
      'X-MOLTIN-LANGUAGE',
      'X-MOLTIN-AUTH-STORE',
      'X-MOLTIN-CUSTOMER-TOKEN',
      'X-D1-Bookmark',
    ],
    exposeHeaders: ['ETag', 'Retry-After', 'X-Request-Id', 'X-D1-Bookmark'],
    maxAge: 7200,
  })
}

/** An API has no page to frame or script to run, and is read from other origins. */
const SECURITY_HEADERS = Object.entries({
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
})

/** What the OWASP REST Security Cheat Sheet asks of an API; hono's own are 1 KiB gzipped for more. */
export function security(): MiddlewareHandler {
  return async function security(c, next) {
    await next()
    for (const [name, value] of SECURITY_HEADERS) c.header(name, value)
  }
}
