// Reading a JSON body from a stranger: its type, no more bytes than allowed, and not for ever.
import { within } from '../deadline.ts'
import { ApiError } from '../errors.ts'

const MAX_BODY_BYTES = 64 * 1024
const BODY_DEADLINE_MS = 10_000
const JSON_TYPES = ['application/json', 'application/vnd.api+json']

/**
 * The JSON value of the body; without a `Content-Type` it is read as JSON too.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readJson(request: Request): Promise<unknown> {
  requireJsonType(request.headers.get('Content-Type') ?? '')
  const bytes = await readBytes(request)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch {
    throw notJson()
  }
}

function requireJsonType(contentType: string): void {
  const [essence = ''] = contentType.split(';')
  const type = essence.trim().toLowerCase()
  if (contentType === '' || JSON_TYPES.includes(type)) return
  throw new ApiError(415, [
    { title: 'Unsupported Media Type', detail: `Content-Type must be ${JSON_TYPES.join(' or ')}` },
  ])
}

async function readBytes({ headers, body }: Request): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  try {
    if (Number(headers.get('Content-Length')) > MAX_BODY_BYTES) throw tooLarge()
    return await within(BODY_DEADLINE_MS, readUpToLimit(reader), requestTimeout)
  } catch (error) {
    // Stops the read, and tells the sender that nobody listens.
    reader.cancel(error).catch(() => undefined)
    // Any other error is the sender's, who broke off.
    throw error instanceof ApiError ? error : notJson()
  }
}

/** Counts what arrives: `Content-Length` may be absent, or a lie. */
async function readUpToLimit(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_BODY_BYTES)
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return bytes.subarray(0, length)
    if (length + value.byteLength > MAX_BODY_BYTES) throw tooLarge()
    bytes.set(value, length)
    length += value.byteLength
  }
}

function notJson(): ApiError {
  return new ApiError(400, [{ title: 'Bad Request', detail: 'The request body is not valid JSON' }])
}

function tooLarge(): ApiError {
  return new ApiError(413, [
    {
      title: 'Payload Too Large',
      detail: `The request body must be at most ${MAX_BODY_BYTES} bytes`,
    },
  ])
}

function requestTimeout(): ApiError {
  return new ApiError(408, [
    { title: 'Request Timeout', detail: 'The request body must be complete within 10 s' },
  ])
}
