// The memory of verified tokens: what it saves, and what it must never let in.
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { VerifiedTokens } from '../../src/tokens/verified-tokens.ts'
import { cartOf, uniqueId } from './requests.ts'
import { Issuer, MINUTE, pass, SECOND, signedWith } from './stubs.ts'
import {
  accessParts,
  accountParts,
  newSigningKey,
  now,
  publicHalf,
  sign,
  signingKey,
  signOfSize,
} from './tokens.ts'

const validity = () => ({ from: now(), until: now() + 60 })

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

/** 404 if the tokens are good: nobody has this cart. */
async function statusOf(access: string, account?: string): Promise<number> {
  const headers = {
    'CF-Connecting-IP': crypto.randomUUID(),
    Authorization: `Bearer ${access}`,
    ...(account !== undefined && { 'EP-Account-Management-Authentication-Token': account }),
  }
  const response = await app.request(cartOf(uniqueId('cart')), { headers }, isolate)
  return response.status
}

describe('a token', () => {
  it('is verified once in an isolate', async () => {
    const [access, account] = [await sign(accessParts()), await sign(accountParts())]

    const statuses = [await statusOf(access, account), await statusOf(access, account)]

    expect(statuses).toEqual([404, 404])
    expect(verifications()).toBe(2)
  })

  it('is verified by every isolate', async () => {
    const access = await sign(accessParts())
    await statusOf(access)

    isolate = { ...env }
    await statusOf(access)

    expect(verifications()).toBe(2)
  })

  it('is verified again if a single character differs', async () => {
    const access = await sign(accessParts())
    await statusOf(access)

    const first = access.at(-20) === 'A' ? 'B' : 'A'
    const forged = `${access.slice(0, -20)}${first}${access.slice(-19)}`

    expect(await statusOf(forged)).toBe(401)
    expect(verifications()).toBe(2)
  })

  it('is verified every time if it is refused', async () => {
    const refused = await sign(accessParts({ iss: 'https://stranger.example' }))

    const statuses = [await statusOf(refused), await statusOf(refused)]

    expect(statuses).toEqual([401, 401])
    expect(verifications()).toBe(2)
  })

  it('is not accepted as the other kind of token, even with all of its claims', async () => {
    const [access, account] = [
      await sign(accessParts({ account_id: 'account-1' })),
      await sign(accountParts({ grant_type: 'client_credentials' })),
    ]
    expect(await statusOf(access, account)).toBe(404)

    expect(await statusOf(access, access)).toBe(403)
    expect(await statusOf(account, account)).toBe(401)
  })

  it('stays a token of one store', async () => {
    const [demo, other] = [
      await sign(accessParts()),
      await sign(accessParts({ store_id: 'other' })),
    ]
    const account = await sign(accountParts())
    expect(await statusOf(demo, account)).toBe(404)

    expect(await statusOf(other, account)).toBe(403)
    expect(await statusOf(demo, account)).toBe(404)
  })

  it('is verified anew in the seconds of clock tolerance, and then refused', async () => {
    const access = await sign(accessParts({ exp: now() + 60 }))
    await statusOf(access)

    pass(59 * SECOND)
    expect(await statusOf(access)).toBe(404)
    expect(verifications()).toBe(1)
    pass(2 * SECOND)
    expect(await statusOf(access)).toBe(404)
    expect(verifications()).toBe(2)
    pass(5 * SECOND)
    expect(await statusOf(access)).toBe(401)
  })

  it('is remembered from its first second on, and no longer than its last', async () => {
    const [iat, exp] = [now() + 60, now() + 120]
    const access = await sign(accessParts({ iat, exp }))

    vi.setSystemTime(iat * SECOND)
    const statuses = [await statusOf(access), await statusOf(access)]
    vi.setSystemTime(exp * SECOND - 1)
    statuses.push(await statusOf(access))
    expect(verifications()).toBe(1)
    vi.setSystemTime(exp * SECOND)
    statuses.push(await statusOf(access))

    expect(statuses).toEqual([404, 404, 404, 404])
    expect(verifications()).toBe(2)
  })

  it('is forgotten once it has expired, even if the clock goes back', async () => {
    const access = await sign(accessParts({ exp: now() + 60 }))
    await statusOf(access)
    pass(70 * SECOND)
    expect(await statusOf(access)).toBe(401)
    const before = verifications()

    pass(-60 * SECOND)

    expect(await statusOf(access)).toBe(404)
    expect(verifications()).toBe(before + 1)
  })

  it.each(['iat', 'nbf'])('is refused if the clock has gone back before its %s', async (name) => {
    const times = { iat: now() - 60, nbf: now() - 60, [name]: now() }
    const access = await sign(accessParts(times))
    expect(await statusOf(access)).toBe(404)

    pass(-30 * SECOND)

    expect(await statusOf(access)).toBe(401)
  })

  it('of over 2 KiB is not remembered', async () => {
    const [short, long] = [
      await signOfSize(accessParts(), 2_044),
      await signOfSize(accessParts(), 2_060),
    ]

    for (const token of [short, short, long, long]) expect(await statusOf(token)).toBe(404)

    expect(verifications()).toBe(3)
  })

  it('of 2,048 characters is the longest that is remembered', () => {
    const verified = new VerifiedTokens<object>()
    const claims = { sub: 'member-1' }
    const [longest, longer] = ['x'.repeat(2_048), 'x'.repeat(2_049)]

    verified.remember(longest, claims, validity(), 0)
    verified.remember(longer, claims, validity(), 0)

    expect(verified.recall(longest, 0, new Date())).toEqual(claims)
    expect(verified.recall(longer, 0, new Date())).toBeUndefined()
  })

  it('is dropped after 2,000 newer ones', () => {
    const verified = new VerifiedTokens<object>()
    const claims = { sub: 'member-1' }
    for (let number = 0; number <= 2_000; number += 1) {
      verified.remember(`${number}`, claims, validity(), 0)
    }

    const remembered = ['0', '1', '2000'].map((token) => verified.recall(token, 0, new Date()))

    expect(remembered).toEqual([undefined, claims, claims])
  })

  it('is dropped later if it is used', () => {
    const verified = new VerifiedTokens<object>()
    const claims = { sub: 'member-1' }
    for (let number = 0; number < 2_000; number += 1) {
      verified.remember(`${number}`, claims, validity(), 0)
    }
    verified.recall('0', 0, new Date())
    verified.remember('2000', claims, validity(), 0)

    const remembered = ['0', '1', '2000'].map((token) => verified.recall(token, 0, new Date()))

    expect(remembered).toEqual([claims, undefined, claims])
  })
})

describe("a token that the settings' keys verify", () => {
  it('causes no fetch of keys that its kind does not need', async () => {
    const issuer = new Issuer()
    const AUTH_JWKS = JSON.stringify({ keys: [publicHalf(signingKey('RS256'))] })
    isolate = { ...env, AUTH_JWKS, AUTH_JWKS_URL: 'https://identity.example/keys' }
    const access = await sign(accessParts({}, 'RS256'))

    for (let minute = 0; minute < 15; minute += 1) {
      expect(await statusOf(access)).toBe(404)
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
    await statusOf(access)
    expect(await statusOf(access)).toBe(404)
    expect(await statusOf(access)).toBe(404)
    const before = verifications()

    issuer.publish(young)
    pass(10 * MINUTE)
    expect(await statusOf(access)).toBe(404) // Starts the fetch and does not wait for it.
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

    expect(await asked).toBe(404)
    expect(await statusOf(slow)).toBe(401)
  })
})
