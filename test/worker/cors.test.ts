import { describe, expect, it } from 'vitest'
import { accountsOf, send, sendJsonWith } from './requests.ts'

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
