import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { expectCommonHeaders } from './expected.ts'
import {
  accounts,
  accountsOf,
  associate,
  send,
  sendJson,
  sendJsonWith,
  uniqueId,
} from './requests.ts'
import { exhaustedLimit } from './stubs.ts'
import { server, shopper } from './tokens.ts'
import { failWith, wrapD1 } from './wrapped-d1.ts'

const json = { 'Content-Type': 'application/json' }

/** One response of each status that takes no time; request-body.test.ts has the 408. */
const answers: { title: string; status: number; ask: () => Promise<Response> }[] = [
  {
    title: 'a new association',
    status: 200,
    ask: async () => await associate(uniqueId('cart'), await server(), 'account-1'),
  },
  {
    title: 'a removal',
    status: 204,
    ask: async () =>
      await sendJson('DELETE', accountsOf('cart-1'), await server(), accounts('account-1')),
  },
  {
    title: 'a preflight',
    status: 204,
    ask: async () => await send('OPTIONS', accountsOf('cart-1')),
  },
  {
    title: 'a bad body',
    status: 400,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), await server(), {}),
  },
  {
    title: 'no access token',
    status: 401,
    ask: async () => await sendJson('POST', accountsOf('cart-1'), {}, accounts('account-1')),
  },
  {
    title: 'an account that is not its own',
    status: 403,
    ask: async () => await associate('cart-1', await shopper('account-1'), 'account-2'),
  },
  { title: 'an unknown path', status: 404, ask: async () => await send('GET', '/v2/nothing') },
  {
    title: 'a method not served',
    status: 405,
    ask: async () => await send('PUT', accountsOf('c')),
  },
  {
    title: 'a body over the limit',
    status: 413,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), ...json }, 'x'.repeat(70_000)),
  },
  {
    title: 'a body of the wrong type',
    status: 415,
    ask: async () =>
      await send('POST', accountsOf('c'), { ...(await server()), 'Content-Type': 'text/csv' }, 'a'),
  },
  {
    title: 'a shopper beyond its limit',
    status: 429,
    ask: async () => {
      const bindings = { SHOPPER_RATE_LIMIT: exhaustedLimit }
      const caller = await shopper('account-1')
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), caller, accounts('account-1'))
    },
  },
  {
    title: 'a database that is overloaded',
    status: 503,
    ask: async () => {
      const { db } = wrapD1(env.DB, failWith('D1 DB is overloaded. Too many requests queued.'))
      const caller = await server()
      return await sendJsonWith({ DB: db }, 'POST', accountsOf('c'), caller, accounts('a'))
    },
  },
  {
    title: 'a Worker without settings',
    status: 500,
    ask: async () => {
      const bindings = { AUTH_JWKS: undefined }
      return await sendJsonWith(bindings, 'POST', accountsOf('c'), await server(), accounts('a'))
    },
  },
]

describe.each(answers)('the answer $status to $title', ({ status, ask }) => {
  it('carries the id of the request, the CORS headers and the security headers', async () => {
    const response = await ask()

    expect(response.status).toBe(status)
    expectCommonHeaders(response)
  })
})

describe.each(answers.filter(({ status }) => status >= 400))(
  'the error document of the answer $status to $title',
  ({ status, ask }) => {
    it('holds one error object, whose status is the status', async () => {
      const response = await ask()

      expect(response.headers.get('Content-Type')).toBe('application/json')
      expect(await response.json()).toEqual({
        errors: [expect.objectContaining({ status, title: expect.any(String) })],
      })
    })
  },
)

describe('the request id', () => {
  it('is new for every request, whatever the client sends', async () => {
    const headers = { 'X-Request-Id': 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe' }

    const first = await send('GET', '/healthz', headers)
    const second = await send('GET', '/healthz', headers)

    const ids = [first, second].map((response) => response.headers.get('X-Request-Id'))
    expect(new Set([...ids, headers['X-Request-Id']]).size).toBe(3)
  })
})

const ALLOWED_HEADERS = [
  'Authorization',
  'Content-Type',
  'If-None-Match',
  'EP-Account-Management-Authentication-Token',
  'EP-Channel',
  'EP-Context-Tag',
  'EP-Inventories-Multi-Location',
  'EP-Beta-Features',
  'X-MOLTIN-SDK-LANGUAGE',
  'X-MOLTIN-SDK-VERSION',
  'X-MOLTIN-APPLICATION',
  'X-MOLTIN-CURRENCY',
  'X-MOLTIN-LANGUAGE',
  'X-MOLTIN-AUTH-STORE',
  'X-MOLTIN-CUSTOMER-TOKEN',
  'X-D1-Bookmark',
]

const list = (response: Response, header: string): string[] =>
  (response.headers.get(header) ?? '').split(',').map((each) => each.trim())

describe('a preflight', () => {
  it('answers 204 without credentials and lists what may be sent, for two hours', async () => {
    const response = await send('OPTIONS', accountsOf('cart-1'), {
      Origin: 'https://shop.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'authorization,content-type',
    })

    expect(response.status).toBe(204)
    expect(response.body).toBeNull()
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    expect(list(response, 'Access-Control-Allow-Methods')).toEqual([
      'GET',
      'HEAD',
      'POST',
      'DELETE',
      'OPTIONS',
    ])
    expect(list(response, 'Access-Control-Allow-Headers')).toEqual(
      expect.arrayContaining(ALLOWED_HEADERS),
    )
    expect(response.headers.get('Access-Control-Max-Age')).toBe('7200')
  })
})

describe('CORS_ORIGINS', () => {
  const CORS_ORIGINS = 'https://shop.example, https://staging.shop.example:8443'
  const allowed = async (
    setting: string | undefined,
    origin: string,
    method = 'OPTIONS',
  ): Promise<string | null> => {
    const response = await sendJsonWith(
      { CORS_ORIGINS: setting },
      method,
      accountsOf('cart-1'),
      { Origin: origin },
      undefined,
    )
    expect(list(response, 'Vary')).toContain('Origin')
    return response.headers.get('Access-Control-Allow-Origin')
  }

  it('allows every origin by default', async () => {
    expect(await allowed(undefined, 'https://anywhere.example')).toBe('*')
  })

  it.each(['https://shop.example', 'https://staging.shop.example:8443'])(
    'allows the listed origin %s, on the preflight and on the response',
    async (origin) => {
      expect(await allowed(CORS_ORIGINS, origin)).toBe(origin)
      expect(await allowed(CORS_ORIGINS, origin, 'POST')).toBe(origin)
    },
  )

  it.each(['capacitor://localhost', 'ionic://localhost', 'chrome-extension://abcdef'])(
    'allows the origin of an app: %s',
    async (origin) => {
      expect(await allowed(`${CORS_ORIGINS},${origin}`, origin, 'POST')).toBe(origin)
    },
  )

  it.each([
    'https://evil.example',
    'http://shop.example',
    'https://shop.example.evil.example',
    'https://shop.example, https://staging.shop.example:8443',
    'null',
    '',
  ])('allows no origin that is not listed: %s', async (origin) => {
    expect(await allowed(CORS_ORIGINS, origin)).toBeNull()
    expect(await allowed(CORS_ORIGINS, origin, 'POST')).toBeNull()
  })
})

describe('a preflight', () => {
  const allowedFor = async (named: string): Promise<string[]> => {
    const headers = {
      Origin: 'https://shop.example',
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': named,
    }
    const response = await send('OPTIONS', '/v2/carts', headers)
    return list(response, 'Access-Control-Allow-Headers')
  }

  it('allows the further headers that it names, as tracing sends them', async () => {
    const named = ['authorization', 'sentry-trace', 'baggage', 'traceparent', 'tracestate']

    const allowed = (await allowedFor(named.join(','))).map((name) => name.toLowerCase())

    expect(allowed).toEqual(expect.arrayContaining(named))
    expect(new Set(allowed).size).toBe(allowed.length)
  })

  it('allows no name that is not a token, at most 64 more, and none over 4 KiB', async () => {
    const known = (await allowedFor('')).length
    const many = Array.from({ length: 70 }, (_, index) => `x-${index}`)

    expect(await allowedFor('x y, x(y), "x", é, ,')).toHaveLength(known)
    expect(await allowedFor(many.join(', '))).toHaveLength(known + 64)
    expect(await allowedFor(`x-${'y'.repeat(4_096)}`)).toHaveLength(known)
  })
})
