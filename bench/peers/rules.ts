// What both peers share: who calls, what a body asks for, and the documents that answer.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  importJWK,
  type JWTVerifyGetKey,
  jwtVerify,
  SignJWT,
} from 'jose'
import * as v from 'valibot'

/** An answer that refuses the request. */
export class ApiError extends Error {
  readonly status: 400 | 401 | 403 | 500
  readonly details: { detail?: string; source?: string }

  constructor(status: ApiError['status'], title: string, details: ApiError['details'] = {}) {
    super(title)
    this.status = status
    this.details = details
  }
}

/** Who issues tokens, for whom, and the keys. */
export interface Authority {
  issuer: string
  audience: string
  keySet: JWTVerifyGetKey
  signing: { kid: string; alg: string; key: CryptoKey | Uint8Array }
}

/** A shopper acts for one account, a server for each of its store. */
export interface Caller {
  storeId: string
  subject: string
  accountId: string | undefined
}

/** Who may ask for tokens, as the database has it. */
export interface ApplicationKey {
  storeId: string
  /** SHA-256 in hex. */
  secretDigest: string | null
}

export interface Page {
  limit: number
  offset: number
}

export interface Cart {
  cartId: string
  /** Unix time in milliseconds. */
  createdAt: number
}

/** The last row that paging can reach. */
export const MAX_COUNTED = 10_100

const safeId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,255}$/))
const grantType = v.picklist(['implicit', 'client_credentials'])
const key = v.looseObject({ kty: v.string(), kid: v.string(), alg: v.string() })
const settings = v.object({
  AUTH_ISSUER: v.string(),
  AUTH_AUDIENCE: v.string(),
  AUTH_JWKS: v.pipe(v.string(), v.parseJson(), v.object({ keys: v.array(key) })),
  AUTH_SIGNING_JWK: v.pipe(v.string(), v.parseJson(), key),
})
const accessClaims = v.object({ sub: safeId, store_id: safeId, grant_type: grantType })
const accountClaims = v.object({ sub: v.string(), store_id: safeId, account_id: safeId })
const accounts = v.object({
  data: v.pipe(
    v.array(v.object({ type: v.literal('account'), id: safeId })),
    v.minLength(1),
    v.maxLength(100),
  ),
})
const tokenRequest = v.object({
  grant_type: grantType,
  client_id: safeId,
  client_secret: v.optional(v.string()),
})
const digits = v.pipe(v.string(), v.regex(/^\d{1,5}$/), v.transform(Number))
const page = v.object({
  'page[limit]': v.optional(v.pipe(digits, v.minValue(1), v.maxValue(100)), '20'),
  'page[offset]': v.optional(v.pipe(digits, v.maxValue(10_000)), '0'),
})

export async function loadAuthority(env: NodeJS.ProcessEnv): Promise<Authority> {
  const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS, AUTH_SIGNING_JWK: jwk } = v.parse(settings, env)
  return {
    issuer: AUTH_ISSUER,
    audience: AUTH_AUDIENCE,
    keySet: createLocalJWKSet(AUTH_JWKS),
    signing: { kid: jwk.kid, alg: jwk.alg, key: await importJWK(jwk, jwk.alg) },
  }
}

/** @throws ApiError 401 or 403 */
export async function callerOf(
  authority: Authority,
  authorization = '',
  accountToken = '',
): Promise<Caller> {
  const bearer = /^Bearer +(.+)$/i.exec(authorization)?.[1] ?? ''
  const access = await verify(authority, bearer, 'at+jwt', accessClaims)
  if (access === undefined) throw new ApiError(401, 'Unable to validate access token')
  const { store_id: storeId, sub, grant_type } = access
  if (accountToken === '') {
    if (grant_type === 'client_credentials') return { storeId, subject: sub, accountId: undefined }
    throw new ApiError(403, 'Forbidden')
  }
  const account = await verify(authority, accountToken, 'account+jwt', accountClaims)
  if (account?.store_id !== storeId) {
    throw new ApiError(403, 'Unable to validate account management authentication token')
  }
  return { storeId, subject: account.sub, accountId: account.account_id }
}

async function verify<Schema extends v.GenericSchema>(
  { issuer, audience, keySet }: Authority,
  token: string,
  typ: string,
  schema: Schema,
): Promise<v.InferOutput<Schema> | undefined> {
  const options = { typ, issuer, audience, requiredClaims: ['exp'], maxTokenAge: '30 days' }
  try {
    const { payload } = await jwtVerify(token, keySet, { ...options, clockTolerance: 5 })
    return v.parse(schema, payload)
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof v.ValiError) return undefined
    throw error
  }
}

/** @throws ApiError 400 */
export function cartIdOf(text: string): string {
  return parse(safeId, text, 'pattern', 'cartID')
}

/** @throws ApiError 400 or 403 */
export function accountIdsOf(caller: Caller, body: unknown): string[] {
  const { data } = parse(accounts, body, 'Invalid json payload', 'data')
  const ids = [...new Set(data.map(({ id }) => id))]
  if (caller.accountId === undefined) return ids
  if (ids.length > 1) throw new ApiError(403, 'Cannot associate more than one account')
  if (ids[0] !== caller.accountId) throw notPermitted()
  return ids
}

/** The account whose carts are listed: a server names one. @throws ApiError 400 */
export function listedAccount({ accountId }: Caller, filter = ''): string {
  if (accountId !== undefined) return accountId
  const named = /^contains\(account_ids,"?([^"]*)"?\)$/.exec(filter)?.[1]
  return parse(safeId, named, 'Bad Request', 'filter')
}

/** @throws ApiError 400 */
export function pageOf(query: unknown): Page {
  const { 'page[limit]': limit, 'page[offset]': offset } = parse(page, query, 'Bad Request', 'page')
  return { limit, offset }
}

/** @throws ApiError 400 */
export function tokenRequestOf(body: unknown): v.InferOutput<typeof tokenRequest> {
  return parse(tokenRequest, body, 'Bad Request', 'grant_type')
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  title: string,
  source: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw new ApiError(400, title, { detail: result.issues[0].message, source })
}

/** The body of a token answer. @throws ApiError 401 */
export async function grantToken(
  { issuer, audience, signing: { kid, alg, key } }: Authority,
  request: ReturnType<typeof tokenRequestOf>,
  client: ApplicationKey | undefined,
): Promise<object> {
  const { client_id, client_secret = '', grant_type } = request
  const secret = grant_type === 'implicit' || hasDigest(client_secret, client?.secretDigest)
  if (client === undefined || !secret) {
    throw new ApiError(401, 'Unauthorized', {
      detail: 'The client id or the client secret is wrong',
    })
  }
  const issuedAt = Math.floor(Date.now() / 1000)
  const expires = issuedAt + 3600
  const token = new SignJWT({ client_id, store_id: client.storeId, grant_type })
    .setProtectedHeader({ alg, kid, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(client_id)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(expires)
  return {
    access_token: await token.sign(key),
    expires,
    expires_in: 3600,
    identifier: grant_type,
    token_type: 'Bearer',
  }
}

function hasDigest(secret: string, digest: string | null | undefined): boolean {
  const actual = createHash('sha256').update(secret).digest()
  const expected = Buffer.from(digest ?? '0'.repeat(64), 'hex')
  return timingSafeEqual(actual, expected)
}

/** The same words for another's account and for another's cart. */
export function notPermitted(): ApiError {
  const title = 'Account does not have the required permissions to fulfill this request'
  return new ApiError(403, title)
}

export function errorDocument({ status, message: title, details }: ApiError): object {
  return { errors: [{ status, title, ...details }] }
}

export function accountsDocument(ids: readonly string[]): object {
  return { data: ids.map((id) => ({ type: 'account', id })) }
}

/** One page of the carts of an account; `url` is that of the request. */
export function cartsDocument(
  url: string,
  accountId: string,
  { limit, offset }: Page,
  total: number,
  carts: readonly Cart[],
): object {
  const { origin, pathname, searchParams } = new URL(url)
  const filter = searchParams.get('filter')
  const linkTo = (target: number): string => {
    const query = { 'page[limit]': String(limit), 'page[offset]': String(target) }
    return `${origin}${pathname}?${new URLSearchParams(filter === null ? query : { filter, ...query })}`
  }
  const pages = Math.ceil(total / limit)
  const lastPage = Math.min(Math.max(pages - 1, 0), Math.floor(10_000 / limit))
  const next = offset + limit
  return {
    data: carts.map(({ cartId, createdAt }) => {
      const at = new Date(createdAt).toISOString()
      return {
        type: 'cart',
        id: cartId,
        meta: { timestamps: { created_at: at, updated_at: at } },
        relationships: { accounts: accountsDocument([accountId]), items: { data: [] } },
        links: { self: `${origin}/v2/carts/${cartId}` },
      }
    }),
    meta: {
      page: { limit, offset, current: Math.floor(offset / limit) + 1, total: pages },
      results: { total },
    },
    links: {
      current: linkTo(offset),
      first: linkTo(0),
      last: linkTo(lastPage * limit),
      next: next < total && next <= 10_000 ? linkTo(next) : null,
      prev: offset > 0 ? linkTo(Math.max(0, offset - limit)) : null,
    },
  }
}
