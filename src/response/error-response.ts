// Translates whatever was thrown into the error document of the API (contract, section 9).
import { ApiError, SettingsError, serviceUnavailable, UnavailableError } from '../errors.ts'
import { json, type ResponseContext } from './responses.ts'

/** Responds with `{ errors: [...] }`. The log has the details that the response leaves out. */
export function errorResponse(error: unknown, c: ResponseContext): Response {
  const { status, errors, headers } = toApiError(error)
  return json(c, { errors: errors.map((each) => ({ status, ...each })) }, status, headers)
}

function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof UnavailableError) return serviceUnavailable(undefined, error)
  const detail = error instanceof SettingsError ? error.message : undefined
  return new ApiError(500, [{ title: 'Internal Server Error', detail }], { cause: error })
}
