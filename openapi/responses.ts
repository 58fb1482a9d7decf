// The responses and request bodies that operations share: their headers, and every refusal.
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../src/limits.ts'
import { type Examples, refused, sent } from './examples.ts'
import { type Content, content, header, type Reference, type Schema, schema } from './schemas.ts'

export interface Response {
  description: string
  headers: object
  content?: Content
}

/** Responses by status: an operation's own, or a reference to a shared one. */
export type Responses = Readonly<Record<number, Response | Reference>>

export const everyResponse = {
  'X-Request-Id': header('RequestId'),
  'Server-Timing': header('ServerTiming'),
}
export const atBookmark = { ...everyResponse, 'X-D1-Bookmark': header('Bookmark') }
export const cacheControl = { 'Cache-Control': header('CacheControl') }
export const conditional = { ...atBookmark, ...cacheControl, ETag: header('ETag') }
export const located = { Location: header('Location') }
/** Optional: only some refusals come after the database was asked. */
export const maybeBookmark = { 'X-D1-Bookmark': header('BookmarkIfAny') }

export const response = (
  description: string,
  body: Schema,
  headers: object = everyResponse,
  examples?: Examples,
): Response => ({ description, headers, content: content(body, examples) })
export const refusal = (description: string, examples: Examples, headers: object = {}): Response =>
  response(description, schema('Errors'), { ...everyResponse, ...headers }, examples)
const retryAfter = { 'Retry-After': header('RetryAfter') }

export const challenge = { 'WWW-Authenticate': header('Challenge') }

/** A malformed request, with examples of the operation's own. */
export const malformed = (examples: Examples): Response =>
  refusal(
    'The request is malformed: each error names the parameter or the member at fault',
    examples,
  )
export const forbidden = (examples: Examples = {}): Response =>
  refusal(
    'The account token is refused, or missing beside an implicit access token; or the title says what the account may not do',
    { ...refused[403], ...examples },
    maybeBookmark,
  )
export const unsupported = (examples: Examples): Response =>
  refusal('The Content-Type or the Content-Encoding is not one that is read here', examples, {
    'Accept-Encoding': header('AcceptEncoding'),
  })
export const unavailable = (examples: Examples): Response =>
  refusal('The service cannot answer now; the same request may succeed later', examples, {
    ...retryAfter,
    ...maybeBookmark,
  })

/** The responses that several operations have, by their name under `components`. */
export const sharedResponses = {
  NotModified: {
    description: 'Nothing has changed since this ETag',
    headers: conditional,
  },
  MalformedCartID: malformed(refused.cartID),
  MalformedAccounts: malformed(refused.accounts),
  Unauthorized: refusal('The access token is absent or refused', refused[401], challenge),
  Forbidden: forbidden(),
  ForbiddenAccounts: forbidden(refused.shopper),
  TooManyCarts: refusal(
    'The account has too many carts for another one',
    refused[409],
    maybeBookmark,
  ),
  PreconditionFailed: refusal(
    'The request is conditional, and conditional writes are not supported',
    refused[412],
  ),
  RequestTimeout: refusal(
    `The body was not complete within ${BODY_DEADLINE_SECONDS} s`,
    refused[408],
  ),
  PayloadTooLarge: refusal(`The body is over ${MAX_BODY_BYTES} bytes`, refused[413]),
  UnsupportedMediaType: unsupported(refused[415]),
  TooManyRequests: refusal('Too many requests', refused[429], { ...retryAfter, ...maybeBookmark }),
  InternalServerError: refusal(
    'A setting of the service is missing or malformed, or the service has a bug',
    refused[500],
  ),
  ServiceUnavailable: unavailable(refused[503]),
} satisfies Record<string, Response>

export const shared = (name: keyof typeof sharedResponses): Reference => ({
  $ref: `#/components/responses/${name}`,
})

const refusals = {
  401: shared('Unauthorized'),
  403: shared('Forbidden'),
  408: shared('RequestTimeout'),
  409: shared('TooManyCarts'),
  412: shared('PreconditionFailed'),
  413: shared('PayloadTooLarge'),
  415: shared('UnsupportedMediaType'),
  429: shared('TooManyRequests'),
  500: shared('InternalServerError'),
  503: shared('ServiceUnavailable'),
}

/** Puts an operation's refusals and its own responses together. */
export const responses = (own: Responses, ...statuses: (keyof typeof refusals)[]): Responses => ({
  ...Object.fromEntries(statuses.map((status) => [status, refusals[status]])),
  ...own,
})

/** The refusals that come before the body in the order of checks (contract, section 3). */
export const byCaller = [401, 403, 429, 500, 503] as const
export const withBody = [408, 413, 415] as const
/** How a write of associations is refused beside its body and its caller. */
export const byWrite = [...withBody, 409, 412] as const
export const asShopperOrServer = [{ accessToken: [], accountToken: [] }, { accessToken: [] }]

/** The request bodies, by their name under `components`. */
export const requestBodies = {
  Accounts: {
    required: true,
    content: content(schema('AccountsRequest'), sent.accounts, [
      'application/json',
      'application/vnd.api+json',
    ]),
  },
  NewCart: {
    required: false,
    content: content(schema('NewCartRequest'), sent.newCart, [
      'application/json',
      'application/vnd.api+json',
    ]),
  },
  Invitation: {
    required: false,
    content: content(schema('InvitationRequest'), sent.invitation, [
      'application/json',
      'application/vnd.api+json',
    ]),
  },
  Token: {
    required: true,
    content: content(schema('TokenRequest'), sent.tokenRequest, [
      'application/x-www-form-urlencoded',
      'application/json',
    ]),
  },
}

export const requestBody = (name: keyof typeof requestBodies): Reference => ({
  $ref: `#/components/requestBodies/${name}`,
})
