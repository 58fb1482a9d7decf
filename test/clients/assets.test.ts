// The assets as a deployment serves them in front of the Worker (contract, section 11), and nothing of the playground.
import { describe, expect, it } from 'vitest'
import { worker } from './worker.ts'

const ask = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(new URL(path, worker.url), { redirect: 'manual', ...init })

describe('GET /openapi.json', () => {
  it('answers with the document to pages of every origin, to HEAD, and 304 if the ETag matches', async () => {
    const response = await ask('/openapi.json', { headers: { Origin: 'https://shop.example' } })
    const head = await ask('/openapi.json', { method: 'HEAD' })
    const headers = { 'If-None-Match': head.headers.get('ETag') ?? '' }
    const unchanged = await ask('/openapi.json', { headers })

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(response.headers.get('Cross-Origin-Resource-Policy')).toBe('cross-origin')
    expect(await response.json()).toMatchObject({ openapi: '3.1.0' })
    expect([head.status, unchanged.status]).toEqual([200, 304])
  })
})

describe('GET /docs', () => {
  it('has the security headers of every response, scripts of its own, and its own origin as reader', async () => {
    const [page, answer] = await Promise.all([ask('/docs'), ask('/healthz')])

    expect(page.status).toBe(200)
    expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin')
    expect(page.headers.get('Access-Control-Allow-Origin')).toBeNull()
    for (const name of [
      ...['Referrer-Policy', 'Strict-Transport-Security'],
      ...['X-Content-Type-Options', 'X-Frame-Options'],
    ]) {
      expect(page.headers.get(name)).toBe(answer.headers.get(name))
    }
    const policy = page.headers.get('Content-Security-Policy')?.split('; ')
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'"]),
    )
  })

  it.each(['/docs/', '/docs.html'])('is where %s leads', async (path) => {
    const response = await ask(path)

    expect(response.status).toBe(307)
    expect(response.headers.get('Location')).toBe('/docs')
  })
})

describe('other paths', () => {
  it.each([
    ...['/', '/index.html', '/playground', '/playground/main.js', '/playground/session.json'],
    ...['/docs/nothing', '/_headers', '/favicon.ico'],
  ])('have no page, and the Worker says so: %s', async (path) => {
    const response = await ask(path)

    expect(response.status).toBe(404)
    expect(response.headers.get('X-Request-Id')).not.toBeNull()
    expect(await response.json()).toEqual({ errors: [{ status: 404, title: 'Not Found' }] })
  })
})
