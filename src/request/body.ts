// Reading a body from a stranger: its type, no more bytes than allowed, and not for ever.
import { within } from '../deadline.ts'
import { ApiError } from '../errors.ts'
import { readUpTo } from '../limited-read.ts'
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../limits.ts'

const JSON_TYPES = ['application/json', 'application/vnd.api+json']
const FORM_TYPE = 'application/x-www-form-urlencoded'
const DEADLINE_MS = BODY_DEADLINE_SECONDS * 1000

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * The JSON value of the body; without a `Content-Type` it is read as JSON too.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readJson(request: Request): Promise<unknown> {
  requireType(request, JSON_TYPES)
  return parseJson(await readText(request, notJson))
}

/**
 * The members of a form, or of a JSON object: clients send either under either `Content-Type`.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readForm(request: Request): Promise<unknown> {
  requireType(request, [FORM_TYPE, ...JSON_TYPES])
  const text = await readText(request, notForm)
  if (/^\s*[{[]/.test(text)) return parseJson(text)
  const form = [...new URLSearchParams(text)]
  const members = new Map(form)
  // RFC 6749, section 3.2: no parameter is given twice.
  if (members.size < form.length) throw notForm()
  return Object.fromEntries(members)
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}

async function readText(request: Request, malformed: () => ApiError): Promise<string> {
  const bytes = await readBytes(request, malformed)
  try {
    return utf8.decode(bytes)
  } catch {
    throw malformed()
  }
}

async function readBytes(
  request: Request,
  malformed: () => ApiError,
): Promise<ArrayBuffer | Uint8Array> {
  const { headers, body } = request
  if (body === null) return new Uint8Array()
  const declared = headers.get('Content-Length')
  if (declared === null) return await readStreamed(body, malformed)
  if (Number(declared) > MAX_BODY_BYTES) throw tooLarge()
  // HTTP lets no more through than was declared, and read at once it takes half the time.
  const bytes = await within(DEADLINE_MS, request.arrayBuffer(), requestTimeout).catch(
    blameSender(malformed),
  )
  if (bytes.byteLength > MAX_BODY_BYTES) throw tooLarge()
  return bytes
}

async function readStreamed(
  body: ReadableStream<Uint8Array>,
  malformed: () => ApiError,
): Promise<Uint8Array> {
  const reader = body.getReader()
  const bytes = readUpTo(MAX_BODY_BYTES, reader, tooLarge)
  return await within(DEADLINE_MS, bytes, requestTimeout).catch((error: unknown) => {
    // Stops the read, and tells the sender that nobody listens.
    reader.cancel(error).catch(() => undefined)
    return blameSender(malformed)(error)
  })
}

/** Whatever is no answer of ours is the sender's doing, who broke off. */
function blameSender(malformed: () => ApiError): (error: unknown) => never {
  return (error) => {
    throw error instanceof ApiError ? error : malformed()
  }
}

function notJson(): ApiError {
  return new ApiError(400, [{ title: 'Bad Request', detail: 'The request body is not valid JSON' }])
}

function notForm(): ApiError {
  return new ApiError(400, [
    {
      title: 'Bad Request',
      detail: 'The request body must be a form or a JSON object that names each parameter once',
    },
  ])
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
  const detail = `The request body must be complete within ${BODY_DEADLINE_SECONDS} s`
  return new ApiError(408, [{ title: 'Request Timeout', detail }])
}
