// The answers and bodies that operations share: what each carries, and every refusal.
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../limits.ts'
import { header, json, type Schema, schema } from './schemas.ts'

export interface Answer {
  description: string
  headers: object
  content?: Record<string, { schema: Schema }>
}

export type Answers = Readonly<Record<number, Answer>>

export const everyAnswer = {
  'X-Request-Id': header('RequestId'),
  'Server-Timing': header('ServerTiming'),
}
export const atBookmark = { ...everyAnswer, 'X-D1-Bookmark': header('Bookmark') }
export const cacheControl = { 'Cache-Control': header('CacheControl') }
export const conditional = { ...atBookmark, ...cacheControl, ETag: header('ETag') }
/** Of a refusal: only some of them have asked the database. */
export const maybeBookmark = { 'X-D1-Bookmark': header('BookmarkIfAny') }

export const answer = (
  description: string,
  content: Schema,
  headers: object = everyAnswer,
): Answer => ({
  description,
  headers,
  content: json(content),
})
export const refusal = (description: string, headers: object = {}) =>
  answer(description, schema('Errors'), { ...everyAnswer, ...headers })
const retryAfter = { 'Retry-After': header('RetryAfter') }

export const challenge = { 'WWW-Authenticate': header('Challenge') }

const refusals = {
  400: refusal('The request is malformed: each error names the parameter or the member at fault'),
  401: refusal('The access token is absent or refused', challenge),
  403: refusal(
    'The account token is refused, or missing beside an implicit access token; or the account may not do this, of which the title tells',
    maybeBookmark,
  ),
  408: refusal(`The body was not complete within ${BODY_DEADLINE_SECONDS} s`),
  413: refusal(`The body is over ${MAX_BODY_BYTES} bytes`),
  415: refusal('The Content-Type is none that is read here'),
  429: refusal('Too many requests', { ...retryAfter, ...maybeBookmark }),
  500: refusal('A setting of the service is missing or malformed, or something else is wrong'),
  503: refusal('The service cannot answer now; the same request may succeed later', {
    ...retryAfter,
    ...maybeBookmark,
  }),
}

/** The answers of one operation: its own, and these refusals. */
export const responses = (own: Answers, ...statuses: (keyof typeof refusals)[]): Answers => ({
  ...own,
  ...Object.fromEntries(statuses.map((status) => [status, refusals[status]])),
})

/** The order of checks (contract, section 3) knows these before it comes to the body. */
export const byCaller = [400, 401, 403, 429, 500, 503] as const
export const withBody = [408, 413, 415] as const
export const asShopperOrServer = [{ accessToken: [], accountToken: [] }, { accessToken: [] }]

export const notModified = {
  description: 'Nothing has changed since this ETag',
  headers: conditional,
}
export const accountsBody = {
  required: true,
  content: {
    ...json(schema('AccountsRequest')),
    'application/vnd.api+json': { schema: schema('AccountsRequest') },
  },
}
export const tokenBody = {
  required: true,
  content: {
    'application/x-www-form-urlencoded': { schema: schema('TokenRequest') },
    ...json(schema('TokenRequest')),
  },
}
