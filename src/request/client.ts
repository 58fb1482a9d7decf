// Whether the client of a token request may have a token, by its application key (contract, section 8).
import type { MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { ApiError, notFound } from '../errors.ts'
import { limitFailures, limitTokenRequests } from '../rate-limits.ts'
import { loadSettings } from '../settings.ts'
import { type ApplicationKey, matchesSecret } from '../storage/application-keys.ts'
import { primaryDatabase } from '../storage/database.ts'
import type { Issuer } from '../tokens/issue.ts'
import type { Client } from '../tokens/kinds.ts'
import { type DatabaseVariables, open } from './bookmarks.ts'
import type { TokenRequest, TokenRequestVariables } from './token-request.ts'

export interface IssuerVariables {
  issuer: Issuer
  cacheControl: string
}

interface ClientEnv {
  Bindings: Bindings
  Variables: DatabaseVariables & TokenRequestVariables & { client: Client }
}

/** Why a client gets no token. Logged, never sent. */
class ClientRefused extends Error {
  override readonly name = 'ClientRefused'

  constructor(reason: 'unknown_client' | 'wrong_secret' | 'implicit_only') {
    super(reason)
  }
}

/**
 * Puts what it takes to issue tokens on the context.
 *
 * @throws ApiError 404 if there is no key to sign them
 */
export function requireIssuer(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: IssuerVariables
}> {
  return async function requireIssuer(c, next) {
    const { issuer } = await loadSettings(c.env)
    if (issuer === undefined) throw notFound()
    c.set('cacheControl', 'no-store')
    c.set('issuer', issuer)
    await next()
  }
}

/**
 * Counts a token request by its grant and address, before the database is asked.
 *
 * @throws ApiError 429 if the address has asked too often
 */
export function limitGrants(): MiddlewareHandler<ClientEnv> {
  return async function limitGrants(c, next) {
    await limitTokenRequests(c.env, c.req.raw, c.get('tokenRequest').grantType)
    await next()
  }
}

/**
 * Puts the client on the context, once its key allows the grant that it asks for.
 *
 * @throws ApiError 401, which reads alike for an unknown client and a wrong secret, or 429
 */
export function requireClient(): MiddlewareHandler<ClientEnv> {
  return async function requireClient(c, next) {
    const request = c.get('tokenRequest')
    const { applicationKeys } = await loadSettings(c.env)
    const openKeys = () => open(c, primaryDatabase(c.env.DB))
    const key = await applicationKeys.find(request.clientId, openKeys)
    try {
      c.set('client', await authenticate(request, key))
    } catch (error) {
      if (!(error instanceof ClientRefused)) throw error
      await limitFailures(c.env, c.req.raw)
      throw unauthorized(error, request.challenge)
    }
    await next()
  }
}

/** Compares the secret of an unknown client too: neither words nor time give it away. */
async function authenticate(
  request: TokenRequest,
  key: ApplicationKey | undefined,
): Promise<Client> {
  const { clientId, grantType, secrets } = request
  const matches = await Promise.all(secrets.map((secret) => matchesSecret(secret, key)))
  if (key === undefined) throw new ClientRefused('unknown_client')
  if (grantType === 'client_credentials') {
    if (key.secretDigest === null) throw new ClientRefused('implicit_only')
    if (!matches.includes(true)) throw new ClientRefused('wrong_secret')
  }
  return { clientId, storeId: key.storeId, grantType }
}

function unauthorized(refusal: ClientRefused, challenge: string): ApiError {
  const detail = 'The client id or the client secret is wrong'
  return new ApiError(401, [{ title: 'Unauthorized', detail }], {
    headers: { 'WWW-Authenticate': challenge },
    cause: refusal,
  })
}
