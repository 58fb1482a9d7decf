// Who calls, and whether they may at all (contract, sections 1 to 3).
import type { Context, MiddlewareHandler } from 'hono'
import { ApiError } from './errors.ts'
import { limitFailures, limitShopper } from './rate-limits.ts'
import { type Bindings, loadSettings, type Settings } from './settings.ts'
import { type TokenRefusal, TokenRefused, whatToTell } from './token-refusal.ts'
import {
  type AccessToken,
  type AccountToken,
  verifyAccessToken,
  verifyAccountToken,
} from './tokens.ts'

/** A shopper acts for one account, a server for every account of its store. */
export type Caller =
  | { kind: 'shopper'; storeId: string; accountId: string; subject: string }
  | { kind: 'server'; storeId: string; subject: string }

export interface CallerVariables {
  caller: Caller
}

interface CallerEnv {
  Bindings: Bindings
  Variables: CallerVariables
}

const ACCOUNT_TOKEN_HEADER = 'EP-Account-Management-Authentication-Token'

/** Puts the caller on the context, or refuses the request. */
export function requireCaller(): MiddlewareHandler<CallerEnv> {
  return async function requireCaller(c, next) {
    const settings = await loadSettings(c.env)
    const now = new Date()
    const access = await identifyClient(c, settings, now)
    const account = await identifyAccount(c, settings, now, access.storeId)
    const caller = authorize(access, account)
    if (caller.kind === 'shopper') await limitShopper(c.env, caller.storeId, caller.accountId)
    c.set('caller', caller)
    await next()
  }
}

async function identifyClient(
  c: Context<CallerEnv>,
  { accessTokens }: Settings,
  now: Date,
): Promise<AccessToken> {
  const token = bearerToken(c.req.header('Authorization'))
  try {
    return await verifyAccessToken(token, accessTokens, now)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    await limitFailures(c.env, address(c))
    throw unauthorized(error.reason)
  }
}

async function identifyAccount(
  c: Context<CallerEnv>,
  { accountTokens }: Settings,
  now: Date,
  storeId: string,
): Promise<AccountToken | undefined> {
  const token = c.req.header(ACCOUNT_TOKEN_HEADER)
  if (token === undefined || token === '') return undefined
  try {
    return await verifyAccountToken(token, accountTokens, now, storeId)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    await limitFailures(c.env, address(c))
    // Not 401: clients answer that by renewing the access token, which cannot help here.
    throw new ApiError(403, [
      { title: 'Unable to validate account management authentication token' },
    ])
  }
}

function authorize(access: AccessToken, account: AccountToken | undefined): Caller {
  const { storeId } = access
  if (account !== undefined) {
    return { kind: 'shopper', storeId, accountId: account.accountId, subject: account.memberId }
  }
  if (access.grantType === 'client_credentials') {
    return { kind: 'server', storeId, subject: access.clientId }
  }
  throw new ApiError(403, [
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

function unauthorized(reason: TokenRefusal): ApiError {
  const { challenge, detail } = whatToTell(reason)
  return new ApiError(401, [{ title: 'Unable to validate access token', detail }], {
    headers: { 'WWW-Authenticate': challenge },
  })
}

/** Cloudflare sets this header on every request and lets no client choose it. */
function address(c: Context<CallerEnv>): string {
  return c.req.header('CF-Connecting-IP') ?? 'unknown'
}
