// A fetch that records each exchange, to count what a client sends and to see how it encodes it.
import { expect } from 'vitest'
import { worker } from './shoppers.ts'

export interface Exchange {
  /** `POST /v2/carts 401` */
  line: string
  headers: Headers
  body: string
}

export interface RecordedFetch {
  fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  exchanges: Exchange[]
  /** Returns the lines since the last call. */
  sent: () => string[]
}

export function recordedFetch(): RecordedFetch {
  const exchanges: Exchange[] = []
  let seen = 0
  return {
    exchanges,
    async fetch(input, init) {
      const request = new Request(input, init)
      const body = await request.clone().text()
      const response = await fetch(request)
      const { pathname, search } = new URL(request.url)
      const line = `${request.method} ${pathname}${decodeURIComponent(search)} ${response.status}`
      exchanges.push({ line, headers: request.headers, body })
      return response
    },
    sent() {
      const lines = exchanges.slice(seen).map(({ line }) => line)
      seen = exchanges.length
      return lines
    },
  }
}

/** Sends the preflights that a browser would send before these requests; Node sends none. */
export async function expectPreflights(exchanges: Exchange[]): Promise<void> {
  for (const { line, headers } of exchanges) {
    const [method = '', target = ''] = line.split(' ')
    const names = [...headers.keys()]
    const answer = await fetch(new URL(target, worker.url), {
      method: 'OPTIONS',
      headers: {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': names.join(','),
      },
    })
    const list = (name: string) => answer.headers.get(name)?.toLowerCase().split(/, */) ?? []
    expect(answer.status).toBe(204)
    expect(list('Access-Control-Allow-Origin')).toEqual(['*'])
    expect(list('Access-Control-Allow-Methods')).toContain(method.toLowerCase())
    expect(list('Access-Control-Allow-Headers')).toEqual(expect.arrayContaining(names))
  }
}
