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
 * Returns the JSON value of the body, or undefined if there is no body.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readOptionalJson(request: Request): Promise<unknown> {
  requireType(request, JSON_TYPES)
  return await orBadRequest(NOT_JSON, async () => {
    const text = await readText(request)
    return text === '' ? undefined : JSON.parse(text)
  })
}

/**
 * Returns these parameters of a form, or of a JSON object: clients send either under either
 * `Content-Type`. Ignores all others.
 *
 * @throws ApiError 415, 413, 408 or 400, in this order of checks
 */
export async function readForm(request: Request, names: readonly string[]): Promise<object> {
  requireType(request, [FORM_TYPE, ...JSON_TYPES])
  const text = await orBadRequest(NOT_FORM, () => readText(request))
  const isJson = /^\s*[{[]/.test(text)
  const json = isJson ? await orBadRequest(NOT_JSON, async () => JSON.parse(text)) : undefined
  const given = isJson ? membersOf(text) : [...new URLSearchParams(text).keys()]
  const known = given.filter((name) => names.includes(name))
  // RFC 6749, section 3.2: no parameter is given twice.
  if (new Set(known).size < known.length) throw badRequest(NOT_FORM)
  const all = isJson ? Object.entries(Object(json)) : [...new URLSearchParams(text)]
  return Object.fromEntries(all.filter(([name]) => names.includes(name)))
}

/** The names of the members of a JSON object, each as often as it is there: `JSON.parse` keeps the last. */
function membersOf(json: string): string[] {
  let depth = 0
  let name = ''
  return [...json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)].flatMap(([token]) => {
    if (token === '{' || token === '[') depth += 1
    if (token === '}' || token === ']') depth -= 1
    if (token.startsWith('"')) name = token
    return token === ':' && depth === 1 ? String(JSON.parse(name)) : []
  })
}

const UNSUPPORTED = 'Unsupported Media Type'
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

/** @throws ApiError 415 for a coding or a type that is not read here */
function requireType({ headers, body }: Request, types: string[]): void {
  const codings = (headers.get('Content-Encoding') ?? '').split(',')
  if (body !== null && !codings.every((coding) => /^\s*(identity)?\s*$/i.test(coding))) {
    throw new ApiError(415, [{ title: UNSUPPORTED, detail: 'Content-Encoding must be identity' }], {
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
  const contentType = headers.get('Content-Type') ?? ''
  const [essence = ''] = contentType.split(';')
  const type = essence.trim().toLowerCase()
  if (contentType === '' || types.includes(type)) return
  const detail = `Content-Type must be ${types.join(' or ')}`
  throw new ApiError(415, [{ title: UNSUPPORTED, detail }])
}

async function readText({ headers, body }: Request): Promise<string> {
  if (body === null) return ''
  const declared = headers.get('Content-Length') ?? ''
  if (Number(declared) > MAX_BODY_BYTES) throw tooLarge()
  const byob = /^\d+$/.test(declared) ? byobReader(body) : undefined
  const reader = byob ?? body.getReader()
  // Counts what arrives: over a service binding, nobody holds the body to its declared length.
  const bytes =
    'readAtLeast' in reader
      ? readDeclared(reader, Number(declared))
      : readUpTo(MAX_BODY_BYTES, reader, tooLarge)
  try {
    return utf8.decode(await within(DEADLINE_MS, bytes, requestTimeout))
  } catch (error) {
    // Stops the read, so that the sender learns that it has ended.
    reader.cancel(error).catch(() => undefined)
    throw error
  }
}

/** Returns undefined for a stream that was made in JavaScript, which has no such reader. */
function byobReader(body: ReadableStream): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch {
    return undefined
  }
}

/** Reads all at once, which takes half the time of reading chunks, and notices one byte too many. */
async function readDeclared(reader: ReadableStreamBYOBReader, length: number): Promise<Uint8Array> {
  const { value = new Uint8Array() } = await reader.readAtLeast(
    length + 1,
    new Uint8Array(length + 1),
  )
  if (value.byteLength > length) throw tooLarge()
  return value
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
