// The responses and request bodies that operations share: their headers, and every refusal.
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../src/limits.ts'
import { type Content, content, header, type Reference, type Schema, schema } from './components.ts'
import { type ExampleName, type Examples, examplesOf, otherType, sent } from './examples.ts'

export interface Response {
  description: string
  headers: object
  content?: Content
}

/** Responses by status: an operation's own, or a reference to a shared one. */
export type Responses = Readonly<Record<number, Response | Reference>>

const everyResponse = {
  'X-Request-Id': header('RequestId'),
  'Server-Timing': header('ServerTiming'),
}
export const bookmark = { 'X-D1-Bookmark': header('Bookmark') }
/** Optional: only some refusals come after the database was asked. */
export const maybeBookmark = { 'X-D1-Bookmark': header('BookmarkIfAny') }
export const cacheControl = { 'Cache-Control': header('CacheControl') }
export const conditional = { ...bookmark, ...cacheControl, ETag: header('ETag') }
export const located = { Location: header('Location') }
export const challenge = { 'WWW-Authenticate': header('Challenge') }
const retryAfter = { 'Retry-After': header('RetryAfter'), ...maybeBookmark }

export const withoutBody = (description: string, headers: object = bookmark): Response => ({
  description,
  headers: { ...everyResponse, ...headers },
})
export const response = (
  description: string,
  body: Schema,
  headers: object = {},
  ...names: ExampleName[]
): Response => ({
  ...withoutBody(description, headers),
  content: content(body, names.length === 0 ? undefined : examplesOf(names)),
})
export const refusal = (description: string, names: ExampleName[], headers?: object): Response =>
  response(description, schema('Errors'), headers, ...names)

/** A malformed request, with examples of the operation's own. */
export const malformed = (...names: ExampleName[]): Response =>
  refusal('The request is malformed: each error names the parameter or the member at fault', names)
export const forbidden = (...names: ExampleName[]): Response =>
  refusal(
    'The account token is refused, or missing beside an implicit access token; or the title says what the account may not do',
    ['account token refused', 'account token missing', ...names],
    maybeBookmark,
  )
export const unsupported = (types: string): Response => ({
  ...withoutBody('The Content-Type or the Content-Encoding is not one that is read here', {
    'Accept-Encoding': header('AcceptEncoding'),
  }),
  content: content(schema('Errors'), otherType(types)),
})
export const unavailable = (name: ExampleName): Response =>
  refusal('The service cannot answer now; the same request may succeed later', [name], retryAfter)

/** The responses that several operations have, by their name under `components`. */
export const sharedResponses = {
  NotModified: withoutBody('Nothing has changed since this ETag', conditional),
  MalformedCartID: malformed('cart id not safe'),
  MalformedAccounts: malformed('wrong type'),
  Unauthorized: refusal('The access token is absent or refused', ['no access token'], challenge),
  Forbidden: forbidden(),
  ForbiddenAccounts: forbidden('another account'),
  TooManyCarts: refusal(
    'The account has too many carts for another one',
    ['too many carts'],
    maybeBookmark,
  ),
  PreconditionFailed: refusal(
    'The request is conditional, and conditional writes are not supported',
    ['conditional write'],
  ),
  RequestTimeout: refusal(`The body was not complete within ${BODY_DEADLINE_SECONDS} s`, [
    'slow body',
  ]),
  PayloadTooLarge: refusal(`The body is over ${MAX_BODY_BYTES} bytes`, ['large body']),
  UnsupportedMediaType: unsupported('application/json or application/vnd.api+json'),
  TooManyRequests: refusal('Too many requests', ['too many'], retryAfter),
  InternalServerError: refusal(
    'A setting of the service is missing or malformed, or the service has a bug',
    ['setting missing'],
  ),
  ServiceUnavailable: unavailable('overloaded'),
} satisfies Record<string, Response>

export const shared = (name: keyof typeof sharedResponses): Reference => ({
  $ref: `#/components/responses/${name}`,
})

/** The refusals of every operation that asks the database. */
export const byService = {
  429: shared('TooManyRequests'),
  500: shared('InternalServerError'),
  503: shared('ServiceUnavailable'),
}
/** The refusals that come before the body in the order of checks (contract, section 3). */
export const byCaller = { 401: shared('Unauthorized'), 403: shared('Forbidden'), ...byService }
/** How an operation for servers alone refuses a shopper, too. */
export const byServer = { ...byCaller, 403: forbidden('a shopper') }
export const withBody = {
  408: shared('RequestTimeout'),
  413: shared('PayloadTooLarge'),
  415: shared('UnsupportedMediaType'),
}
export const unconditional = { 412: shared('PreconditionFailed') }
/** How a write of associations is refused beside its body and its caller. */
export const byWrite = { ...withBody, 409: shared('TooManyCarts'), ...unconditional }

const inJson = (name: string, shown: Examples): Content =>
  content(schema(name), shown, ['application/json', 'application/vnd.api+json'])
const FORM_OR_JSON = ['application/x-www-form-urlencoded', 'application/json']

/** The request bodies, by their name under `components`. */
export const requestBodies = {
  Accounts: { required: true, content: inJson('AccountsRequest', sent.accounts) },
  NewCart: { required: false, content: inJson('NewCartRequest', sent.newCart) },
  Invitation: { required: false, content: inJson('InvitationRequest', sent.invitation) },
  Token: {
    required: true,
    content: content(schema('TokenRequest'), sent.tokenRequest, FORM_OR_JSON),
  },
}

export const requestBody = (name: keyof typeof requestBodies): Reference => ({
  $ref: `#/components/requestBodies/${name}`,
})
