// Responds to the preflight that a browser sends before a request to another origin (contract, section 10).
import type { MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { noContent, type ResponseVariables } from './responses.ts'

/** Headers that are allowed whether the preflight names them or not. */
const ALLOWED_HEADERS = [
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
  'X-Cart-Invitation',
]

const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET,HEAD,POST,DELETE,OPTIONS',
  'Access-Control-Max-Age': '7200',
  Vary: 'Origin, Access-Control-Request-Headers',
}

const MAX_NAMED = 64
const MAX_NAMED_BYTES = 4 * 1024
/** RFC 9110, section 5.6.2 */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** Responds to `OPTIONS` on any path, without credentials. */
export function preflight(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: ResponseVariables
}> {
  return async function preflight(c, next) {
    if (c.req.method !== 'OPTIONS') return await next()
    const named = namedHeaders(c.req.header('Access-Control-Request-Headers'))
    const allowed = [...ALLOWED_HEADERS, ...named].join(',')
    return noContent(c, { ...PREFLIGHT, 'Access-Control-Allow-Headers': allowed })
  }
}

/**
 * Returns the further headers that the preflight names, such as headers of tracing. Allowing them gives
 * nothing away: no cookie or other ambient credential is ever read.
 */
function namedHeaders(names = ''): string[] {
  if (names.length > MAX_NAMED_BYTES) return []
  const known = new Set(ALLOWED_HEADERS.map((name) => name.toLowerCase()))
  const others = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => TOKEN.test(name) && !known.has(name.toLowerCase()))
  return others.slice(0, MAX_NAMED)
}
