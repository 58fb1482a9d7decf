// Who asks for an access token, and whether the application key lets them (contract, section 8).
import type { MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import type { Bindings } from '../bindings.ts'
import { ApiError, type ErrorObject, notFound } from '../errors.ts'
import { limitFailures } from '../rate-limits.ts'
import { SAFE_ID } from '../safe-id.ts'
import { loadSettings } from '../settings.ts'
import { type ApplicationKey, findApplicationKey } from '../storage/application-keys.ts'
import { matchesDigest } from '../tokens/client-secret.ts'
import type { Grant, Issuer } from '../tokens/issue.ts'
import { readForm } from './body.ts'
import type { DatabaseVariables } from './database-session.ts'
import { describeText } from './issues.ts'

const clientId = v.pipe(v.string(), v.regex(SAFE_ID))
const tokenRequestSchema = v.variant('grant_type', [
  v.object({ grant_type: v.literal('implicit'), client_id: clientId }),
  v.object({
    grant_type: v.literal('client_credentials'),
    client_id: clientId,
    client_secret: v.string(),
  }),
])

type TokenRequest = v.InferOutput<typeof tokenRequestSchema>

export interface IssuerVariables {
  issuer: Issuer
}

export interface TokenRequestVariables {
  tokenRequest: TokenRequest
}

export interface GrantVariables {
  grant: Grant
}

/** Why a client gets no token: for the log, and never told. */
class ClientRefused extends Error {
  override readonly name = 'ClientRefused'

  constructor(reason: 'unknown_client' | 'wrong_secret' | 'implicit_only') {
    super(reason)
  }
}

/**
 * Puts what it takes to issue tokens on the context.
 *
 * @throws ApiError 404 where tokens come from another issuer
 */
export function requireIssuer(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: IssuerVariables
}> {
  return async function requireIssuer(c, next) {
    const { signingKey, accessTokens } = await loadSettings(c.env)
    if (signingKey === undefined) throw notFound()
    const { issuer, audience } = accessTokens
    c.header('Cache-Control', 'no-store')
    c.set('issuer', { issuer, audience, signingKey })
    await next()
  }
}

/**
 * Puts what the body asks for on the context.
 *
 * @throws ApiError 400, 408, 413 or 415
 */
export function requireTokenRequest(): MiddlewareHandler<{ Variables: TokenRequestVariables }> {
  return async function requireTokenRequest(c, next) {
    c.set('tokenRequest', parseTokenRequest(await readForm(c.req.raw)))
    await next()
  }
}

/**
 * Puts what the client is granted on the context.
 *
 * @throws ApiError 401, which reads alike for an unknown client and a wrong secret, or 429
 */
export function requireClient(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: DatabaseVariables & TokenRequestVariables & GrantVariables
}> {
  return async function requireClient(c, next) {
    const { db, tokenRequest } = c.var
    const key = await findApplicationKey(db, tokenRequest.client_id)
    const storeId = await authenticate(tokenRequest, key).catch(async (error: unknown) => {
      if (!(error instanceof ClientRefused)) throw error
      await limitFailures(c.env, c.req.raw)
      throw unauthorized(error)
    })
    const { client_id, grant_type } = tokenRequest
    c.set('grant', { clientId: client_id, storeId, grantType: grant_type })
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

/** The store of the key, where the client may have what it asks for. */
async function authenticate(
  request: TokenRequest,
  key: ApplicationKey | undefined,
): Promise<string> {
  if (request.grant_type === 'client_credentials') {
    // An unknown client has its secret compared too: neither the words nor the time tell of it.
    const digest = key?.secretDigest ?? undefined
    const known = await matchesDigest(request.client_secret, digest)
    if (key?.secretDigest === null) throw new ClientRefused('implicit_only')
    if (key !== undefined && !known) throw new ClientRefused('wrong_secret')
  }
  if (key === undefined) throw new ClientRefused('unknown_client')
  return key.storeId
}

function unauthorized(refusal: ClientRefused): ApiError {
  const detail = 'The client id or the client secret is wrong'
  return new ApiError(401, [{ title: 'Unauthorized', detail }], {
    headers: { 'WWW-Authenticate': 'Bearer' },
    cause: refusal,
  })
}
