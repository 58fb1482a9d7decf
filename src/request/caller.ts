// Who calls, and whether they may at all (contract, sections 1 to 3).
import type { Context, MiddlewareHandler } from 'hono'
import type { Bindings } from '../bindings.ts'
import { ApiError } from '../errors.ts'
import { limitAccount, limitFailures } from '../rate-limits.ts'
import { loadSettings, type Settings } from '../settings.ts'
import type { AccountToken, Client } from '../tokens/kinds.ts'
import { countsAsFailure, TokenRefused, whatToTell } from '../tokens/refusal.ts'
import { verifyAccessToken, verifyAccountToken } from '../tokens/verify.ts'

/** A shopper acts for one account, a server for every account of its store. */
export type Caller =
  | { kind: 'shopper'; storeId: string; accountId: string; subject: string }
  | { kind: 'server'; storeId: string; subject: string }

/** An implicit access token alone: it can make a cart, and nothing else. */
export interface Guest {
  kind: 'guest'
  storeId: string
}

export interface CallerVariables {
  caller: Caller
  /** For the log, also if the account token beside the access token is refused. */
  client: Client
  /** How long it took to know the caller, in milliseconds. */
  authMs: number
}

interface CallerEnv {
  Bindings: Bindings
  Variables: CallerVariables
}

interface VisitorEnv {
  Bindings: Bindings
  Variables: Omit<CallerVariables, 'caller'> & { visitor: Caller | Guest }
}

const ACCOUNT_TOKEN_HEADER = 'EP-Account-Management-Authentication-Token'

/**
 * Puts the caller on the context.
 *
 * @throws ApiError 401 or 403, or 429 if the address has failed too often
 * @throws SettingsError
 */
export function requireCaller(): MiddlewareHandler<CallerEnv> {
  return async function requireCaller(c, next) {
    const visitor = await identify(c)
    if (visitor.kind === 'guest') throw guestRefused()
    c.set('caller', visitor)
    await next()
  }
}

/**
 * Puts the visitor on the context: a caller, or a guest.
 *
 * @throws ApiError 401 or 403, or 429 if the address has failed too often
 * @throws SettingsError
 */
export function requireVisitor(): MiddlewareHandler<VisitorEnv> {
  return async function requireVisitor(c, next) {
    c.set('visitor', await identify(c))
    await next()
  }
}

/**
 * Counts a shopper by store and account; a server is not limited here.
 *
 * @throws ApiError 429 if the account has asked too often
 */
export function limitShoppers(): MiddlewareHandler<{
  Bindings: Bindings
  Variables: { caller?: Caller; visitor?: Caller | Guest }
}> {
  return async function limitShoppers(c, next) {
    const caller = c.get('caller') ?? c.get('visitor')
    if (caller?.kind === 'shopper') await limitAccount(c.env, caller.storeId, caller.accountId)
    await next()
  }
}

async function identify(c: Context): Promise<Caller | Guest> {
  const now = new Date()
  try {
    const settings = await loadSettings(c.env)
    const client = await identifyClient(c, settings, now)
    c.set('client', client)
    return authorize(client, await identifyAccount(c, settings, now, client.storeId))
  } finally {
    c.set('authMs', Date.now() - now.getTime())
  }
}

async function identifyClient(c: Context, { accessTokens }: Settings, now: Date): Promise<Client> {
  const token = bearerToken(c.req.header('Authorization'))
  try {
    return await verifyAccessToken(token, accessTokens, now)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    if (countsAsFailure(error.reason)) await limitFailures(c.env, c.req.raw)
    throw unauthorized(error)
  }
}

async function identifyAccount(
  c: Context,
  { accountTokens }: Settings,
  now: Date,
  storeId: string,
): Promise<AccountToken | undefined> {
  const token = accountToken(c.req.header(ACCOUNT_TOKEN_HEADER))
  if (token === '') return undefined
  try {
    return await verifyAccountToken(token, accountTokens, now, storeId)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    if (countsAsFailure(error.reason)) await limitFailures(c.env, c.req.raw)
    throw accountTokenRefused(error)
  }
}

function authorize(
  { clientId, storeId, grantType }: Client,
  account?: AccountToken,
): Caller | Guest {
  if (account !== undefined) {
    return { kind: 'shopper', storeId, accountId: account.accountId, subject: account.memberId }
  }
  if (grantType === 'client_credentials') return { kind: 'server', storeId, subject: clientId }
  return { kind: 'guest', storeId }
}

function guestRefused(): ApiError {
  return new ApiError(403, [
    {
      title: 'Forbidden',
      detail: `An ${ACCOUNT_TOKEN_HEADER} header is required unless the access token grant type is client_credentials`,
    },
  ])
}

/** The token of RFC 6750, section 2.1; the scheme has no case (RFC 9110, section 11.1). */
function bearerToken(authorization = ''): string {
  return /^Bearer +(.+)$/i.exec(authorization)?.[1] ?? ''
}

/**
 * The account token, or an empty text. Published clients send the header in two spellings of its name,
 * which HTTP joins by a comma; two different tokens stay joined, and are refused as malformed.
 */
function accountToken(header = ''): string {
  const values = header.split(',').map((value) => value.trim())
  return [...new Set(values.filter((value) => value !== ''))].join(',')
}

function unauthorized(refusal: TokenRefused): ApiError {
  const { challenge, detail } = whatToTell(refusal.reason)
  return new ApiError(401, [{ title: 'Unable to validate access token', detail }], {
    headers: { 'WWW-Authenticate': challenge },
    cause: refusal,
  })
}

/** Not 401: clients respond to that by renewing the access token, which cannot help here. */
function accountTokenRefused(refusal: TokenRefused): ApiError {
  const title = 'Unable to validate account management authentication token'
  return new ApiError(403, [{ title }], { cause: refusal })
}
