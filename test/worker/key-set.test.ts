import { describe, expect, it, vi } from 'vitest'
import { issuing } from './application-keys.ts'
import { accountsOf, type Changes, send, sendJsonWith, sendWith, uniqueId } from './requests.ts'
import { signedWith } from './stubs.ts'
import {
  accessParts,
  accountParts,
  newSigningKey,
  publicHalf,
  type SigningKey,
  server,
  sign,
  signingKey,
} from './tokens.ts'

const PATH = '/.well-known/jwks.json'

interface KeySet {
  keys: Record<string, string>[]
}

async function keysWith(changes: Changes): Promise<KeySet['keys']> {
  const response = await sendWith(changes, 'GET', PATH)
  expect(response.status).toBe(200)
  const { keys }: KeySet = await response.json()
  return keys
}

describe('GET /.well-known/jwks.json', () => {
  it('publishes the public keys, with the kind of token that each is for', async () => {
    const response = await send('GET', PATH)

    expect(response.status).toBe(200)
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=300')
    const { x, y } = signingKey('ES256')
    const { n, e } = signingKey('RS256')
    const common = (alg: string) => ({ kid: `test-${alg}`, alg, use: 'sig' })
    expect(await response.json()).toEqual({
      keys: [
        { ...common('ES256'), kty: 'EC', crv: 'P-256', x, y },
        { ...common('EdDSA'), kty: 'OKP', crv: 'Ed25519', x: signingKey('EdDSA').x },
        { ...common('RS256'), kty: 'RSA', n, e },
      ],
    })
  })

  it('publishes no shared secret', async () => {
    const AUTH_JWKS = JSON.stringify({ keys: [signingKey('HS256')] })

    expect(await keysWith({ AUTH_JWKS })).toEqual([])
    expect(
      await keysWith({ AUTH_JWKS, AUTH_SIGNING_JWK: JSON.stringify(signingKey('HS256')) }),
    ).toEqual([])
  })

  it('publishes the public half of AUTH_SIGNING_JWK once, whether or not AUTH_JWKS has it', async () => {
    const kids = async (changes: Changes) => (await keysWith(changes)).map(({ kid }) => kid)
    const AUTH_JWKS = JSON.stringify({ keys: [signingKey('HS256')] })

    expect(await kids({ ...issuing, AUTH_JWKS })).toEqual(['test-ES256'])
    expect(await kids({ ...issuing, AUTH_JWKS: undefined })).toEqual(['test-ES256'])
    expect(await kids(issuing)).toEqual(['test-ES256', 'test-EdDSA', 'test-RS256'])
  })
})

describe('the keys of the settings', () => {
  it('are imported as keys that nothing can export again', async () => {
    const imports = vi.spyOn(crypto.subtle, 'importKey')

    await keysWith({ ...issuing })

    const extractable = imports.mock.calls.map(([, , , isExtractable]) => isExtractable)
    expect(extractable.length).toBeGreaterThan(4)
    expect(new Set(extractable)).toEqual(new Set([false]))
  })
})

describe('the public half of AUTH_SIGNING_JWK', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'HS256'])(
    'verifies, whether or not AUTH_JWKS is set: %s',
    async (alg) => {
      const AUTH_SIGNING_JWK = JSON.stringify(signingKey(alg))
      const headers = { Authorization: `Bearer ${await sign(accessParts({}, alg))}` }
      const body = [{ type: 'account', id: 'account-1' }]
      const other = alg === 'HS256' ? 'RS256' : 'HS256'
      const another = JSON.stringify({ keys: [publicHalf(signingKey(other))] })

      for (const AUTH_JWKS of [undefined, another]) {
        const path = `/v2/carts/${uniqueId('cart')}/relationships/accounts`
        const changes = { AUTH_SIGNING_JWK, AUTH_JWKS }
        expect((await sendJsonWith(changes, 'POST', path, headers, body)).status).toBe(200)
      }
    },
  )

  it('verifies no account token if account tokens have their own keys', async () => {
    const ACCOUNT_JWKS = JSON.stringify({ keys: [publicHalf(signingKey('RS256'))] })
    const statusOf = async (alg: string): Promise<number> => {
      const account = await sign(accountParts({}, alg))
      const headers = { ...(await server()), 'EP-Account-Management-Authentication-Token': account }
      return (await sendWith({ ...issuing, ACCOUNT_JWKS }, 'GET', '/v2/carts', headers)).status
    }

    expect(await statusOf('RS256')).toBe(200)
    expect(await statusOf('ES256')).toBe(403)
  })

  it('leaves the other keys unchanged', async () => {
    const path = `/v2/carts/${uniqueId('cart')}/relationships/accounts`
    const body = [{ type: 'account', id: 'account-1' }]

    expect((await sendJsonWith(issuing, 'POST', path, await server(), body)).status).toBe(200)
  })
})

// The steps of docs/operating.md. During a rollout, only some isolates have the new setting.
const [old, young] = [await newSigningKey('old'), await newSigningKey('young')]
/** The key of an identity provider: it signs account tokens and stays in AUTH_JWKS throughout. */
const provider = await newSigningKey('provider')

const setOf = (...keys: SigningKey[]): string => JSON.stringify({ keys: keys.map(publicHalf) })

const settings = {
  before: { AUTH_SIGNING_JWK: JSON.stringify(old), AUTH_JWKS: setOf(provider) },
  published: { AUTH_SIGNING_JWK: JSON.stringify(old), AUTH_JWKS: setOf(provider, old, young) },
  signing: { AUTH_SIGNING_JWK: JSON.stringify(young), AUTH_JWKS: setOf(provider, old, young) },
  withdrawn: { AUTH_SIGNING_JWK: JSON.stringify(young), AUTH_JWKS: setOf(provider, young) },
}

type Stage = keyof typeof settings

async function statusAt(stage: Stage, signer: SigningKey): Promise<number> {
  const headers = {
    Authorization: `Bearer ${await sign(signedWith(signer))}`,
    'EP-Account-Management-Authentication-Token': await sign(signedWith(provider, accountParts())),
  }
  const path = accountsOf(uniqueId('cart'))
  return (await sendWith(settings[stage], 'GET', path, headers)).status
}

describe('a rotation of the signing key', () => {
  const steps: { step: string; stages: Stage[]; alive: SigningKey[] }[] = [
    { step: 'the new key is published', stages: ['before', 'published'], alive: [old] },
    { step: 'the new key signs', stages: ['published', 'signing'], alive: [old, young] },
    { step: 'the old key is withdrawn', stages: ['signing', 'withdrawn'], alive: [young] },
  ]

  it.each(steps)('refuses no live token while $step', async ({ stages, alive }) => {
    const statuses = stages.flatMap((stage) => alive.map((signer) => statusAt(stage, signer)))

    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
  })

  it('ends with the old key refused', async () => {
    expect(await statusAt('withdrawn', old)).toBe(401)
  })
})
