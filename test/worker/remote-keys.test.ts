import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import app from '../../src/app.ts'
import type { Bindings } from '../../src/bindings.ts'
import { expectErrors } from './expected.ts'
import { logged, loggedReasons } from './logs.ts'
import { accountsOf, uniqueId } from './requests.ts'
import {
  exhaustedLimit,
  Issuer,
  MINUTE,
  pass,
  SECOND,
  shortenDeadlines,
  signedWith,
  skipWaiting,
} from './stubs.ts'
import {
  accessParts,
  accountParts,
  newKeyOf,
  newSigningKey,
  type Parts,
  publicHalf,
  type SigningKey,
  sign,
  signingKey,
} from './tokens.ts'

const SECRET = 'what-the-address-answered'

const down = (): Response => new Response('out of order', { status: 500 })

let issuer: Issuer
let worker: Bindings

beforeEach(() => {
  issuer = new Issuer()
  // Stands for one isolate: its settings and fetched keys live as long as this object.
  worker = {
    ...env,
    AUTH_JWKS_URL: 'https://identity.example/keys',
    // All requests are of one account.
    CARTS_PER_ACCOUNT: 1_000,
  }
  delete worker.AUTH_JWKS
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function ask(access: Parts, account?: Parts): Promise<Response> {
  const headers: Record<string, string> = {
    'CF-Connecting-IP': crypto.randomUUID(),
    'Content-Type': 'application/json',
    Authorization: `Bearer ${await sign(access)}`,
  }
  if (account !== undefined) {
    headers['EP-Account-Management-Authentication-Token'] = await sign(account)
  }
  const body = JSON.stringify([{ type: 'account', id: 'account-1' }])
  return await app.request(accountsOf(uniqueId('cart')), { method: 'POST', headers, body }, worker)
}

const statusFor = async (key: SigningKey): Promise<number> => (await ask(signedWith(key))).status

describe('keys that the issuer publishes', () => {
  it.each(['ES256', 'EdDSA', 'RS256'])('verify tokens of %s, fetched once', async (alg) => {
    issuer.publish(signingKey(alg), await newSigningKey('another'))

    for (let request = 0; request < 3; request += 1) {
      expect(await statusFor(signingKey(alg))).toBe(200)
    }

    expect(issuer.fetches).toEqual(['https://identity.example/keys'])
  })

  it.each([
    { alg: 'ES256', implied: true },
    { alg: 'ES384', implied: true },
    { alg: 'ES512', implied: true },
    { alg: 'EdDSA', implied: true },
    { alg: 'Ed25519', implied: true },
    { alg: 'RS256', implied: true },
    { alg: 'PS256', implied: false },
  ])('verify tokens of $alg, and without alg those that their kind implies', async (row) => {
    const key = await newKeyOf(row.alg)
    issuer.publish(key)
    expect(await statusFor(key)).toBe(200)

    worker = { ...worker }
    issuer.keys = [{ ...publicHalf(key), alg: undefined }]
    expect(await statusFor(key)).toBe(row.implied ? 200 : 401)
  })

  it.each([
    { published: 'EdDSA', named: 'Ed25519' },
    { published: 'Ed25519', named: 'EdDSA' },
  ])('of $published verify tokens of $named: two names, one algorithm (RFC 9864)', async (row) => {
    const key = await newKeyOf(row.published)
    issuer.publish(key)

    expect(await statusFor({ ...key, alg: row.named })).toBe(200)
  })

  it('are fetched once for requests that come at once', async () => {
    issuer.publish(signingKey('ES256'))

    const statuses = await Promise.all(
      Array.from({ length: 50 }, () => statusFor(signingKey('ES256'))),
    )

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(issuer.fetches).toHaveLength(1)
  })

  it('are used beside those of AUTH_JWKS, which come first', async () => {
    worker.AUTH_JWKS = JSON.stringify({ keys: [publicHalf(signingKey('RS256'))] })
    issuer.publish(signingKey('ES256'))

    expect(await statusFor(signingKey('RS256'))).toBe(200)
    expect(issuer.fetches).toEqual([])
    expect(await statusFor(signingKey('ES256'))).toBe(200)
  })

  it('decide the algorithm, never the token', async () => {
    const key = signingKey('ES256')
    issuer.publish(key)
    const parts = signedWith({ ...signingKey('RS256'), kid: key.kid })

    expect((await ask(parts)).status).toBe(401)
  })

  it('must be named by the token if there are several', async () => {
    issuer.publish(signingKey('ES256'), signingKey('RS256'))
    const parts = accessParts()

    const response = await ask({ ...parts, header: { ...Object(parts.header), kid: undefined } })

    expect(response.status).toBe(401)
    expect(loggedReasons()).toEqual(['TokenRefused: unnamed_key'])
  })

  it.each([
    { names: 'neither has a kid', published: undefined },
    { names: 'the token has no kid', published: 'k1' },
  ])('need no name if there is one: $names', async ({ published }) => {
    issuer.keys = [{ ...publicHalf(signingKey('RS256')), kid: published }]
    const parts = accessParts({}, 'RS256')

    const response = await ask({ ...parts, header: { ...Object(parts.header), kid: undefined } })

    expect(response.status).toBe(200)
  })

  it('may share a kid if their types differ: the algorithm selects the key', async () => {
    const { ES256, RS256 } = { ES256: signingKey('ES256'), RS256: signingKey('RS256') }
    issuer.publish({ ...ES256, kid: 'one' }, { ...RS256, kid: 'one' })

    expect(await statusFor({ ...ES256, kid: 'one' })).toBe(200)
    expect(await statusFor({ ...RS256, kid: 'one' })).toBe(200)
    expect(await statusFor({ ...signingKey('EdDSA'), kid: 'one' })).toBe(401)
    expect(loggedReasons()).toEqual(['TokenRefused: wrong_algorithm'])
  })

  it('are reported in one log line for each fetch if they cannot be used', async () => {
    issuer.keys = [publicHalf(signingKey('ES256')), { kty: 'RSA', kid: 'enc', use: 'enc' }]
    await statusFor(signingKey('ES256'))

    issuer.keys = []
    pass(10 * MINUTE)
    await statusFor(signingKey('ES256'))

    await vi.waitFor(() =>
      expect(logged.map(({ line }) => line).filter((line) => 'setting' in Object(line))).toEqual([
        { setting: 'AUTH_JWKS_URL', reason: '1 of 2 keys cannot be used' },
        { setting: 'AUTH_JWKS_URL', reason: 'The key set is empty' },
      ]),
    )
  })

  it('are ignored if they could not verify here, and the others verify', async () => {
    const { ES256, RS256 } = { ES256: signingKey('ES256'), RS256: signingKey('RS256') }
    issuer.publish(ES256)
    issuer.keys.push(
      'not a key',
      { ...publicHalf(RS256), kid: 'to-sign', key_ops: ['sign'] },
      { kty: 'OKP', crv: 'Ed25519', kid: 'small-order', x: `AQ${'A'.repeat(41)}` },
      { ...publicHalf(RS256), kid: 'for-encryption', use: 'enc' },
      { ...RS256, kid: 'private' },
      { ...signingKey('HS256'), kid: 'shared' },
      { ...publicHalf(ES256), kid: 'off-the-curve', x: ES256.y, y: ES256.x },
      publicHalf({ ...(await newSigningKey('another')), kid: ES256.kid }),
    )

    expect(await statusFor(ES256)).toBe(200)
    for (const kid of ['to-sign', 'for-encryption', 'private']) {
      expect(await statusFor({ ...RS256, kid })).toBe(401)
    }
    expect(await statusFor({ ...signingKey('HS256'), kid: 'shared' })).toBe(401)
    expect(await statusFor({ ...ES256, kid: 'off-the-curve' })).toBe(401)
  })
})

describe('rotation', () => {
  it('refuses no valid request, before, during and after', async () => {
    const [first, second] = [await newSigningKey('first'), await newSigningKey('second')]
    issuer.publish(first)
    expect(await statusFor(first)).toBe(200)

    issuer.publish(first, second)
    const during = await Promise.all(
      Array.from({ length: 50 }, (_, index) => statusFor(index % 2 === 0 ? first : second)),
    )
    issuer.publish(second)
    pass(10 * MINUTE)
    const after = await Promise.all(Array.from({ length: 50 }, () => statusFor(second)))

    expect(new Set([...during, ...after])).toEqual(new Set([200]))
    expect(issuer.fetches).toHaveLength(3)
  })

  it('withdraws a key after ten minutes, without delaying requests', async () => {
    const [first, second] = [await newSigningKey('first'), await newSigningKey('second')]
    issuer.publish(first, second)
    expect(await statusFor(first)).toBe(200)

    issuer.publish(second)
    pass(10 * MINUTE - 1)
    expect(await statusFor(first)).toBe(200)
    expect(issuer.fetches).toHaveLength(1)
    pass(1)
    expect(await statusFor(first)).toBe(200) // Starts the fetch and does not wait for it.
    await vi.waitFor(async () => expect(await statusFor(first)).toBe(401))

    expect(await statusFor(second)).toBe(200)
  })
})

describe('the age of keys', () => {
  it('is counted from the start of the fetch', async () => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    const { answer } = issuer
    issuer.answer = () => {
      pass(4 * SECOND)
      return answer()
    }
    expect(await statusFor(known)).toBe(200)

    pass(10 * MINUTE - 4 * SECOND)
    expect(await statusFor(known)).toBe(200)

    await vi.waitFor(() => expect(issuer.fetches).toHaveLength(2))
  })
})

describe('a withdrawal', () => {
  it('may leave no key at all, and then nothing verifies', async () => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    await statusFor(known)

    issuer.publish()
    pass(10 * MINUTE)
    await statusFor(known)

    await vi.waitFor(async () => expect(await statusFor(known)).toBe(401))
  })

  it('is fetched again 30 s after a refresh that failed, which is logged', async () => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    const { answer } = issuer
    await statusFor(known)
    issuer.answer = down
    pass(10 * MINUTE)
    const failedAt = Date.now()
    await statusFor(known)
    const failure = { setting: 'AUTH_JWKS_URL', reason: 'Error: The key set was answered with 500' }
    // Moves the clock by waiting.
    await vi.waitFor(() => expect(logged).toContainEqual({ level: 'error', line: failure }))
    expect(loggedReasons()).toHaveLength(1)

    issuer.publish()
    issuer.answer = answer
    vi.setSystemTime(failedAt + 30 * SECOND - 1)
    expect(await statusFor(known)).toBe(200)
    expect(issuer.fetches).toHaveLength(2)
    vi.setSystemTime(failedAt + 30 * SECOND)
    await statusFor(known)

    await vi.waitFor(async () => expect(await statusFor(known)).toBe(401))
  })
})

describe('the fetch', () => {
  it('follows no redirect, and has a deadline', async () => {
    issuer.publish(signingKey('ES256'))
    await statusFor(signingKey('ES256'))

    const [, init] = vi.mocked(globalThis.fetch).mock.lastCall ?? []
    expect(init).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) })
  })

  it('is not made for a token whose algorithm no published key could have', async () => {
    expect(await statusFor(signingKey('HS256'))).toBe(401)
    expect(issuer.fetches).toEqual([])
  })

  it('cancels a body that it does not need', async () => {
    const cancel = vi.fn()
    issuer.answer = () => new Response(new ReadableStream({ cancel }), { status: 500 })

    expect(await statusFor(signingKey('ES256'))).toBe(503)
    expect(cancel).toHaveBeenCalledOnce()
  })

  it('does not hold up later fetches if it never ends', async () => {
    shortenDeadlines()
    const known = await newSigningKey('known')
    issuer.publish(known)
    const { answer } = issuer
    issuer.answer = () => new Promise(() => undefined)
    expect(await statusFor(known)).toBe(503)

    issuer.answer = answer
    pass(10 * SECOND - 1)
    const waiting = statusFor(known)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(issuer.fetches).toHaveLength(1)
    pass(1)

    expect(await statusFor(known)).toBe(200)
    expect(await waiting).toBe(503)
  })
})

describe('a fetch that ends late', () => {
  it('does not hide the fetch that replaced it', async () => {
    shortenDeadlines()
    const known = await newSigningKey('known')
    issuer.publish(known)
    const [late, second] = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()]
    const soon = () => new Promise((resolve) => setTimeout(resolve, 50))
    const { answer } = issuer
    issuer.answer = () => late.promise
    expect(await statusFor(known)).toBe(503)
    issuer.answer = () => second.promise
    pass(10 * SECOND)
    const waiting = statusFor(known)
    await soon()

    late.resolve(answer())
    await soon()
    const stranger = statusFor({ ...known, kid: 'stranger' })
    await soon()

    expect(issuer.fetches).toHaveLength(2)
    second.resolve(answer())
    expect(await Promise.all([waiting, stranger])).toEqual([200, 401])
  })
})

describe('an unknown kid', () => {
  it('causes at most one fetch in 30 s, however many tokens have one', async () => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    await statusFor(known)
    const strangers = async () =>
      await Promise.all(
        Array.from({ length: 100 }, async () => statusFor({ ...known, kid: uniqueId('kid') })),
      )

    const first = await strangers()
    pass(30 * SECOND - 1)
    const second = await strangers()
    expect(issuer.fetches).toHaveLength(2)
    pass(1)
    const third = await strangers()

    expect(issuer.fetches).toHaveLength(3)
    expect(new Set([...first, ...second, ...third])).toEqual(new Set([401]))
    expect(new Set(loggedReasons())).toEqual(new Set(['TokenRefused: unknown_key']))
  })

  it('causes no fetch if the keys were just fetched for it', async () => {
    issuer.publish(await newSigningKey('known'))

    expect(await statusFor(await newSigningKey('unknown'))).toBe(401)
    expect(await statusFor(await newSigningKey('unknown'))).toBe(401)
    expect(issuer.fetches).toHaveLength(1)
  })
})

describe('an address that fails', () => {
  const noKeySet = 'Error: The key set is not a JSON Web Key Set'
  const problems: { title: string; answer: Issuer['answer']; reason: string }[] = [
    { title: 'answers 500', answer: down, reason: 'Error: The key set was answered with 500' },
    {
      title: 'answers 404',
      answer: () => new Response('nothing here', { status: 404 }),
      reason: 'Error: The key set was answered with 404',
    },
    {
      title: 'answers nothing',
      answer: () => new Response(null),
      reason: 'Error: The key set was answered with 200',
    },
    {
      title: 'redirects elsewhere',
      answer: () =>
        new Response(null, { status: 302, headers: { Location: 'http://evil.example' } }),
      reason: 'Error: The key set was answered with 302',
    },
    {
      title: 'cannot be reached',
      answer: () => Promise.reject(new TypeError('Network connection lost.')),
      reason: 'TypeError: Network connection lost.',
    },
    { title: 'answers no JSON', answer: () => new Response(SECRET), reason: noKeySet },
    {
      title: 'answers no key set',
      answer: () => Response.json({ keys: SECRET }),
      reason: noKeySet,
    },
    {
      title: 'answers more than 64 KiB',
      answer: () => Response.json({ keys: issuer.keys, more: 'x'.repeat(64 * 1024) }),
      reason: 'Error: The key set is larger than 65536 bytes',
    },
  ]

  it.each(problems)('makes a token of its keys a 503, never accepted: $title', async (problem) => {
    issuer.publish(signingKey('ES256'))
    issuer.answer = problem.answer

    const response = await ask(signedWith(signingKey('ES256')))

    expect(response.headers.get('Retry-After')).toMatch(/^[123]$/)
    await expectErrors(response, 503, { title: 'Service Unavailable' })
    expect(loggedReasons()).toEqual([problem.reason, problem.reason]) // The fetch and the request.
    expect(JSON.stringify(logged)).not.toContain(SECRET)
  })

  it.each(problems)('leaves cached keys working, and others 503: $title', async ({ answer }) => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    await statusFor(known)
    issuer.answer = answer
    pass(10 * MINUTE)

    expect(await statusFor(known)).toBe(200)
    expect(await statusFor(await newSigningKey('unknown'))).toBe(503)
    expect(await statusFor(known)).toBe(200)
  })

  it('is given up after 5 s', async () => {
    skipWaiting()
    issuer.answer = () => new Promise(() => undefined)
    const startedAt = performance.now()

    const response = await ask(signedWith(signingKey('ES256')))

    expect(response.status).toBe(503)
    expect(loggedReasons()).toEqual(['UnavailableError: AUTH_JWKS_URL cannot be fetched'])
    const waited = performance.now() - startedAt
    expect(waited).toBeGreaterThan(4_900)
    expect(waited).toBeLessThan(9_000)
  })

  it('does not count as a failure of the caller', async () => {
    worker.FAILURE_RATE_LIMIT = exhaustedLimit
    issuer.answer = down

    expect(await statusFor(signingKey('ES256'))).toBe(503)
  })

  it('leaves the keys of the settings working', async () => {
    worker.AUTH_JWKS = JSON.stringify({ keys: [publicHalf(signingKey('RS256'))] })
    issuer.answer = down

    expect(await statusFor(signingKey('RS256'))).toBe(200)
  })

  it('is asked again after 5 s if it never had a key, and after 30 s for a new key', async () => {
    const known = await newSigningKey('known')
    issuer.publish(known)
    const { answer } = issuer
    issuer.answer = down
    expect([await statusFor(known), await statusFor(known)]).toEqual([503, 503])
    expect(issuer.fetches).toHaveLength(1)

    issuer.answer = answer
    pass(5 * SECOND)
    expect(await statusFor(known)).toBe(200)
    expect(issuer.fetches).toHaveLength(2)

    issuer.answer = down
    const unknown = await newSigningKey('unknown')
    expect([await statusFor(unknown), await statusFor(unknown)]).toEqual([503, 503])
    expect(issuer.fetches).toHaveLength(3)
    issuer.publish(known, unknown)
    issuer.answer = answer
    pass(30 * SECOND)
    expect(await statusFor(unknown)).toBe(200)
    expect(await statusFor({ ...known, kid: 'stranger' })).toBe(401)
  })
})

describe('ACCOUNT_JWKS_URL', () => {
  it('has the keys of account tokens only', async () => {
    worker = {
      ...env,
      CARTS_PER_ACCOUNT: 1_000,
      AUTH_JWKS: JSON.stringify({ keys: [publicHalf(signingKey('ES256'))] }),
      ACCOUNT_JWKS_URL: 'https://identity.example/accounts',
    }
    issuer.publish(signingKey('RS256'))

    const good = await ask(accessParts(), accountParts({}, 'RS256'))
    const accessByAccountKey = await ask(accessParts({}, 'RS256'), accountParts({}, 'RS256'))
    const accountByAccessKey = await ask(accessParts(), accountParts())

    expect([good.status, accessByAccountKey.status, accountByAccessKey.status]).toEqual([
      200, 401, 403,
    ])
    expect(new Set(issuer.fetches)).toEqual(new Set(['https://identity.example/accounts']))
  })

  it('makes a good account token a 503, not a 403, while it is down', async () => {
    worker = {
      ...env,
      CARTS_PER_ACCOUNT: 1_000,
      AUTH_JWKS: JSON.stringify({ keys: [publicHalf(signingKey('ES256'))] }),
      ACCOUNT_JWKS_URL: 'https://identity.example/accounts',
    }
    issuer.answer = down

    expect((await ask(accessParts(), accountParts({}, 'RS256'))).status).toBe(503)
  })
})

describe('AUTH_JWKS_URL', () => {
  it('has the keys of account tokens too, if these have none of their own', async () => {
    issuer.publish(signingKey('ES256'), signingKey('RS256'))

    expect((await ask(accessParts(), accountParts({}, 'RS256'))).status).toBe(200)
    expect(issuer.fetches).toHaveLength(1)
  })

  it.each(['http://localhost:9000/keys', 'http://127.0.0.1/', 'http://[::1]:1/'])(
    'may be http on this machine: %s',
    async (url) => {
      worker.AUTH_JWKS_URL = url
      issuer.publish(signingKey('ES256'))

      expect(await statusFor(signingKey('ES256'))).toBe(200)
    },
  )
})
