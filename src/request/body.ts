// Reading a body from a stranger: its type, no more bytes than allowed, and not for ever.
import { readUpTo, within } from '../bounded.ts'
import { ApiError } from '../errors.ts'
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../limits.ts'

const JSON_TYPES = ['application/json', 'application/vnd.api+json']
const FORM_TYPE = 'application/x-www-form-urlencoded'
const DEADLINE_MS = BODY_DEADLINE_SECONDS * 1000

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Returns the JSON value of the body. A body without a `Content-Type` is read as JSON too.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readJson(request: Request): Promise<unknown> {
  requireType(request, JSON_TYPES)
  return await orBadRequest(NOT_JSON, async () => JSON.parse(await readText(request)))
}

/**
 * Returns the members of a form, or of a JSON object: clients send either under either `Content-Type`.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readForm(request: Request): Promise<unknown> {
  requireType(request, [FORM_TYPE, ...JSON_TYPES])
  const text = await orBadRequest(NOT_FORM, () => readText(request))
  if (/^\s*[{[]/.test(text)) return await orBadRequest(NOT_JSON, async () => JSON.parse(text))
  const form = [...new URLSearchParams(text)]
  const members = new Map(form)
  // RFC 6749, section 3.2: no parameter is given twice.
  if (members.size < form.length) throw badRequest(NOT_FORM)
  return Object.fromEntries(members)
}

const NOT_JSON = 'The request body is not valid JSON'
const NOT_FORM = 'The request body must be a form or a JSON object that names each parameter once'

/** Any error that is not an ApiError is the sender's fault: no UTF-8, no JSON, or broken off. */
async function orBadRequest<Result>(detail: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read()
  } catch (error) {
    throw error instanceof ApiError ? error : badRequest(detail)
  }
}

function requireType({ headers }: Request, types: string[]): void {
  const contentType = headers.get('Content-Type') ?? ''
  const [essence = ''] = contentType.split(';')
  const type = essence.trim().toLowerCase()
  if (contentType === '' || types.includes(type)) return
  throw new ApiError(415, [
    { title: 'Unsupported Media Type', detail: `Content-Type must be ${types.join(' or ')}` },
  ])
}

async function readText(request: Request): Promise<string> {
  const { headers, body } = request
  if (body === null) return ''
  const declared = headers.get('Content-Length')
  if (declared === null) return utf8.decode(await readStreamed(body))
  if (Number(declared) > MAX_BODY_BYTES) throw tooLarge()
  // HTTP delivers no more than was declared, and reading it at once takes half the time.
  const bytes = await within(DEADLINE_MS, request.arrayBuffer(), requestTimeout)
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge()
  return utf8.decode(bytes)
}

async function readStreamed(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader()
  const bytes = readUpTo(MAX_BODY_BYTES, reader, tooLarge)
  return await within(DEADLINE_MS, bytes, requestTimeout).catch((error: unknown) => {
    // Stops the read, so that the sender learns that it has ended.
    reader.cancel(error).catch(() => undefined)
    throw error
  })
}

function badRequest(detail: string): ApiError {
  return new ApiError(400, [{ title: 'Bad Request', detail }])
}

function tooLarge(): ApiError {
  const detail = `The request body must be at most ${MAX_BODY_BYTES} bytes`
  return new ApiError(413, [{ title: 'Payload Too Large', detail }])
}

function requestTimeout(): ApiError {
  const detail = `The request body must be complete within ${BODY_DEADLINE_SECONDS} s`
  return new ApiError(408, [{ title: 'Request Timeout', detail }])
}
