// The least that keeps the promises to a repeated association: both tokens verified, or known from then
// on; the body as the Worker reads it, bounded; a deadline for D1; every header, and the line of the log.
// If HELLO is bound, the least that Hono does: what the own CPU of the service is measured above.
import { Hono } from 'hono/tiny'
import { within } from '../../src/bounded.ts'
import { readJson } from '../../src/request/body.ts'
import { FIXED_HEADERS } from '../../src/response/responses.ts'

const DEADLINE_MS = 5_000
const ROUTE = '/v2/carts/:cartID/relationships/accounts'
const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const BASE64URL = { alphabet: 'base64url' } as const
const PROMISED = {
  ...FIXED_HEADERS,
  'Access-Control-Allow-Origin': '*',
  'X-D1-Bookmark': '00000000-00000000-00000000-00000000000000000000000000000000',
  'Server-Timing': 'auth;dur=0, db;dur=0',
}

interface Claims {
  exp: number
  store_id: string
  account_id?: string
}

const hello = new Hono().all('*', (c) => c.text('hello'))
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
const known = new Map<string, Claims>()
let key: Promise<CryptoKey> | undefined

export default {
  fetch(request, { AUTH_JWKS, HELLO }): Response | Promise<Response> {
    return HELLO === undefined ? associate(request, AUTH_JWKS) : hello.fetch(request)
  },
} satisfies ExportedHandler<{ AUTH_JWKS: string; HELLO?: string }>

async function associate(request: Request, keySet: string): Promise<Response> {
  const startedAt = Date.now()
  const requestId = crypto.randomUUID()
  key ??= crypto.subtle.importKey('jwk', JSON.parse(keySet).keys[0], ES256, false, ['verify'])
  const token = (name: string) => request.headers.get(name)?.split(' ').at(-1) ?? ''
  const access = await claimsOf(token('Authorization'), key)
  const account = await claimsOf(token('EP-Account-Management-Authentication-Token'), key)
  const isOwn =
    account.store_id === access.store_id && account.account_id === idIn(await readJson(request))
  const isCurrent = Math.min(access.exp, account.exp) * 1000 > startedAt
  // The database has the association.
  await within(DEADLINE_MS, Promise.resolve(), () => new Error('Late'))
  const status = isOwn && isCurrent ? 204 : 403
  const line = { request_id: requestId, method: request.method, route: ROUTE, status }
  const times = { ms: Date.now() - startedAt, auth_ms: 0, d1_attempts: 1, d1_ms: 0 }
  console.log(JSON.stringify({ ...line, ...times, store_id: access.store_id }))
  return new Response(null, { status, headers: { ...PROMISED, 'X-Request-Id': requestId } })
}

async function claimsOf(token: string, key: Promise<CryptoKey>): Promise<Claims> {
  const found = known.get(token)
  if (found !== undefined) return found
  const [header, payload = '', signature = ''] = token.split('.')
  const bytes = Uint8Array.fromBase64(signature, BASE64URL)
  const signed = new TextEncoder().encode(`${header}.${payload}`)
  if (!(await crypto.subtle.verify(ES256, await key, bytes, signed))) throw new Error('Not signed')
  const claims: Claims = JSON.parse(utf8.decode(Uint8Array.fromBase64(payload, BASE64URL)))
  known.set(token, claims)
  return claims
}

function idIn(body: unknown): unknown {
  const isDocument = typeof body === 'object' && body !== null && 'data' in body
  return isDocument && Array.isArray(body.data) ? body.data[0]?.id : undefined
}
