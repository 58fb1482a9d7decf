// What clients send, as a fetch records it, and the documents that they must receive (contract, sections 4, 7 and 9).
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

const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

export const accounts = (...ids: string[]) => ids.map((id) => ({ type: 'account', id }))

export const cart = (id: string, ...accountIds: string[]) => ({
  type: 'cart',
  id,
  meta: { timestamps: { created_at: timestamp, updated_at: timestamp } },
  relationships: { accounts: { data: accounts(...accountIds) }, items: { data: [] } },
  links: { self: `${worker.url}/v2/carts/${id}` },
})

export const list = (...data: unknown[]) => ({
  data,
  meta: {
    page: { limit: 20, offset: 0, current: 1, total: Math.ceil(data.length / 20) },
    results: { total: data.length },
  },
  links: expect.objectContaining({ next: null, prev: null }),
})

const errors = (status: number, title: string, more = {}) => ({
  errors: [{ status, title, ...more }],
})

export const cartNotFound = errors(404, 'Not Found', { detail: 'Cart not found' })

export const notPermitted = errors(
  403,
  'Account does not have the required permissions to fulfill this request',
)

export const accountTokenRefused = errors(
  403,
  'Unable to validate account management authentication token',
)

export const accessTokenRefused = errors(401, 'Unable to validate access token')

export const wrongSecret = errors(401, 'Unauthorized', {
  detail: 'The client id or the client secret is wrong',
})

export const filterRequired = errors(400, 'Bad Request', {
  detail: 'A filter is required: contains(account_ids,"ID")',
  source: 'filter',
})
