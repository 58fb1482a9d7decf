import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Bindings } from '../../src/bindings.ts'
import { seededRandom } from '../lib/random.ts'
import { expectErrors } from './expected.ts'
import { logged, loggedReasons } from './logs.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import { uniqueId } from './requests.ts'
import {
  exhaustedLimit,
  Issuer,
  liftLimits,
  MINUTE,
  pass,
  SECOND,
  shortenDeadlines,
  skipWaiting,
} from './stubs.ts'
import {
  accessParts,
  accountParts,
  newKeyOf,
  newSigningKey,
  type Parts,
  present,
  publicHalf,
  type SigningKey,
  sign,
  signedWith,
  signingKey,
  withHeader,
} from './tokens.ts'

const ES256 = signingKey('ES256')
const RS256 = signingKey('RS256')
const HS256 = signingKey('HS256')
const [first, second] = [await newSigningKey('first'), await newSigningKey('second')]

const SECRET = 'what-the-address-answered'

const down = (): Response => new Response('out of order', { status: 500 })

let issuer: Issuer
let worker: Bindings

beforeEach(() => {
  liftLimits()
  issuer = new Issuer()
  // Stands for one isolate: its settings and fetched keys live as long as this object.
  worker = { ...env, AUTH_JWKS_URL: 'https://identity.example/keys' }
  delete worker.AUTH_JWKS
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const ask = (access: Parts, account?: Parts): Promise<Response> => present(access, account, worker)

/** The status of a server whose token this key signs. */
const statusFor = async (key: SigningKey): Promise<number> => (await ask(signedWith(key))).status

describe('keys that the issuer publishes', () => {
  it.each([
    { published: 'ES256', named: 'ES256', implied: 200 },
    { published: 'ES384', named: 'ES384', implied: 200 },
    { published: 'ES512', named: 'ES512', implied: 200 },
    // RFC 9864: two names, one algorithm.
    { published: 'EdDSA', named: 'Ed25519', implied: 200 },
    { published: 'Ed25519', named: 'EdDSA', implied: 200 },
    { published: 'RS256', named: 'RS256', implied: 200 },
    { published: 'PS256', named: 'PS256', implied: 401 },
  ])('of $published verify tokens of $named, without alg if their kind implies it', async (row) => {
    const key = await newKeyOf(row.published)
    issuer.publish(key)
    expect(await statusFor({ ...key, alg: row.named })).toBe(200)

    worker = { ...worker }
    issuer.keys = [{ ...publicHalf(key), alg: undefined }]
    expect(await statusFor(key)).toBe(row.implied)
  })

  it('are fetched once for requests that come at once, without redirect, with a deadline', async () => {
    issuer.publish(first)

    const statuses = await Promise.all(below(50).map(() => statusFor(first)))

    expect(new Set(statuses)).toEqual(new Set([200]))
    const init = expect.objectContaining({ redirect: 'manual', signal: expect.any(AbortSignal) })
    expect(vi.mocked(fetch).mock.calls).toEqual([[new URL('https://identity.example/keys'), init]])
  })

  it('are used beside those of AUTH_JWKS, which come first', async () => {
    worker.AUTH_JWKS = JSON.stringify({ keys: [publicHalf(RS256)] })
    issuer.publish(ES256)

    expect(await statusFor(RS256)).toBe(200)
    expect(issuer.fetches).toEqual([])
    expect(await statusFor(ES256)).toBe(200)
  })

  it('are not fetched for a token whose algorithm no published key could have', async () => {
    expect(await statusFor(HS256)).toBe(401)
    expect(issuer.fetches).toEqual([])
  })

  it.each([
    { title: 'there are several', kids: ['a', 'b'], status: 401, reasons: ['unnamed_key'] },
    { title: 'there is one that has a name', kids: ['a'], status: 200, reasons: [] },
    { title: 'there is one that has none', kids: [undefined], status: 200, reasons: [] },
  ])('answer $status to a token that names none if $title', async ({ kids, status, reasons }) => {
    issuer.keys = kids.map((kid) => ({ ...publicHalf(ES256), kid }))

    const response = await ask(withHeader(accessParts(), { kid: undefined }))

    expect(response.status).toBe(status)
    expect(loggedReasons()).toEqual(reasons.map((reason) => `TokenRefused: ${reason}`))
  })

  it('may share a kid if their types differ: the algorithm selects the key', async () => {
    issuer.publish({ ...ES256, kid: 'one' }, { ...RS256, kid: 'one' })

    expect(await statusFor({ ...ES256, kid: 'one' })).toBe(200)
    expect(await statusFor({ ...RS256, kid: 'one' })).toBe(200)
    expect(await statusFor({ ...signingKey('EdDSA'), kid: 'one' })).toBe(401)
    expect(loggedReasons()).toEqual(['TokenRefused: wrong_algorithm'])
  })

  it('are reported in one log line for each fetch if they cannot be used', async () => {
    issuer.keys = [publicHalf(ES256), { kty: 'RSA', kid: 'enc', use: 'enc' }]
    await statusFor(ES256)

    issuer.publish()
    pass(10 * MINUTE)
    await statusFor(ES256)

    await vi.waitFor(() =>
      expect(logged.map(({ line }) => line).filter((line) => 'setting' in Object(line))).toEqual([
        { setting: 'AUTH_JWKS_URL', reason: '1 of 2 keys cannot be used' },
        { setting: 'AUTH_JWKS_URL', reason: 'The key set is empty' },
      ]),
    )
  })

  it('are ignored if they could not verify here, and the others verify', async () => {
    issuer.publish(ES256)
    issuer.keys.push(
      'not a key',
      { ...publicHalf(RS256), kid: 'to-sign', key_ops: ['sign'] },
      { kty: 'OKP', crv: 'Ed25519', kid: 'small-order', x: `AQ${'A'.repeat(41)}` },
      { ...publicHalf(RS256), kid: 'for-encryption', use: 'enc' },
      { ...RS256, kid: 'private' },
      { ...HS256, kid: 'shared' },
      { ...publicHalf(ES256), kid: 'off-the-curve', x: ES256.y, y: ES256.x },
      publicHalf({ ...first, kid: ES256.kid }),
    )

    expect(await statusFor(ES256)).toBe(200)
    for (const kid of ['to-sign', 'for-encryption', 'private']) {
      expect(await statusFor({ ...RS256, kid })).toBe(401)
    }
    expect(await statusFor({ ...HS256, kid: 'shared' })).toBe(401)
    expect(await statusFor({ ...ES256, kid: 'off-the-curve' })).toBe(401)
  })
})

describe('a key that is withdrawn', () => {
  it('verifies for ten minutes from the start of the fetch, and delays no request', async () => {
    issuer.answer = () => {
      pass(4 * SECOND)
      return Response.json({ keys: [first, second].map(publicHalf) })
    }
    expect(await statusFor(first)).toBe(200)

    issuer.answer = undefined
    issuer.publish(second)
    pass(10 * MINUTE - 4 * SECOND - 1)
    expect(await statusFor(first)).toBe(200)
    expect(issuer.fetches).toHaveLength(1)
    pass(1)
    expect(await statusFor(first)).toBe(200) // Starts the fetch and does not wait for it.

    await vi.waitFor(async () => expect(await statusFor(first)).toBe(401))
    expect(await statusFor(second)).toBe(200)
  })

  it('may be the last, and is asked for again 30 s after a failure, which is logged', async () => {
    issuer.publish(first)
    await statusFor(first)
    issuer.answer = down
    pass(10 * MINUTE)
    const failedAt = Date.now()
    await statusFor(first)
    const failure = { setting: 'AUTH_JWKS_URL', reason: 'Error: The key set was answered with 500' }
    // Moves the clock by waiting.
    await vi.waitFor(() => expect(logged).toContainEqual({ level: 'error', line: failure }))
    expect(loggedReasons()).toHaveLength(1)

    issuer.publish()
    issuer.answer = undefined
    vi.setSystemTime(failedAt + 30 * SECOND - 1)
    expect(await statusFor(first)).toBe(200)
    expect(issuer.fetches).toHaveLength(2)
    vi.setSystemTime(failedAt + 30 * SECOND)
    await statusFor(first)

    await vi.waitFor(async () => expect(await statusFor(first)).toBe(401))
  })
})

describe('a fetch that never ends', () => {
  const soon = () => new Promise((resolve) => setTimeout(resolve, 50))

  it('is given up after 5 s', async () => {
    skipWaiting()
    issuer.answer = () => new Promise(() => undefined)
    const startedAt = performance.now()

    const response = await ask(signedWith(first))

    expect(response.status).toBe(503)
    expect(loggedReasons()).toEqual(['UnavailableError: AUTH_JWKS_URL cannot be fetched'])
    const waited = performance.now() - startedAt
    expect(waited).toBeGreaterThan(4_900)
    expect(waited).toBeLessThan(9_000)
  })

  it('is replaced after 10 s, and does not hide the new one if it ends after all', async () => {
    shortenDeadlines()
    issuer.publish(first)
    const good = () => Response.json({ keys: [publicHalf(first)] })
    const [late, other] = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()]
    issuer.answer = () => late.promise
    expect(await statusFor(first)).toBe(503)
    pass(10 * SECOND - 1)
    expect(await statusFor(first)).toBe(503)
    expect(issuer.fetches).toHaveLength(1)

    issuer.answer = () => other.promise
    pass(1)
    const waiting = statusFor(first)
    await soon()
    expect(issuer.fetches).toHaveLength(2)
    late.resolve(good())
    await soon()
    const stranger = statusFor({ ...first, kid: 'stranger' })
    await soon()

    expect(issuer.fetches).toHaveLength(2)
    other.resolve(good())
    expect(await Promise.all([waiting, stranger])).toEqual([200, 401])
  })
})

describe('an address that fails', () => {
  const answered = (status: number): string => `Error: The key set was answered with ${status}`
  const noKeySet = 'Error: The key set is not a JSON Web Key Set'
  const unreachable = () => Promise.reject(new Error('Network connection lost.'))
  const large = () => Response.json({ keys: issuer.keys, more: 'x'.repeat(64 * 1024) })

  it.each<[title: string, answer: () => Response | Promise<Response>, reason: string]>([
    ['answers 500', down, answered(500)],
    ['answers nothing', () => new Response(null), answered(200)],
    ['redirects elsewhere', () => Response.redirect('http://evil.example'), answered(302)],
    ['cannot be reached', unreachable, 'Error: Network connection lost.'],
    ['answers no JSON', () => new Response(SECRET), noKeySet],
    ['answers no key set', () => Response.json({ keys: SECRET }), noKeySet],
    ['answers more than 64 KiB', large, 'Error: The key set is larger than 65536 bytes'],
  ])('means 503, whoever asks, but for keys that are cached: it %s', async (_, answer, reason) => {
    worker.FAILURE_RATE_LIMIT = exhaustedLimit
    issuer.publish(first)
    issuer.answer = answer

    const response = await ask(signedWith(first))

    expect(response.headers.get('Retry-After')).toMatch(/^[123]$/)
    await expectErrors(response, 503, { title: 'Service Unavailable' })
    expect(loggedReasons()).toEqual([reason, reason]) // The fetch and the request.
    expect(JSON.stringify(logged)).not.toContain(SECRET)

    // It is asked again after 5 s if it never had a key, and after 30 s for a new one.
    expect(await statusFor(first)).toBe(503)
    expect(issuer.fetches).toHaveLength(1)
    issuer.answer = undefined
    pass(5 * SECOND)
    expect(await statusFor(first)).toBe(200)
    expect(issuer.fetches).toHaveLength(2)
    issuer.answer = answer
    expect([await statusFor(second), await statusFor(second)]).toEqual([503, 503])
    expect(await statusFor(first)).toBe(200)
    expect(issuer.fetches).toHaveLength(3)
    issuer.publish(first, second)
    issuer.answer = undefined
    pass(30 * SECOND)
    expect(await statusFor(second)).toBe(200)
    // Only an unknown key is a failure of the caller.
    expect(await statusFor({ ...first, kid: 'stranger' })).toBe(429)
  })

  it('has a body that nobody needs cancelled', async () => {
    const cancel = vi.fn()
    issuer.answer = () => new Response(new ReadableStream({ cancel }), { status: 500 })

    expect(await statusFor(first)).toBe(503)
    expect(cancel).toHaveBeenCalledOnce()
  })
})

describe('the addresses', () => {
  it('of ACCOUNT_JWKS_URL has account tokens’ keys only, which are 503 while it is down', async () => {
    const url = 'https://identity.example/accounts'
    const AUTH_JWKS = JSON.stringify({ keys: [publicHalf(ES256)] })
    worker = { ...env, AUTH_JWKS, ACCOUNT_JWKS_URL: url }
    issuer.publish(RS256)
    issuer.answer = down
    expect((await ask(accessParts(), accountParts({}, 'RS256'))).status).toBe(503)

    issuer.answer = undefined
    pass(5 * SECOND)
    const good = await ask(accessParts(), accountParts({}, 'RS256'))
    const accessByAccountKey = await ask(accessParts({}, 'RS256'), accountParts({}, 'RS256'))
    const accountByAccessKey = await ask(accessParts(), accountParts())

    const statuses = [good, accessByAccountKey, accountByAccessKey].map(({ status }) => status)
    expect(statuses).toEqual([200, 401, 403])
    expect(new Set(issuer.fetches)).toEqual(new Set([url]))
  })

  it.each(['http://localhost:9000/keys', 'http://127.0.0.1/', 'http://[::1]:1/'])(
    'of AUTH_JWKS_URL has the keys of both tokens, and may be http on this machine: %s',
    async (url) => {
      worker.AUTH_JWKS_URL = url
      issuer.publish(ES256, RS256)

      expect((await ask(accessParts(), accountParts({}, 'RS256'))).status).toBe(200)
      expect(issuer.fetches).toEqual([url])
    },
  )
})

describe('rotation under load', () => {
  it('refuses no valid request', proofTimeout, async ({ task }) => {
    const random = seededRandom(seed)
    const rotations = amount({ share: 5, whole: 40 })
    const perWave = amount({ share: 30, whole: 100 })
    const statuses: number[] = []
    let key = first
    let living: string[] = []
    issuer.publish(key)
    const wave = async () => {
      const minted = await Promise.all(below(4).map(() => sign(signedWith(key))))
      living = [...living, ...minted].slice(-40)
      await forEachOf(below(perWave), { atOnce: 50 }, async (index) => {
        const token = seededRandom(seed, index).pick(living)
        statuses.push((await present(token, undefined, worker)).status)
      })
    }

    for (const rotation of below(rotations)) {
      await wave()
      const next = await newSigningKey(`key-${rotation}`)
      // While requests are in flight, the new key appears beside the old one and signs at once.
      const inFlight = wave()
      issuer.publish(key, next)
      key = next
      await Promise.all([inFlight, wave()])
      // The old key stays until its last token has expired, and is then withdrawn under load too.
      pass(30 * SECOND + random.below(15 * MINUTE))
      await wave()
      living = []
      const withdrawn = wave()
      issuer.publish(key)
      await withdrawn
      pass(10 * MINUTE + random.below(15 * MINUTE))
    }
    await wave()

    const refused = statuses.filter((status) => status !== 200).length
    expect(refused).toBe(0)
    task.meta.figures = [
      `rotation: ${figure(statuses.length)} valid requests over ${rotations} rotations, ${figure(issuer.fetches.length)} fetches, ${refused} refused (seed ${seed})`,
    ]
  })
})

describe('unknown keys', () => {
  const statusOfStranger = () => statusFor({ ...first, kid: uniqueId('kid') })

  it(
    'cost one fetch in 30 s, and delay no valid request and no new key',
    proofTimeout,
    async ({ task }) => {
      const total = amount({ share: 1_000, whole: 10_000 })
      issuer.publish(first)
      await statusFor(first)
      const refused: number[] = []
      const accepted: number[] = []

      await forEachOf(below(total), { atOnce: 50 }, async (index) => {
        // Half of them come in the last millisecond.
        if (index === total / 2) pass(30 * SECOND - 1)
        refused.push(await statusOfStranger())
        if (index % 10 === 0) accepted.push(await statusFor(first))
      })
      expect(issuer.fetches).toHaveLength(2)
      // No stranger keeps a key from verifying that is published 30 s before it signs.
      issuer.publish(first, second)
      pass(1)
      refused.push(await statusOfStranger())
      accepted.push(await statusFor(second))

      expect(issuer.fetches).toHaveLength(3)
      expect(new Set(refused)).toEqual(new Set([401]))
      expect(new Set(accepted)).toEqual(new Set([200]))
      expect(new Set(loggedReasons())).toEqual(new Set(['TokenRefused: unknown_key']))
      task.meta.figures = [
        `unknown keys: ${figure(total)} in 30 s refused, 1 fetch, ${figure(accepted.length)} valid requests meanwhile, 0 refused`,
      ]
    },
  )

  it('cause no fetch if the keys were just fetched for them', async () => {
    issuer.publish(first)

    expect([await statusOfStranger(), await statusOfStranger()]).toEqual([401, 401])
    expect(issuer.fetches).toHaveLength(1)
  })
})
