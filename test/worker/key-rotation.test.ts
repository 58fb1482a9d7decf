// The steps of docs/operating.md. During a rollout, only some isolates have the new setting.
import { describe, expect, it } from 'vitest'
import { signedWith } from './key-issuer.ts'
import { accountsOf, sendWith, uniqueId } from './requests.ts'
import { accountParts, newSigningKey, publicHalf, type SigningKey, sign } from './tokens.ts'

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
