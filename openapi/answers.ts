// The answers and bodies that operations share: what each carries, and every refusal.
import { BODY_DEADLINE_SECONDS, MAX_BODY_BYTES } from '../src/limits.ts'
import { type Examples, refused, sent } from './examples.ts'
import { type Content, content, header, type Schema, schema } from './schemas.ts'

export interface Answer {
  description: string
  headers: object
  content?: Content
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
  body: Schema,
  headers: object = everyAnswer,
  examples?: Examples,
): Answer => ({ description, headers, content: content(body, examples) })
export const refusal = (description: string, examples: Examples, headers: object = {}): Answer =>
  answer(description, schema('Errors'), { ...everyAnswer, ...headers }, examples)
const retryAfter = { 'Retry-After': header('RetryAfter') }

export const challenge = { 'WWW-Authenticate': header('Challenge') }

/** What the operation does not take; each has its own. */
export const malformed = (examples: Examples): Answer =>
  refusal(
    'The request is malformed: each error names the parameter or the member at fault',
    examples,
  )
export const forbidden = (examples: Examples = {}): Answer =>
  refusal(
    'The account token is refused, or missing beside an implicit access token; or the account may not do this, of which the title tells',
    { ...refused[403], ...examples },
    maybeBookmark,
  )
export const unsupported = (examples: Examples): Answer =>
  refusal('The Content-Type is none that is read here', examples)
export const unavailable = (examples: Examples): Answer =>
  refusal('The service cannot answer now; the same request may succeed later', examples, {
    ...retryAfter,
    ...maybeBookmark,
  })

const refusals = {
  401: refusal('The access token is absent or refused', refused[401], challenge),
  403: forbidden(),
  408: refusal(`The body was not complete within ${BODY_DEADLINE_SECONDS} s`, refused[408]),
  413: refusal(`The body is over ${MAX_BODY_BYTES} bytes`, refused[413]),
  415: unsupported(refused[415]),
  429: refusal('Too many requests', refused[429], { ...retryAfter, ...maybeBookmark }),
  500: refusal(
    'A setting of the service is missing or malformed, or something else is wrong',
    refused[500],
  ),
  503: unavailable(refused[503]),
}

/** The answers of one operation: these refusals, and its own. */
export const responses = (own: Answers, ...statuses: (keyof typeof refusals)[]): Answers => ({
  ...Object.fromEntries(statuses.map((status) => [status, refusals[status]])),
  ...own,
})

/** The order of checks (contract, section 3) knows these before it comes to the body. */
export const byCaller = [401, 403, 429, 500, 503] as const
export const withBody = [408, 413, 415] as const
export const asShopperOrServer = [{ accessToken: [], accountToken: [] }, { accessToken: [] }]

export const notModified = {
  description: 'Nothing has changed since this ETag',
  headers: conditional,
}
export const accountsBody = {
  required: true,
  content: content(schema('AccountsRequest'), sent.accounts, [
    'application/json',
    'application/vnd.api+json',
  ]),
}
export const tokenBody = {
  required: true,
  content: content(schema('TokenRequest'), sent.tokenRequest, [
    'application/x-www-form-urlencoded',
    'application/json',
  ]),
}
