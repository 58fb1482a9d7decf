// The memory of verified tokens: what it saves, and what it must never let in.
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { VerifiedTokens } from '../../src/tokens/verified-tokens.ts'
import { Issuer, MINUTE, pass, SECOND } from './stubs.ts'
import {
  accessParts,
  accountParts,
  fromNow,
  newSigningKey,
  now,
  present,
  publicHalf,
  sign,
  signedWith,
  signingKey,
  signOfSize,
} from './tokens.ts'

let isolate: Bindings
let verifications: () => number

beforeEach(() => {
  // An isolate's memory of verified tokens lives as long as this object.
  isolate = { ...env }
  const verify = vi.spyOn(crypto.subtle, 'verify')
  verifications = () => verify.mock.calls.length
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

async function statusOf(access: string, account?: string): Promise<number> {
  return (await present(access, account, isolate)).status
}

describe('a token', () => {
  it('is verified once in an isolate, and by every isolate', async () => {
    const [access, account] = [await sign(accessParts()), await sign(accountParts())]

    expect([await statusOf(access, account), await statusOf(access, account)]).toEqual([200, 200])
    expect(verifications()).toBe(2)
    isolate = { ...env }
    expect(await statusOf(access, account)).toBe(200)
    expect(verifications()).toBe(4)
  })

  it('is verified every time if it is refused', async () => {
    const refused = await sign(accessParts({ iss: 'https://stranger.example' }))

    expect([await statusOf(refused), await statusOf(refused)]).toEqual([401, 401])
    expect(verifications()).toBe(2)
  })

  it('is not accepted as the other kind of token, even with all of its claims', async () => {
    const access = await sign(accessParts({ account_id: 'account-1' }))
    const account = await sign(accountParts({ grant_type: 'client_credentials' }))
    expect(await statusOf(access, account)).toBe(200)

    expect(await statusOf(access, access)).toBe(403)
    expect(await statusOf(account, account)).toBe(401)
  })

  it('stays a token of one store', async () => {
    const account = await sign(accountParts())
    expect(await statusOf(await sign(accessParts()), account)).toBe(200)

    expect(await statusOf(await sign(accessParts({ store_id: 'other' })), account)).toBe(403)
  })

  it('is remembered from its first second to its last, and refused 5 s after that', async () => {
    const [iat, exp] = [now() + 60, now() + 120]
    const access = await sign(accessParts({ iat, exp }))
    const at = async (milliseconds: number): Promise<[status: number, verified: number]> => {
      vi.setSystemTime(milliseconds)
      return [await statusOf(access), verifications()]
    }

    expect(await at(iat * SECOND)).toEqual([200, 1])
    expect(await at(iat * SECOND)).toEqual([200, 1])
    expect(await at(exp * SECOND - 1)).toEqual([200, 1])
    expect(await at(exp * SECOND)).toEqual([200, 2])
    expect(await at((exp + 5) * SECOND - 1)).toEqual([200, 3])
    expect(await at((exp + 5) * SECOND)).toEqual([401, 4])
    // It is forgotten, even if the clock goes back.
    expect(await at(exp * SECOND - 1)).toEqual([200, 5])
  })

  it.each(['iat', 'nbf'])('is refused if the clock has gone back before its %s', async (name) => {
    const access = await sign(accessParts(fromNow({ iat: -60, nbf: -60, [name]: 0 })))
    expect(await statusOf(access)).toBe(200)

    pass(-30 * SECOND)

    expect(await statusOf(access)).toBe(401)
  })

  it('of over 2 KiB is not remembered', async () => {
    const longest = await signOfSize(accessParts(), 2_048)
    const longer = await signOfSize(accessParts(), 2_049)

    for (const token of [longest, longest, longer, longer]) expect(await statusOf(token)).toBe(200)

    expect(verifications()).toBe(3)
  })

  it('is dropped if it is the least recently used of more than 2,000', () => {
    const verified = new VerifiedTokens<object>()
    const claims = { sub: 'member-1' }
    const remember = (token: number): void =>
      verified.remember(String(token), claims, { from: now(), until: now() + 60 }, 0)
    for (let token = 0; token < 2_000; token += 1) remember(token)
    verified.recall('0', 0, new Date())
    remember(2_000)

    const remembered = ['0', '1', '2', '2000'].map((token) => verified.recall(token, 0, new Date()))

    expect(remembered).toEqual([claims, undefined, claims, claims])
  })

  it('causes no fetch of keys if the settings have its key', async () => {
    const issuer = new Issuer()
    const AUTH_JWKS = JSON.stringify({ keys: [publicHalf(signingKey('RS256'))] })
    isolate = { ...env, AUTH_JWKS, AUTH_JWKS_URL: 'https://identity.example/keys' }
    const access = await sign(accessParts({}, 'RS256'))

    for (let minute = 0; minute < 15; minute += 1) {
      expect(await statusOf(access)).toBe(200)
      pass(MINUTE)
    }

    expect(issuer.fetches).toEqual([])
  })
})

describe('a token that fetched keys verify', async () => {
  const [old, young] = [await newSigningKey('old'), await newSigningKey('young')]
  let issuer: Issuer

  beforeEach(() => {
    issuer = new Issuer()
    isolate = { ...env, AUTH_JWKS_URL: 'https://identity.example/keys' }
    delete isolate.AUTH_JWKS
    issuer.publish(old, young)
  })

  it('is refused once its key is withdrawn, even if nothing else needs the keys', async () => {
    const access = await sign(signedWith(old))
    for (let request = 0; request < 3; request += 1) expect(await statusOf(access)).toBe(200)
    const before = verifications()

    issuer.publish(young)
    pass(10 * MINUTE)
    expect(await statusOf(access)).toBe(200) // Starts the fetch and does not wait for it.
    expect(verifications()).toBe(before)

    await vi.waitFor(async () => expect(await statusOf(access)).toBe(401))
  })

  it('is not remembered if its key is withdrawn while it is verified', async () => {
    const [slow, other] = [await sign(signedWith(old)), await sign(signedWith(young))]
    for (let request = 0; request < 3; request += 1) await statusOf(other)
    const verifying = Promise.withResolvers<void>()
    vi.mocked(crypto.subtle.verify).mockImplementationOnce(async (...signed) => {
      await verifying.promise
      return await crypto.subtle.verify(...signed)
    })
    const before = verifications()
    const asked = statusOf(slow)
    await vi.waitFor(() => expect(verifications()).toBe(before + 1))

    issuer.publish(young)
    pass(10 * MINUTE)
    // The first request starts the fetch; later ones verify the token again.
    await vi.waitFor(async () => {
      await statusOf(other)
      expect(verifications()).toBe(before + 2)
    })
    verifying.resolve()

    expect(await asked).toBe(200)
    expect(await statusOf(slow)).toBe(401)
  })
})
