import { describe, expect, it } from 'vitest'
import { accountsOf, send, sendWith } from './requests.ts'

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
  'X-Cart-Invitation',
]

const list = (response: Response, header: string): string[] =>
  (response.headers.get(header) ?? '').split(',').map((each) => each.trim())

describe('a preflight', () => {
  const preflightFor = async (named: string): Promise<Response> =>
    await send('OPTIONS', accountsOf('cart-1'), {
      Origin: 'https://shop.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': named,
    })
  const allowedFor = async (named: string): Promise<string[]> =>
    list(await preflightFor(named), 'Access-Control-Allow-Headers')

  it('answers 204 without credentials and lists what may be sent, for two hours', async () => {
    const response = await preflightFor('authorization,content-type')

    const methods = ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']
    expect(response.status).toBe(204)
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    expect(list(response, 'Access-Control-Allow-Methods')).toEqual(methods)
    expect(list(response, 'Access-Control-Allow-Headers')).toEqual(
      expect.arrayContaining(ALLOWED_HEADERS),
    )
    expect(response.headers.get('Access-Control-Max-Age')).toBe('7200')
  })

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

describe('CORS_ORIGINS', () => {
  const listed = 'https://shop.example, https://staging.shop.example:8443'
  const apps = ['capacitor://localhost', 'ionic://localhost', 'chrome-extension://abcdef']
  const others = [
    ...['https://evil.example', 'http://shop.example', 'https://shop.example.evil.example'],
    ...[listed, 'null', ''],
  ]

  it.each([
    { setting: undefined, origin: 'https://anywhere.example', allowed: '*' },
    ...listed.split(', ').map((origin) => ({ setting: listed, origin, allowed: origin })),
    ...apps.map((origin) => ({ setting: `${listed},${origin}`, origin, allowed: origin })),
    ...others.map((origin) => ({ setting: listed, origin, allowed: null })),
  ])(
    'of $setting allows $allowed to $origin: on the preflight, and on any response',
    async ({ setting, origin, allowed }) => {
      const ask = async (method: string, path: string, changes: object = {}) =>
        await sendWith({ CORS_ORIGINS: setting, ...changes }, method, path, { Origin: origin })

      for (const response of [
        await ask('OPTIONS', accountsOf('cart-1')),
        await ask('GET', '/healthz'),
        await ask('POST', accountsOf('cart-1')),
        await ask('GET', '/v2/carts', { AUTH_JWKS: undefined }),
      ]) {
        expect(response.headers.get('Access-Control-Allow-Origin')).toBe(allowed)
        expect(list(response, 'Vary')).toContain('Origin')
      }
    },
  )
})
