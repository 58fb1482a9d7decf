// What every answer carries, errors included: a request id, CORS and security headers.
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import type { Bindings } from '../bindings.ts'
import { allowedOrigin } from '../settings.ts'

export interface RequestIdVariables {
  requestId: string
}

/** The same on every answer. Of an API, which has no page to frame or script to run, as OWASP asks. */
const FIXED_HEADERS = Object.entries({
  'Access-Control-Expose-Headers': 'ETag,Retry-After,X-Request-Id,X-D1-Bookmark',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
})

/** Those of an answer to a request that may come from anywhere, by name. */
export const COMMON_HEADERS = [
  ...FIXED_HEADERS.map(([name]) => name),
  'Access-Control-Allow-Origin',
  'X-Request-Id',
]

/**
 * Puts them where Hono begins every answer, whoever gives it: a response that is made already would be
 * copied for each header. The id is the Worker's own: a client's could claim the row of another request.
 */
export function commonHeaders(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: RequestIdVariables
}> {
  return async function commonHeaders(c, next) {
    const id = crypto.randomUUID()
    c.set('requestId', id)
    c.header('X-Request-Id', id)
    for (const [name, value] of FIXED_HEADERS) c.header(name, value)
    const origin = allowedOrigin(c.env, c.req.header('Origin') ?? '')
    if (origin !== null) c.header('Access-Control-Allow-Origin', origin)
    await next()
  }
}

/** The preflight of a storefront, answered here and without credentials. */
export function preflight(): MiddlewareHandler {
  const answer = cors({
    // It is among the common headers already.
    origin: () => null,
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
    maxAge: 7200,
  })
  return async function preflight(c, next) {
    if (c.req.method === 'OPTIONS') return await answer(c, next)
    c.header('Vary', 'Origin')
    await next()
  }
}
