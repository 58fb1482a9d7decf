// Tokens of real identity providers, over real connections, at a Worker that ACCOUNT_TOKENS alone adapts.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../tools/lib/ports.ts'
import {
  accountOf,
  beginSignIn,
  type LocalProvider,
  requestTokens,
  startProvider,
  type Tokens,
} from '../../tools/start/provider.ts'
import { mintAccessToken } from '../../tools/tokens/mint.ts'
import { type BuiltWorker, buildWorker, type Serving } from '../proofs/built-worker.ts'
import { called } from '../tools/finished.ts'
import { Browser } from './sign-in.ts'

let built: BuiltWorker
const serving: Serving[] = []
beforeAll(async () => {
  built = await buildWorker('identity-providers')
}, 60_000)
afterAll(async () => {
  for (const each of serving) await each.kill()
})

/** The Worker with these three settings beside its own. */
async function serve(issuer: string, jwksUrl: string, rules: object): Promise<Serving> {
  const worker = await built.serve({
    database: crypto.randomUUID(),
    bindings: {
      ACCOUNT_ISSUER: issuer,
      ACCOUNT_JWKS_URL: jwksUrl,
      ACCOUNT_TOKENS: JSON.stringify(rules),
    },
  })
  serving.push(worker)
  return worker
}

/** What the Worker answers to the token, and what its log says about it. */
interface Outcome {
  status: number
  reason: string | undefined
  /** The name of the claim at fault. */
  claim: string | undefined
  body: unknown
}

function accessToken(): Promise<string> {
  const who = { clientId: 'storefront', storeId: 'demo', expiresInSeconds: 600 }
  return mintAccessToken(built.settings, { ...who, grantType: 'implicit' })
}

async function ask(
  { urls, output }: Serving,
  accountToken: string,
  path = '/v2/carts',
  body?: object,
): Promise<Outcome> {
  const response = await fetch(new URL(path, urls[0]), {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${await accessToken()}`,
      'EP-Account-Management-Authentication-Token': accountToken,
    },
  })
  const id = response.headers.get('X-Request-Id') ?? ''
  await expect.poll(output).toContain(id)
  const line = output()
    .split('\n')
    .find((each) => each.includes(id))
  const { reason, claim } = Object(JSON.parse(line ?? '{}'))
  return { status: response.status, reason, claim, body: await response.json() }
}

describe('oidc-provider', () => {
  const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'PS256'] as const
  const resourceOf = (alg: string) => `https://api.shop.example/${alg}`

  let provider: LocalProvider
  let worker: Serving
  beforeAll(async () => {
    provider = await startProvider({
      audience: built.settings.audience,
      resources: Object.fromEntries(ALGORITHMS.map((alg) => [resourceOf(alg), alg])),
    })
    worker = await serve(provider.issuer, provider.jwksUrl, {
      typ: 'at+jwt',
      audience: built.settings.audience,
      account_claim: 'account_id',
      store: 'demo',
    })
  })
  afterAll(() => provider.close())

  /** Signs in on its pages, and asks for the tokens of that. */
  async function signIn(name: string, alg = 'RS256', device = new Browser()): Promise<Tokens> {
    const { url, state, tokensFor } = beginSignIn(provider, resourceOf(alg))
    url.searchParams.set('nonce', state)
    const { searchParams } = new URL((await device.signIn(url, name)).url)
    return await tokensFor(searchParams.get('code') ?? '')
  }

  it.each(ALGORITHMS)('signs shoppers in whose access token is %s: 200', async (alg) => {
    const { access_token: token } = await signIn('ada@shop.example', alg)

    expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: 'at+jwt' })
    expect((await ask(worker, token)).status).toBe(200)
  })

  it('has the cart of the phone on the laptop, and on nobody else’s', async () => {
    const phone = await signIn('ben@shop.example')
    const laptop = await signIn('ben@shop.example', 'ES256')
    const stranger = await signIn('eve@shop.example')

    const cart = crypto.randomUUID()
    const path = `/v2/carts/${cart}/relationships/accounts`
    const account = { type: 'account', id: accountOf('ben@shop.example') }
    const associated = await ask(worker, phone.access_token, path, { data: [account] })
    const found = await ask(worker, laptop.access_token)
    const others = await ask(worker, stranger.access_token)

    expect(associated).toMatchObject({ status: 200, body: { data: [account] } })
    expect(Object(found.body).data).toMatchObject([{ id: cart }])
    expect(Object(others.body).data).toEqual([])
  })

  it('has its ID token refused by its header, its machine token by its subject', async () => {
    const { id_token: idToken } = await signIn('ada@shop.example')
    const machine = await requestTokens(provider, {
      grant_type: 'client_credentials',
      resource: resourceOf('RS256'),
    })

    expect(await ask(worker, idToken)).toMatchObject({
      status: 403,
      reason: 'TokenRefused: wrong_type',
    })
    expect(await ask(worker, machine.access_token)).toMatchObject({
      status: 403,
      reason: 'TokenRefused: invalid_claim',
      claim: 'sub',
    })
  })

  it('has its ID token refused as one, even by a Worker that takes the client for the audience', async () => {
    const rules = { typ: 'JWT', account_claim: 'sub', store: 'demo' }
    const api = { ...rules, audience: built.settings.audience }
    const client = { ...rules, audience: provider.client.id }
    const { id_token: idToken } = await signIn('ada')

    const [forApi, forClient] = [
      await ask(await serve(provider.issuer, provider.jwksUrl, api), idToken),
      await ask(await serve(provider.issuer, provider.jwksUrl, client), idToken),
    ]

    expect(forApi).toMatchObject({
      status: 403,
      reason: 'TokenRefused: wrong_audience',
      claim: 'aud',
    })
    expect(forClient).toMatchObject({ status: 403, reason: 'TokenRefused: id_token' })
  })
})

describe('better-auth', () => {
  let close: () => void
  let origin: string
  let worker: Serving
  let sign: (payload: object, audience?: string) => Promise<string>
  beforeAll(async () => {
    const port = await freePort()
    origin = `http://127.0.0.1:${port}`
    const audience = 'https://api.shop.example'
    const auth = betterAuth({
      baseURL: origin,
      secret: crypto.randomUUID(),
      database: memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] }),
      emailAndPassword: { enabled: true },
      session: { cookieCache: { enabled: true, strategy: 'jwt' } },
      plugins: [jwt({ jwt: { audience } })],
      telemetry: { enabled: false },
    })
    sign = async (payload, aud = audience) => {
      const claims = { iat: Math.floor(Date.now() / 1000), sub: 'ada', ...payload }
      return (await auth.api.signJWT({ body: { payload: { aud, ...claims } } })).token
    }
    const server = createServer(toNodeHandler(auth)).listen(port, '127.0.0.1')
    await once(server, 'listening')
    close = () => server.close()
    const rules = { typ: 'JWT', audience, account_claim: 'sub', store: 'demo' }
    worker = await serve(origin, `${origin}/api/auth/jwks`, rules)
  })
  afterAll(() => close())

  /** Signs up; returns the JWT for other services, and what the browser keeps. */
  async function signUp(): Promise<{ token: string; cookies: Map<string, string> }> {
    const response = await fetch(new URL('/api/auth/sign-up/email', origin), {
      method: 'POST',
      headers: { Origin: origin, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: 'Ada',
        email: `${crypto.randomUUID()}@a.example`,
        password: 'long enough',
      }),
    })
    const pairs = response.headers.getSetCookie().map((cookie) => /^([^=]+)=([^;]*)/.exec(cookie))
    const cookies = new Map(pairs.map((pair) => [pair?.[1] ?? '', pair?.[2] ?? '']))
    const headers = { Cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }
    const { token } = Object(
      await (await fetch(new URL('/api/auth/token', origin), { headers })).json(),
    )
    return { token, cookies }
  }

  it('signs shoppers up whose JWT is EdDSA and names no type: 200', async () => {
    const { token } = await signUp()

    expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', kid: expect.any(String) })
    expect((await ask(worker, token)).status).toBe(200)
  })

  it('is enough for smoke, if it is told the account', async () => {
    const { token } = await signUp()
    const tokens = ['--account-token', token, '--access-token', await accessToken()]

    const args = [...tokens, '--account', String(decodeJwt(token).sub)]
    const { out } = await called('smoke', worker.urls[0] ?? '', ...args)

    // No assets are served here, so its last two cases fail.
    expect(out).toMatch(/^A new association +200 +200 +\d+ +yes$/m)
    expect(out).toMatch(/^A shopper dissociates +204 +204 +\d+ +yes$/m)
  })

  it('has its session refused, and a JWT for another audience or without a subject', async () => {
    const { cookies } = await signUp()
    const session = cookies.get('better-auth.session_token') ?? ''
    const cached = cookies.get('better-auth.session_data') ?? ''

    const reasons = []
    for (const token of [
      session,
      cached,
      await sign({}, 'https://other.example'),
      await sign({ sub: '' }),
    ]) {
      const { status, reason, claim = '' } = await ask(worker, token)
      reasons.push(`${status} ${reason} ${claim}`.trim())
    }

    expect(reasons).toEqual([
      '403 TokenRefused: malformed',
      '403 TokenRefused: wrong_algorithm',
      '403 TokenRefused: wrong_audience aud',
      '403 TokenRefused: invalid_claim sub',
    ])
  })
})
