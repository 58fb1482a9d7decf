// The assets as they are served in front of the Worker (contract, section 11).
import { describe, expect, it } from 'vitest'
import { worker } from './shoppers.ts'

const ask = (path: string, init?: RequestInit): Promise<Response> =>
  fetch(new URL(path, worker.url), init)

describe('GET /openapi.json', () => {
  it('answers with the document, which pages of every origin may read', async () => {
    const response = await ask('/openapi.json', { headers: { Origin: 'https://shop.example' } })

    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(response.headers.get('Cross-Origin-Resource-Policy')).toBe('cross-origin')
    expect(await response.json()).toMatchObject({ openapi: '3.1.0' })
  })

  it('answers HEAD, and 304 if the ETag matches', async () => {
    const head = await ask('/openapi.json', { method: 'HEAD' })
    const headers = { 'If-None-Match': head.headers.get('ETag') ?? '' }

    expect(head.status).toBe(200)
    expect((await ask('/openapi.json', { headers })).status).toBe(304)
  })
})

describe('GET /docs', () => {
  it('may be read by its own origin only', async () => {
    const response = await ask('/docs')

    expect(response.status).toBe(200)
    expect(response.headers.get('Cross-Origin-Resource-Policy')).toBe('same-origin')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull()
  })
})
