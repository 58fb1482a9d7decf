// HTTP Basic at the token endpoint: the client's id and secret (RFC 6749, section 2.3.1; RFC 7617).
import { ApiError } from '../errors.ts'

/** The parameters that the header stands for, and the spellings that its secret may have. */
export interface BasicClient {
  parameters: { client_id: string; client_secret?: string }
  secrets: readonly string[]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns the client that the header names; undefined if it is absent or has a different scheme.
 *
 * @throws ApiError 400 if it is malformed, or if the body names another client or a secret too
 */
export function parseBasic(
  authorization: string | undefined,
  { client_id: bodyId, client_secret: bodySecret }: Record<string, unknown>,
): BasicClient | undefined {
  const [, encoded] = /^Basic +(.*)$/i.exec(authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const [id, secret] = splitAtColon(decodeBase64(encoded.trim()))
  const clientId = decodeForm(id)
  if (bodyId !== undefined && bodyId !== clientId) {
    throw malformed('client_id must be that of the Authorization header', 'client_id')
  }
  if (bodySecret !== undefined) {
    throw malformed('client_secret must be left out beside HTTP Basic', 'client_secret')
  }
  if (secret === '') return { parameters: { client_id: clientId }, secrets: [] }
  // Many clients leave out the form encoding, so the secret is compared as it was sent too.
  const secrets = [...new Set([decodeForm(secret), secret])]
  return { parameters: { client_id: clientId, client_secret: secret }, secrets }
}

function splitAtColon(pair: string | undefined): [id: string, secret: string] {
  const colon = pair?.indexOf(':') ?? -1
  if (pair === undefined || colon < 0) {
    throw malformed('Authorization must be Basic and the base64 of ID:SECRET', 'Authorization')
  }
  return [pair.slice(0, colon), pair.slice(colon + 1)]
}

/** Returns undefined for anything but the base64 of UTF-8. */
function decodeBase64(text: string): string | undefined {
  try {
    return utf8.decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)))
  } catch {
    return undefined
  }
}

/** Decodes `application/x-www-form-urlencoded`; a text that is not so encoded is returned as it is. */
function decodeForm(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

function malformed(detail: string, source: string): ApiError {
  return new ApiError(400, [{ title: 'Bad Request', detail, source }])
}
