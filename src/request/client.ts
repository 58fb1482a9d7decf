// Whether the client of a token request is let in, by its application key (contract, section 8).
import type { MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { ApiError, notFound } from '../errors.ts'
import { loadSettings } from '../settings.ts'
import { type ApplicationKey, findApplicationKey } from '../storage/application-keys.ts'
import { matchesDigest } from '../tokens/client-secret.ts'
import type { Issuer } from '../tokens/issue.ts'
import type { AccessToken } from '../tokens/verify.ts'
import type { DatabaseVariables } from './database-session.ts'
import { refuse } from './failures.ts'
import type { TokenRequest, TokenRequestVariables } from './token-request.ts'

export interface IssuerVariables {
  issuer: Issuer
  cacheControl: string
}

export interface AccessVariables {
  /** What the access token is to say. */
  access: AccessToken
}

interface ClientEnv {
  Bindings: Bindings
  Variables: DatabaseVariables & TokenRequestVariables & AccessVariables
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
    c.set('cacheControl', 'no-store')
    c.set('issuer', { issuer, audience, signingKey })
    await next()
  }
}

/**
 * Puts what the client is granted on the context.
 *
 * @throws ApiError 401, which reads alike for an unknown client and a wrong secret, or 429
 */
export function requireClient(): MiddlewareHandler<ClientEnv> {
  return async function requireClient(c, next) {
    const { db, tokenRequest } = c.var
    const { client_id: clientId, grant_type: grantType } = tokenRequest
    const key = await findApplicationKey(db, clientId)
    const { storeId } = await authenticate(tokenRequest, key).catch((error: unknown) =>
      refuse(c, error, ClientRefused, unauthorized),
    )
    c.set('access', { clientId, storeId, grantType })
    await next()
  }
}

async function authenticate(
  request: TokenRequest,
  key: ApplicationKey | undefined,
): Promise<ApplicationKey> {
  if (request.grant_type === 'client_credentials') await requireSecret(request.client_secret, key)
  if (key === undefined) throw new ClientRefused('unknown_client')
  return key
}

/** An unknown client has its secret compared too: neither the words nor the time tell of it. */
async function requireSecret(secret: string, key: ApplicationKey | undefined): Promise<void> {
  const matches = await matchesDigest(secret, key?.secretDigest ?? undefined)
  if (key === undefined) throw new ClientRefused('unknown_client')
  if (key.secretDigest === null) throw new ClientRefused('implicit_only')
  if (!matches) throw new ClientRefused('wrong_secret')
}

function unauthorized(refusal: ClientRefused): ApiError {
  const detail = 'The client id or the client secret is wrong'
  return new ApiError(401, [{ title: 'Unauthorized', detail }], {
    headers: { 'WWW-Authenticate': 'Bearer' },
    cause: refusal,
  })
}
