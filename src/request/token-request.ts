// What a client asks for at the token endpoint (contract, section 8; RFC 6749, sections 4.2 and 4.4).
import type { MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import { ApiError, type ErrorObject } from '../errors.ts'
import { safeId } from '../ids.ts'
import { readForm } from './body.ts'
import { describeText } from './issues.ts'

const tokenRequestSchema = v.variant('grant_type', [
  v.object({ grant_type: v.literal('implicit'), client_id: safeId }),
  v.object({
    grant_type: v.literal('client_credentials'),
    client_id: safeId,
    client_secret: v.string(),
  }),
])

export type TokenRequest = v.InferOutput<typeof tokenRequestSchema>

export interface TokenRequestVariables {
  tokenRequest: TokenRequest
}

/**
 * Puts the token request of the body on the context.
 *
 * @throws ApiError 400, 408, 413 or 415
 */
export function requireTokenRequest(): MiddlewareHandler<{ Variables: TokenRequestVariables }> {
  return async function requireTokenRequest(c, next) {
    c.set('tokenRequest', parseTokenRequest(await readForm(c.req.raw)))
    await next()
  }
}

function parseTokenRequest(body: unknown): TokenRequest {
  const result = v.safeParse(tokenRequestSchema, body, { abortEarly: true })
  if (result.success) return result.output
  throw new ApiError(400, [describe(result.issues[0])])
}

function describe(issue: v.InferIssue<typeof tokenRequestSchema>): ErrorObject {
  const member = v.getDotPath(issue)
  if (member !== null && member !== 'grant_type') return describeText(issue, member)
  return {
    title: 'Bad Request',
    detail: 'grant_type must be implicit or client_credentials',
    source: 'grant_type',
  }
}
