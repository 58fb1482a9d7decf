// A local identity provider: oidc-provider with real sign-in pages, on loopback, in memory.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { type JWK, Provider } from 'oidc-provider'
import * as v from 'valibot'
import { freePort } from '../lib/ports.ts'

const EXPIRES_IN_SECONDS = 60 * 60
/** Whatever has a lifetime; for one that has none, oidc-provider prints advice. */
const KINDS = ['AccessToken', 'ClientCredentials', 'Grant', 'IdToken', 'Interaction', 'Session']

export type Algorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA'

export interface ProviderOptions {
  /** The `aud` of its access tokens: the API, never the client that asks. */
  audience: string
  /** The resource indicators (RFC 8707) that clients may ask for, and what signs their tokens. */
  resources: Record<string, Algorithm>
}

export interface LocalProvider {
  issuer: string
  jwksUrl: string
  /** A shop's server. It signs shoppers in, and can ask for tokens of its own. */
  client: { id: string; secret: string; redirectUri: string }
  close: () => void
}

/** Starts it. `shop` serves the paths that are not the provider's own. */
export async function startProvider(
  { audience, resources }: ProviderOptions,
  shop: (provider: LocalProvider) => Record<string, RequestListener> = () => ({}),
): Promise<LocalProvider> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const client = { id: 'shop', secret: randomSecret(), redirectUri: `${issuer}/callback` }
  const algorithms = new Set<Algorithm>(['RS256', ...Object.values(resources)])
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: 'client_secret_post',
        redirect_uris: [client.redirectUri],
        grant_types: ['authorization_code', 'client_credentials'],
      },
    ],
    jwks: { keys: await Promise.all([...algorithms].map(signingKey)) },
    cookies: { keys: [randomSecret()] },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'cart',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resources[resource] ?? 'RS256' } },
        }),
      },
    },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    extraTokenClaims: (_context, token) =>
      'accountId' in token ? { account_id: accountOf(token.accountId) } : undefined,
    ttl: Object.fromEntries(KINDS.map((kind) => [kind, EXPIRES_IN_SECONDS])),
  })
  const local = { issuer, jwksUrl: `${issuer}/jwks`, client, close: () => server.close() }
  const pages = shop(local)
  const own = provider.callback()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', issuer)
    return (pages[pathname] ?? own)(request, response)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  // Does not keep a command alive whose Worker has ended.
  server.unref()
  return local
}

const tokens = v.object({ access_token: v.string(), id_token: v.optional(v.string(), '') })

/** The token of the API, and the ID token, which is the shop's alone and no token of an API. */
export type Tokens = v.InferOutput<typeof tokens>

/** Asks for tokens as the shop's server does: of the shopper who signed in, or of its own. */
export async function requestTokens(
  { issuer, client }: LocalProvider,
  grant: Record<string, string>,
): Promise<Tokens> {
  const secrets = { client_id: client.id, client_secret: client.secret }
  const body = new URLSearchParams({ ...grant, ...secrets })
  const response = await fetch(new URL('/token', issuer), { method: 'POST', body })
  return v.parse(tokens, await response.json())
}

/** A sign-in that waits for its shopper. */
export interface SignIn {
  url: URL
  /** Comes back with the code. */
  state: string
  tokensFor: (code: string) => Promise<Tokens>
}

/** Begins a sign-in for an API. Its page asks for the name even if this browser is signed in. */
export function beginSignIn(provider: LocalProvider, resource: string): SignIn {
  const { id: client_id, redirectUri: redirect_uri } = provider.client
  // Proves that the client that asks for the tokens has begun the sign-in (PKCE, RFC 7636).
  const verifier = randomSecret()
  const state = randomUUID()
  const search = new URLSearchParams({
    client_id,
    redirect_uri,
    resource,
    state,
    prompt: 'login',
    response_type: 'code',
    scope: 'openid cart',
    code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  })
  const grant = { grant_type: 'authorization_code', redirect_uri, resource }
  return {
    url: new URL(`/auth?${search}`, provider.issuer),
    state,
    tokensFor: (code) => requestTokens(provider, { ...grant, code, code_verifier: verifier }),
  }
}

/** Names sign-ins in any spelling by a safe id, which the name itself need not be. */
export function accountOf(name: string): string {
  return `account-${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** An RSA key must name its algorithm: by its kind alone it means RS256. */
async function signingKey(alg: Algorithm): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `local-${alg}` }
}
