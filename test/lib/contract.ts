// Compares responses with the OpenAPI document: every response that a test sees is held to it.
import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import * as v from 'valibot'
import { openApiDocument } from '../../openapi/document.ts'

/** A request and its response, as they went over the wire. */
export const exchangeSchema = v.object({
  method: v.string(),
  path: v.string(),
  status: v.number(),
  /** Names in lower case. */
  headers: v.record(v.string(), v.string()),
  body: v.string(),
  /** The body of the request, if it is known. */
  sent: v.optional(v.string()),
})

export type Exchange = v.InferOutput<typeof exchangeSchema>

/** The headers of every response (contract, sections 9 and 10). */
const EVERYWHERE = {
  'x-request-id': /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'access-control-expose-headers': /^ETag,Location,Retry-After,X-Request-Id,X-D1-Bookmark$/,
  'content-security-policy': /^default-src 'none'; frame-ancestors 'none'$/,
  'referrer-policy': /^no-referrer$/,
  'strict-transport-security': /^max-age=\d{8}/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
}
/** Headers that a response has only if the document says so. */
const TELLING = ['x-d1-bookmark', 'etag', 'retry-after', 'www-authenticate', 'server-timing']

const headerSchema = v.object({
  required: v.optional(v.boolean(), false),
  schema: v.record(v.string(), v.unknown()),
})
const errorsSchema = v.object({
  errors: v.array(v.object({ status: v.number(), source: v.optional(v.string(), '') })),
})

const ajv = new Ajv2020({ allErrors: true, strict: false })
addFormats.default(ajv)
const validators = new Map<object, ValidateFunction>()

/** Describes each breach of the document; returns none for a response that it promises. */
export function breachesOf(exchange: Exchange): string[] {
  const { method, path, status, headers } = exchange
  const common = Object.entries(EVERYWHERE)
    .filter(([name, pattern]) => !pattern.test(headers[name] ?? ''))
    .map(([name]) => `lacks the ${name} of every response`)
  if (method === 'OPTIONS') return status === 204 ? common : [...common, 'is no preflight']
  const pathItem = pathItemOf(path)
  if (pathItem === undefined) return [...common, ...breachesOfError(exchange, 404)]
  const operation = at(pathItem, method === 'HEAD' ? 'get' : method.toLowerCase())
  // 404 too: the token route exists only if this Worker signs tokens.
  if (operation === undefined) {
    const allow = status === 405 && headers['allow'] === undefined ? ['has no Allow'] : []
    return [...common, ...allow, ...breachesOfError(exchange, 405, 404)]
  }
  const response = at(operation, 'responses', String(status))
  if (response === undefined) return [...common, 'has a status that the operation does not have']
  return [
    ...common,
    ...breachesOfRequest(exchange, jsonSchemaIn(at(operation, 'requestBody'))),
    ...breachesOfHeaders(exchange, Object.entries(at(response, 'headers') ?? {})),
    ...breachesOfBody(exchange, jsonSchemaIn(response)),
  ]
}

/** Finds the path of the document that a request's path matches. */
function pathItemOf(path: string): object | undefined {
  // Not resolved against a base, which would take the first segment of //host/path for a host.
  const { pathname } = new URL(`http://localhost${path}`)
  // RFC 3986, section 6.2.2.2: write escaped unreserved characters plainly.
  const normal = pathname.replace(
    /%(?:2[de]|3\d|[46][1-9a-f]|5[\daf]|7[\dae])/gi,
    decodeURIComponent,
  )
  return Object.entries(openApiDocument.paths).find(([template]) => {
    const pattern = template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')
    return new RegExp(`^${pattern}$`).test(normal)
  })?.[1]
}

/** Steps from one part of the document to another, member by member, and follows references. */
function at(part: unknown, ...names: string[]): object | undefined {
  if (typeof part !== 'object' || part === null) return undefined
  if ('$ref' in part) return at(openApiDocument, ...String(part.$ref).split('/').slice(1), ...names)
  const [name, ...others] = names
  if (name === undefined) return part
  return at(Object.entries(part).find(([key]) => key === name)?.[1], ...others)
}

function jsonSchemaIn(part: object | undefined): object | undefined {
  return at(part, 'content', 'application/json', 'schema')
}

function breachesOfError(exchange: Exchange, ...statuses: number[]): string[] {
  const { status } = exchange
  if (!statuses.includes(status)) return [`has status ${status}, not ${statuses.join(' or ')}`]
  return breachesOfBody(exchange, at(openApiDocument, 'components', 'schemas', 'Errors'))
}

function breachesOfHeaders({ headers }: Exchange, promised: [string, unknown][]): string[] {
  const names = promised.map(([name]) => name.toLowerCase())
  const others = TELLING.filter((name) => headers[name] !== undefined && !names.includes(name))
  return [
    ...others.map((name) => `has ${name}, which is not promised`),
    ...promised.flatMap(([name, header]) => {
      const { required, schema } = v.parse(headerSchema, at(header))
      const value = headers[name.toLowerCase()]
      if (value === undefined) return required ? [`has no ${name}`] : []
      return validatorOf(schema)(value) ? [] : [`has a malformed ${name}: ${value}`]
    }),
  ]
}

function breachesOfBody({ method, status, headers, body }: Exchange, schema?: object): string[] {
  const type = headers['content-type']
  const isTyped = type === (schema && 'application/json')
  const breaches = isTyped ? [] : [`has the Content-Type ${type}`]
  if (schema === undefined || method === 'HEAD') {
    return body === '' ? breaches : [...breaches, 'has a body']
  }
  const document = jsonIn(body)
  if (document === undefined) return [...breaches, 'has a body that is not JSON']
  const check = validatorOf(schema)
  if (!check(document)) breaches.push(ajv.errorsText(check.errors, { dataVar: 'body' }))
  const others = errorsIn(document).filter((error) => error.status !== status)
  return [...breaches, ...others.map((error) => `has an error of the status ${error.status}`)]
}

/** The document must allow a body that was taken, and forbid one that was refused for its shape. */
function breachesOfRequest({ status, body, sent }: Exchange, schema?: object): string[] {
  if (sent === undefined || schema === undefined) return []
  const json = jsonIn(sent)
  const given = json === undefined ? Object.fromEntries(new URLSearchParams(sent)) : json
  const isAllowed = validatorOf(schema)(given)
  if (status < 300) return isAllowed ? [] : ['takes a body that is not allowed']
  const sources = status === 400 ? errorsIn(jsonIn(body)).map(({ source }) => source) : []
  const isRefused = sources.some((source) => /^(data|grant_type|client_)/.test(source))
  return isRefused && isAllowed ? ['refuses a body that is allowed'] : []
}

function errorsIn(document: unknown): v.InferOutput<typeof errorsSchema>['errors'] {
  const parsed = v.safeParse(errorsSchema, document)
  return parsed.success ? parsed.output.errors : []
}

function jsonIn(text: string): unknown {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), text)
  return parsed.success ? parsed.output : undefined
}

/** Compiled at its first use, and kept. Its references are to components of the document. */
function validatorOf(schema: object): ValidateFunction {
  const { components } = openApiDocument
  const check = validators.get(schema) ?? ajv.compile({ ...schema, components })
  validators.set(schema, check)
  return check
}
