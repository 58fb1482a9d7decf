// What a client asks for at the token endpoint (contract, section 8; RFC 6749, sections 2.3, 4.2 and 4.4).
import type { MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import { ApiError, type ErrorObject } from '../errors.ts'
import { safeId } from '../ids.ts'
import { parseBasic } from './basic.ts'
import { readForm } from './body.ts'
import { describeText } from './issues.ts'

const PARAMETERS = ['grant_type', 'client_id', 'client_secret'] as const

const tokenRequestSchema = v.variant('grant_type', [
  v.object({ grant_type: v.literal('implicit'), client_id: safeId }),
  v.object({
    grant_type: v.literal('client_credentials'),
    client_id: safeId,
    client_secret: v.string(),
  }),
])

export interface TokenRequest {
  grantType: 'implicit' | 'client_credentials'
  clientId: string
  /** The secret in each spelling that the client may mean; none for the implicit grant. */
  secrets: readonly string[]
  /** `WWW-Authenticate` of a refusal. */
  challenge: string
}

export interface TokenRequestVariables {
  tokenRequest: TokenRequest
}

/**
 * Puts the token request on the context.
 *
 * @throws ApiError 400, 408, 413 or 415
 */
export function requireTokenRequest(): MiddlewareHandler<{ Variables: TokenRequestVariables }> {
  return async function requireTokenRequest(c, next) {
    const parameters = await readForm(c.req.raw, PARAMETERS)
    c.set('tokenRequest', parseTokenRequest(parameters, c.req.header('Authorization')))
    await next()
  }
}

function parseTokenRequest(given: object, authorization: string | undefined): TokenRequest {
  const parameters = withoutEmpty(given)
  const basic = parseBasic(authorization, parameters)
  const merged = { ...parameters, ...basic?.parameters }
  const result = v.safeParse(tokenRequestSchema, merged, { abortEarly: true })
  if (!result.success) throw new ApiError(400, [describe(result.issues[0])])
  const { grant_type: grantType, client_id: clientId } = result.output
  const challenge = basic === undefined ? 'Bearer' : 'Basic realm="cart-accounts"'
  if (result.output.grant_type === 'implicit')
    return { grantType, clientId, secrets: [], challenge }
  const secrets = basic?.secrets ?? [result.output.client_secret]
  return { grantType, clientId, secrets, challenge }
}

/** A parameter without a value counts as absent (RFC 6749, section 3.2), and in JSON null is no value. */
function withoutEmpty(parameters: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).filter(([, value]) => value !== '' && value !== null),
  )
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
