import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { issuing } from './application-keys.ts'
import { type Changes, send, sendWith } from './requests.ts'
import {
  accessParts,
  accountParts,
  newSigningKey,
  type Parts,
  present,
  publicHalf,
  type SigningKey,
  signedWith,
  signingKey,
} from './tokens.ts'

const PATH = '/.well-known/jwks.json'

const setOf = (...keys: SigningKey[]): string => JSON.stringify({ keys: keys.map(publicHalf) })

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

  const secret = signingKey('HS256')
  const shared = { AUTH_JWKS: setOf(secret) }

  it.each<[title: string, changes: Changes, kids: string[]]>([
    ['a shared secret', shared, []],
    ['a shared secret that signs', { ...shared, AUTH_SIGNING_JWK: JSON.stringify(secret) }, []],
    ['AUTH_SIGNING_JWK beside AUTH_JWKS', { ...shared, ...issuing }, ['test-ES256']],
    ['AUTH_SIGNING_JWK alone', { ...issuing, AUTH_JWKS: undefined }, ['test-ES256']],
    ['AUTH_SIGNING_JWK within AUTH_JWKS', issuing, ['test-ES256', 'test-EdDSA', 'test-RS256']],
  ])('publishes each public half once, and no secret: %s', async (_, changes, kids) => {
    const { keys } = Object(await (await sendWith(changes, 'GET', PATH)).json())

    expect(keys.map(({ kid }: SigningKey) => kid)).toEqual(kids)
  })

  it('is of keys that are imported so that nothing can export them again', async () => {
    const imports = vi.spyOn(crypto.subtle, 'importKey')

    await sendWith(issuing, 'GET', PATH)

    const extractable = imports.mock.calls.map(([, , , isExtractable]) => isExtractable)
    expect(extractable.length).toBeGreaterThan(4)
    expect(new Set(extractable)).toEqual(new Set([false]))
  })
})

async function statusWith(changes: Changes, access: Parts, account?: Parts): Promise<number> {
  return (await present(access, account, { ...env, ...changes })).status
}

describe('the public half of AUTH_SIGNING_JWK', () => {
  it.each(['ES256', 'EdDSA', 'RS256', 'HS256'])(
    'verifies, whether or not AUTH_JWKS is set: %s',
    async (alg) => {
      const AUTH_SIGNING_JWK = JSON.stringify(signingKey(alg))
      const another = setOf(signingKey(alg === 'HS256' ? 'RS256' : 'HS256'))

      for (const AUTH_JWKS of [undefined, another]) {
        expect(await statusWith({ AUTH_SIGNING_JWK, AUTH_JWKS }, accessParts({}, alg))).toBe(200)
      }
    },
  )

  it('verifies no account token if account tokens have their own keys', async () => {
    const changes = { ...issuing, ACCOUNT_JWKS: setOf(signingKey('RS256')) }

    expect(await statusWith(changes, accessParts(), accountParts({}, 'RS256'))).toBe(200)
    expect(await statusWith(changes, accessParts(), accountParts({}, 'ES256'))).toBe(403)
  })
})

describe('a rotation of the signing key, by the steps of docs/operating.md,', async () => {
  const [old, young] = [await newSigningKey('old'), await newSigningKey('young')]
  /** The key of an identity provider: it signs account tokens and stays in AUTH_JWKS throughout. */
  const provider = await newSigningKey('provider')
  const stage = (signer: SigningKey, ...others: SigningKey[]): Changes => ({
    AUTH_SIGNING_JWK: JSON.stringify(signer),
    AUTH_JWKS: setOf(provider, ...others),
  })
  const [before, published] = [stage(old), stage(old, old, young)]
  const [signing, withdrawn] = [stage(young, old, young), stage(young, young)]

  const statusAt = (changes: Changes, signer: SigningKey): Promise<number> =>
    statusWith(changes, signedWith(signer), signedWith(provider, accountParts()))

  // During a rollout, only some isolates have the new setting.
  it.each([
    { step: 'the new key is published', stages: [before, published], alive: [old] },
    { step: 'the new key signs', stages: [published, signing], alive: [old, young] },
    { step: 'the old key is withdrawn', stages: [signing, withdrawn], alive: [young] },
  ])('refuses no live token while $step', async ({ stages, alive }) => {
    const statuses = stages.flatMap((each) => alive.map((signer) => statusAt(each, signer)))

    expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
  })

  it('ends with the old key refused', async () => {
    expect(await statusAt(withdrawn, old)).toBe(401)
  })
})
