// What can go wrong; errors import nothing of ours.

/** One member of `errors`; `status` is added by the translation. */
export interface ErrorObject {
  title: string
  detail?: string | undefined
  /** The member of the request at fault: `data[0].type`, `cartID`. */
  source?: string | undefined
}

/** A response that refuses the request, thrown where the reason is known. The cause is for the log. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  readonly status: number
  readonly errors: readonly [ErrorObject, ...ErrorObject[]]
  readonly headers: Record<string, string>

  constructor(
    status: number,
    errors: readonly [ErrorObject, ...ErrorObject[]],
    { headers = {}, cause }: { headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(errors[0].title, { cause })
    this.status = status
    this.errors = errors
    this.headers = headers
  }
}

export type RefusalReason =
  | 'other_account'
  | 'cart_of_others'
  | 'server_only'
  | 'SHOPPER_RATE_LIMIT'
  | 'TOKEN_RATE_LIMIT'
  | 'FAILURE_RATE_LIMIT'

/** Why an authenticated caller was refused. Logged, never sent. */
export class Refused extends Error {
  override readonly name = 'Refused'

  constructor(reason: RefusalReason) {
    super(reason)
  }
}

/** The database, or an issuer of keys, cannot answer now; the same request may succeed later. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError'

  /** `later` if only time helps: minutes, not seconds. */
  readonly retry: 'soon' | 'later'

  constructor(
    message: string,
    { cause, retry = 'soon' }: { cause?: unknown; retry?: 'soon' | 'later' } = {},
  ) {
    super(message, { cause })
    this.retry = retry
  }
}

/** A setting is missing or malformed. The message names the setting and never holds its value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** Seconds for `Retry-After`: the first of them, and how many more there are to choose from. */
const RETRY_AFTER = { soon: [1, 3], later: [60, 30] } as const

/** Without a detail: no such route, or none that the settings of this Worker serve. */
export function notFound(detail?: string): ApiError {
  return new ApiError(404, [{ title: 'Not Found', detail }])
}

/** 503, with `Retry-After`. */
export function serviceUnavailable(detail?: string, cause?: unknown): ApiError {
  const [first, choices] = RETRY_AFTER[cause instanceof UnavailableError ? cause.retry : 'soon']
  // At random, so that callers do not come back in step.
  const seconds = first + Math.floor(Math.random() * choices)
  const headers = { 'Retry-After': String(seconds) }
  return new ApiError(503, [{ title: 'Service Unavailable', detail }], { headers, cause })
}

/** The reason for the log: the root cause, or the response's own detail if nothing caused it. */
export function reasonOf(error: unknown): string {
  const cause = rootCause(error)
  if (cause instanceof ApiError) return cause.errors[0].detail ?? cause.message
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : 'not an Error'
}

/** The innermost cause: D1 wraps the errors of its database, and we wrap D1's. */
export function rootCause(error: unknown): unknown {
  if (error instanceof Error && error.cause !== undefined) return rootCause(error.cause)
  return error
}
