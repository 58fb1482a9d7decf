// Reads that a client can revalidate: an `ETag`, and 304 if it still matches (RFC 9110, section 13.1.2).
import { JSON_TYPE, type ResponseContext, respond } from './responses.ts'

/** Responds with a JSON document, or 304 if the client has it already. */
export async function revalidated(c: ResponseContext, document: object): Promise<Response> {
  const text = JSON.stringify(document)
  // SHA-1 names the text here, and protects nothing.
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))
  const etag = { ETag: `"${new Uint8Array(digest).toHex()}"` }
  const held = c.req.header('If-None-Match')
  const isHeld = held === '*' || held?.match(/"[^"]*"/g)?.includes(etag.ETag)
  return isHeld ? respond(c, 304, null, etag) : respond(c, 200, text, { ...JSON_TYPE, ...etag })
}
