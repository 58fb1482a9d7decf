// Responds to the preflight that a browser sends before a request to another origin (contract, section 10).
import type { MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { noContent, type ResponseVariables } from './responses.ts'

const PREFLIGHT = {
  'Access-Control-Allow-Headers': [
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
  ].join(','),
  'Access-Control-Allow-Methods': 'GET,HEAD,POST,DELETE,OPTIONS',
  'Access-Control-Max-Age': '7200',
  Vary: 'Origin, Access-Control-Request-Headers',
}

/** Responds to `OPTIONS` on any path, without credentials. */
export function preflight(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: ResponseVariables
}> {
  return async function preflight(c, next) {
    if (c.req.method === 'OPTIONS') return noContent(c, PREFLIGHT)
    return await next()
  }
}
