import { describe, expect, it } from 'vitest'
import { worker } from '../clients/shoppers.ts'

const get = async (path: string): Promise<Response> =>
  await fetch(new URL(path, worker.url), { redirect: 'manual' })

describe('a deployed Worker', () => {
  it.each([
    ...['/', '/index.html', '/playground', '/playground/main.js', '/playground/session.json'],
    ...['/docs/nothing', '/_headers', '/favicon.ico'],
  ])('has no page at %s, and says so itself', async (path) => {
    const response = await get(path)

    expect(response.status).toBe(404)
    expect(response.headers.get('X-Request-Id')).not.toBeNull()
    expect(await response.json()).toEqual({ errors: [{ status: 404, title: 'Not Found' }] })
  })

  it('serves /docs with the security headers of every answer, and scripts of its own alone', async () => {
    const [page, answer] = await Promise.all([get('/docs'), get('/healthz')])

    expect(page.status).toBe(200)
    expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
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

  it.each(['/docs/', '/docs.html'])('sends %s on to /docs', async (path) => {
    const response = await get(path)

    expect(response.status).toBe(307)
    expect(response.headers.get('Location')).toBe('/docs')
  })
})
