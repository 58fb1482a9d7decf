// Compares responses with the OpenAPI document: every response that a test sees is held to it.
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import * as v from 'valibot'
import { openApiDocument } from '../../openapi/document.ts'

/** A request and its response, as they went over the wire. */
const exchangeSchema = v.object({
  method: v.string(),
  path: v.string(),
  status: v.number(),
  /** Names in lower case. */
  headers: v.record(v.string(), v.string()),
  body: v.string(),
  /** The body of the request, if it is known. */
  sent: v.optional(v.string()),
})

export const exchangesSchema = v.array(exchangeSchema)

export type Exchange = v.InferOutput<typeof exchangeSchema>

const DOCUMENT = 'openapi.json'
const EVERYWHERE = ['x-request-id', 'access-control-expose-headers', 'x-content-type-options']
/** Headers that a response has only if the document says so. */
const TELLING = ['x-d1-bookmark', 'etag', 'retry-after', 'www-authenticate', 'server-timing']

const referenceSchema = v.object({ $ref: v.string() })
const headerSchema = v.object({ required: v.optional(v.boolean(), false) })
const refusalSchema = v.object({
  errors: v.array(v.object({ source: v.pipe(v.string(), v.regex(/^(data|grant_type|client_)/)) })),
})
const errorsSchema = v.object({ errors: v.array(v.object({ status: v.number() })) })

const ajv = new Ajv2020({ allErrors: true, strict: false })
addFormats.default(ajv)
ajv.addSchema(openApiDocument, DOCUMENT)

/** Describes each breach of the document; returns none for a response that it promises. */
export function breachesOf(exchange: Exchange): string[] {
  const { status, headers } = exchange
  const missing = EVERYWHERE.filter((name) => headers[name] === undefined)
  const common = missing.map((name) => `has no ${name}`)
  if (exchange.method === 'OPTIONS') return status === 204 ? common : [...common, 'is no preflight']
  const pathItem = pathItemOf(exchange.path)
  if (pathItem === undefined) return [...common, ...breachesOfError(exchange, 404)]
  const method = exchange.method === 'HEAD' ? 'get' : exchange.method.toLowerCase()
  const operation = member(member(openApiDocument.paths, pathItem), method)
  // 404 too: the token route exists only if this Worker signs tokens.
  if (operation === undefined) {
    const allow = status === 405 && headers['allow'] === undefined ? ['has no Allow'] : []
    return [...common, ...allow, ...breachesOfError(exchange, 405, 404)]
  }
  const promised = `paths/${escaped(pathItem)}/${method}/responses/${status}`
  const answer = found(promised, member(member(operation, 'responses'), String(status)))
  if (answer === undefined) {
    return [...common, `has a status that ${method} ${pathItem} does not have`]
  }
  const body = found('', member(operation, 'requestBody'))
  return [
    ...common,
    ...(body === undefined ? [] : breachesOfRequest(exchange, body.pointer)),
    ...breachesOfHeaders(exchange, answer.value),
    ...breachesOfBody(exchange, answer.value, answer.pointer),
  ]
}

/** Every status of every operation, as `operationId status`. */
export function promisedAnswers(): string[] {
  return Object.values(openApiDocument.paths).flatMap(({ get, post, delete: remove }) =>
    [get, post, remove].flatMap((operation) =>
      operation === undefined
        ? []
        : Object.keys(operation.responses).map((status) => `${operation.operationId} ${status}`),
    ),
  )
}

function pathItemOf(path: string): string | undefined {
  // Not resolved against a base, which would take the first segment of //host/path for a host.
  const { pathname } = new URL(`http://localhost${path}`)
  // RFC 3986, section 6.2.2.2: write escaped unreserved characters plainly.
  const normal = pathname.replace(
    /%(?:2[de]|3\d|[46][1-9a-f]|5[\daf]|7[\dae])/gi,
    decodeURIComponent,
  )
  return Object.keys(openApiDocument.paths).find((template) => {
    const pattern = template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')
    return new RegExp(`^${pattern}$`).test(normal)
  })
}

function breachesOfError(exchange: Exchange, ...statuses: number[]): string[] {
  const { status, method, body } = exchange
  if (!statuses.includes(status)) return [`has status ${status}, not ${statuses.join(' or ')}`]
  if (method === 'HEAD') return body === '' ? [] : ['has a body']
  return validate(exchange, 'components/schemas/Errors')
}

function breachesOfHeaders({ headers }: Exchange, answer: object): string[] {
  const promised = Object.entries(member(answer, 'headers') ?? {})
  const names = promised.map(([name]) => name.toLowerCase())
  const unpromised = TELLING.filter((name) => headers[name] !== undefined && !names.includes(name))
  return [
    ...unpromised.map((name) => `has ${name}, which is not promised`),
    ...promised.flatMap(([name, reference]) => breachesOfHeader(name, headers, reference)),
  ]
}

function breachesOfHeader(
  name: string,
  headers: Exchange['headers'],
  reference: unknown,
): string[] {
  const pointer = v.parse(referenceSchema, reference).$ref.slice('#/'.length)
  const value = headers[name.toLowerCase()]
  if (value === undefined) return isRequired(pointer) ? [`has no ${name}`] : []
  return validator(`${pointer}/schema`)(value) ? [] : [`has a malformed ${name}: ${value}`]
}

/** A part of the document with its pointer; that of a component, if the part refers to one. */
function found(
  pointer: string,
  part: object | undefined,
): { pointer: string; value: object } | undefined {
  if (part === undefined) return undefined
  const reference = v.safeParse(referenceSchema, part)
  if (!reference.success) return { pointer, value: part }
  const component = reference.output.$ref.slice('#/'.length)
  const value = at(component)
  return value && { pointer: component, value }
}

function at(pointer: string): object | undefined {
  return pointer.split('/').reduce<object | undefined>(member, openApiDocument)
}

function isRequired(pointer: string): boolean {
  return v.parse(headerSchema, at(pointer)).required
}

function breachesOfBody(exchange: Exchange, answer: object, pointer: string): string[] {
  const { method, body, headers } = exchange
  const content = member(answer, 'content')
  if (content === undefined) {
    const breaches = body === '' ? [] : ['has a body']
    return headers['content-type'] === undefined ? breaches : [...breaches, 'has a Content-Type']
  }
  if (headers['content-type'] !== 'application/json') {
    return [`has the Content-Type ${headers['content-type']}`]
  }
  if (method === 'HEAD') return body === '' ? [] : ['has a body']
  return validate(exchange, `${pointer}/content/${escaped('application/json')}/schema`)
}

/** The document must allow a body that was taken, and forbid one that was refused for its shape. */
function breachesOfRequest({ status, body, sent }: Exchange, pointer: string): string[] {
  const taken = status < 300
  if (sent === undefined || (!taken && !isRefusedForShape(status, body))) return []
  const check = validator(`${pointer}/content/${escaped('application/json')}/schema`)
  if (check(parseSent(sent)) === taken) return []
  return [taken ? 'takes a body that is not allowed' : 'refuses a body that is allowed']
}

function isRefusedForShape(status: number, body: string): boolean {
  const told = v.safeParse(v.pipe(v.string(), v.parseJson(), refusalSchema), body)
  return status === 400 && told.success
}

/** JSON, or else a form. */
function parseSent(sent: string): unknown {
  const json = v.safeParse(v.pipe(v.string(), v.parseJson()), sent)
  return json.success ? json.output : Object.fromEntries(new URLSearchParams(sent))
}

function validate({ status, body }: Exchange, pointer: string): string[] {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson()), body)
  if (!result.success) return ['has a body that is not JSON']
  const check = validator(pointer)
  if (!check(result.output)) return [ajv.errorsText(check.errors, { dataVar: 'body' })]
  const told = v.safeParse(errorsSchema, result.output)
  const statuses = told.success ? told.output.errors.map((error) => error.status) : []
  return statuses.every((each) => each === status) ? [] : [`tells of ${statuses.join(', ')}`]
}

/** Compiled at its first use, and kept. */
function validator(pointer: string): ValidateFunction {
  const check = ajv.getSchema(`${DOCUMENT}#/${pointer}`)
  if (check === undefined) throw new Error(`The document has no ${pointer}`)
  return check
}

function member(value: object | undefined, name: string): object | undefined {
  const found: unknown = Object.entries(value ?? {}).find(([key]) => key === name)?.[1]
  return typeof found === 'object' && found !== null ? found : undefined
}

/** RFC 6901, section 3, in the fragment of a URI. */
function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
