// Tokens of issuers elsewhere, over real connections: their keys are fetched, and ACCOUNT_TOKENS says what their
// account tokens look like.
import { once } from 'node:events'
import { createServer } from 'node:http'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { decodeJwt, decodeProtectedHeader, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { projectRoot } from '../../tools/lib/directories.ts'
import { freePort } from '../../tools/lib/ports.ts'
import { onOutput, startNode, stopAll } from '../../tools/lib/processes.ts'
import {
  accountOf,
  beginSignIn,
  type LocalProvider,
  requestTokens,
  startProvider,
  type Tokens,
} from '../../tools/start/provider.ts'
import { newKeyPair } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken } from '../../tools/tokens/mint.ts'
import { type BuiltWorker, buildWorker, type Serving } from '../proofs/built-worker.ts'
import { called, newDirectory } from '../tools/finished.ts'

let built: BuiltWorker
beforeAll(async () => {
  built = await buildWorker('identity-providers')
}, 60_000)
afterAll(stopAll)

interface Page {
  url: string
  text: string
}

/** A browser as far as a sign-in needs one: it keeps cookies, follows redirects, and submits the one form of a page. */
class Browser {
  readonly cookies = new Map<string, string>()

  async open(url: string | URL, init: RequestInit = {}): Promise<Page> {
    const headers = new Headers(init.headers)
    headers.set('Cookie', [...this.cookies].map((pair) => pair.join('=')).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    const location = response.headers.get('Location')
    if (location === null) return { url: String(url), text: await response.text() }
    return await this.open(new URL(location, url))
  }

  /** Submits the form of a page, with what its hidden fields say and what was typed. */
  async submit({ url, text }: Page, typed: Record<string, string> = {}): Promise<Page> {
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(text) ?? []
    const hidden = [...text.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const fields = hidden.map(([, name = '', value = '']): [string, string] => [name, value])
    const body = new URLSearchParams({ ...Object.fromEntries(fields), ...typed })
    return await this.open(new URL(action, url), { method: 'POST', body })
  }

  /** Signs in on the provider's page under a name, and agrees if it asks whether the shop may know. */
  async signIn(url: string | URL, name: string): Promise<Page> {
    const signIn = await this.open(url)
    const next = await this.submit(signIn, { login: name, password: 'any' })
    return next.text.includes('value="consent"') ? await this.submit(next) : next
  }
}

/** The Worker with these three settings beside its own. */
async function serve(issuer: string, jwksUrl: string, rules: object): Promise<Serving> {
  return await built.serve({
    database: crypto.randomUUID(),
    bindings: {
      ACCOUNT_ISSUER: issuer,
      ACCOUNT_JWKS_URL: jwksUrl,
      ACCOUNT_TOKENS: JSON.stringify(rules),
    },
  })
}

function accessToken(): Promise<string> {
  const who = { clientId: 'storefront', storeId: 'demo', expiresInSeconds: 600 }
  return mintAccessToken(built.settings, { ...who, grantType: 'implicit' })
}

/** Returns the body, and the status with what the log says: the reason, and the name of the claim at fault. */
async function ask(
  { urls, output }: Serving,
  accountToken: string,
  path = '/v2/carts',
  body?: object,
) {
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
  const lines = output().split('\n')
  const { reason = '', claim = '' } = JSON.parse(lines.find((line) => line.includes(id)) ?? '{}')
  const { data } = Object(await response.json())
  return { outcome: `${response.status} ${reason} ${claim}`.trim(), data }
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
  async function signIn(name: string, alg = 'RS256'): Promise<Tokens> {
    const { url, state, tokensFor } = beginSignIn(provider, resourceOf(alg))
    url.searchParams.set('nonce', state)
    const { searchParams } = new URL((await new Browser().signIn(url, name)).url)
    return await tokensFor(searchParams.get('code') ?? '')
  }

  it.each(ALGORITHMS)('signs shoppers in whose access token is %s: 200', async (alg) => {
    const { access_token: token } = await signIn('ada@shop.example', alg)

    expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: 'at+jwt' })
    expect((await ask(worker, token)).outcome).toBe('200')
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

    expect(associated).toEqual({ outcome: '200', data: [account] })
    expect(found.data).toMatchObject([{ id: cart }])
    expect(others.data).toEqual([])
  })

  it('has its machine token refused, and its ID token by whatever rules', async () => {
    const { id_token: idToken } = await signIn('ada@shop.example')
    const resource = resourceOf('RS256')
    const grant = { grant_type: 'client_credentials', resource }
    const machine = await requestTokens(provider, grant)
    const serveUntyped = (audience: string) => {
      const rules = { typ: 'JWT', audience, account_claim: 'sub', store: 'demo' }
      return serve(provider.issuer, provider.jwksUrl, rules)
    }

    const refusals = [
      await ask(worker, machine.access_token),
      await ask(worker, idToken),
      await ask(await serveUntyped(built.settings.audience), idToken),
      await ask(await serveUntyped(provider.client.id), idToken),
    ]

    expect(refusals.map(({ outcome }) => outcome)).toEqual([
      '403 TokenRefused: invalid_claim sub',
      '403 TokenRefused: wrong_type',
      '403 TokenRefused: wrong_audience aud',
      '403 TokenRefused: id_token',
    ])
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
    const browser = new Browser()
    const email = `${crypto.randomUUID()}@a.example`
    await browser.open(new URL('/api/auth/sign-up/email', origin), {
      method: 'POST',
      headers: { Origin: origin, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'Ada', email, password: 'long enough' }),
    })
    const { text } = await browser.open(new URL('/api/auth/token', origin))
    return { token: JSON.parse(text).token, cookies: browser.cookies }
  }

  it('signs shoppers up whose JWT is EdDSA and names no type: 200', async () => {
    const { token } = await signUp()

    expect(decodeProtectedHeader(token)).toEqual({ alg: 'EdDSA', kid: expect.any(String) })
    expect((await ask(worker, token)).outcome).toBe('200')
  })

  it('is enough for smoke, if it is told the account', async () => {
    const { token } = await signUp()
    vi.stubEnv('SMOKE_ACCOUNT_TOKEN', token)
    vi.stubEnv('SMOKE_ACCESS_TOKEN', await accessToken())
    vi.stubEnv('SMOKE_ACCOUNT', String(decodeJwt(token).sub))

    const { out } = await called('smoke', worker.urls[0] ?? '')

    // No assets are served here, so its last two cases fail.
    expect(out).toMatch(/^A new association +200 +200 +\d+ +yes$/m)
    expect(out).toMatch(/^A shopper dissociates +204 +204 +\d+ +yes$/m)
  })

  it('has its session refused, and a JWT for another audience or without a subject', async () => {
    const { cookies } = await signUp()
    const session = cookies.get('better-auth.session_token') ?? ''
    const cached = cookies.get('better-auth.session_data') ?? ''

    const refusals = [
      await ask(worker, session),
      await ask(worker, cached),
      await ask(worker, await sign({}, 'https://other.example')),
      await ask(worker, await sign({ sub: '' })),
    ]

    expect(refusals.map(({ outcome }) => outcome)).toEqual([
      '403 TokenRefused: malformed',
      '403 TokenRefused: wrong_algorithm',
      '403 TokenRefused: wrong_audience aud',
      '403 TokenRefused: invalid_claim sub',
    ])
  })
})

describe('npm start -- --provider', () => {
  let output = ''
  beforeAll(async () => {
    const directory = newDirectory()
    const ports = ['--port', await freePort(), '--inspector-port', await freePort()].map(String)
    const state = ['--persist-to', directory, '--env-file', path.join(directory, '.dev.vars')]
    const command = ['--', path.join(projectRoot, 'tools', 'cli.mjs'), 'start', '--provider']
    const child = startNode([...command, ...ports, ...state], { TMPDIR: directory }, directory)
    onOutput(child, (text) => {
      output += text
    })
    await vi.waitFor(() => expect(output).toContain('Ctrl-C stops the Worker'), 60_000)
  }, 60_000)

  it('prints the settings, and shows the cart of the phone on the laptop of whoever signs in as the same', async () => {
    const [, url = ''] = /^Sign in +(\S+)\/$/m.exec(output) ?? []
    const signIn = (device: string, name: string) => new Browser().signIn(`${url}/${device}`, name)

    const phone = await signIn('phone', 'ada@shop.example')
    const laptop = await signIn('laptop', 'ada@shop.example')
    const stranger = await signIn('laptop', 'eve@shop.example')

    const [, cart = 'none'] = /200 \/v2\/carts\/([\w-]+)\//.exec(phone.text) ?? []
    expect(output).toContain('  [vars.ACCOUNT_TOKENS]\n  typ = "at+jwt"\n')
    expect(phone.text).toContain('"typ": "at+jwt"')
    expect(laptop.text).toContain(`"id": "${cart}"`)
    expect(stranger.text).toContain('200 /v2/carts')
    expect(stranger.text).not.toContain(cart)
  })
})

describe('the keys of an issuer of access tokens', () => {
  it('are fetched once for requests that come at once, and once more for a key that is new', async () => {
    const [first, second] = [await newIssuerKey(), await newIssuerKey()]
    let published = [first.publicJwk]
    let fetches = 0
    const port = await freePort()
    const server = createServer(async (_request, response) => {
      fetches += 1
      // Slow enough for requests to arrive during a fetch.
      await sleep(300)
      response.end(JSON.stringify({ keys: published }))
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    const bindings = { AUTH_JWKS_URL: `http://127.0.0.1:${port}` }
    const { urls } = await built.serve({ database: crypto.randomUUID(), bindings })
    const ask = async (token: string, signal: AbortSignal | null = null) => {
      const headers = { Authorization: `Bearer ${token}` }
      const path = `/v2/carts/${crypto.randomUUID()}/relationships/accounts`
      return (await fetch(new URL(path, urls[0]), { headers, signal })).status
    }
    const many = async (token: () => Promise<string>) =>
      new Set(await Promise.all(Array.from({ length: 50 }, async () => ask(await token()))))

    // Whoever began the fetch has gone before it ends.
    const brokenOff = ask(await first.sign(), AbortSignal.timeout(100))
    const others = many(first.sign)
    await expect(brokenOff).rejects.toThrow('timeout')
    expect(await others).toEqual(new Set([200]))
    expect(fetches).toBe(1)

    published = [first.publicJwk, second.publicJwk]
    expect(await many(second.sign)).toEqual(new Set([200]))
    expect(await many(first.sign)).toEqual(new Set([200]))
    expect(fetches).toBe(2)

    expect(await many(() => first.sign(crypto.randomUUID()))).toEqual(new Set([401]))
    expect(fetches).toBe(2)
    server.close()
  })
})

/** A key of an issuer, and the server tokens that it signs, under any `kid`. */
async function newIssuerKey() {
  const { publicJwk, privateJwk } = await newKeyPair()
  const { kid = '' } = publicJwk
  const key = await importJWK(privateJwk, 'ES256')
  const who = { clientId: 'order-service', storeId: 'demo', expiresInSeconds: 600 }
  const sign = (named = kid) => {
    const signingKey = { ...built.settings.signingKey, kid: named, key }
    const settings = { ...built.settings, signingKey }
    return mintAccessToken(settings, { ...who, grantType: 'client_credentials' })
  }
  return { publicJwk, sign }
}
