// The Worker of these tests: its shoppers, what clients send as a fetch records it, and the documents that they
// must receive (contract, sections 4, 7 and 9).
import { randomUUID } from 'node:crypto'
import { expect, inject } from 'vitest'
import { localSettings } from '../../tools/tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../../tools/tokens/mint.ts'

export const worker = inject('worker')
const settings = await localSettings(worker.devVars)

export interface Shopper {
  accountId: string
  accountToken: string
}

/** Makes an account, with a token as its identity provider would issue it. */
export async function newShopper(): Promise<Shopper> {
  const accountId = randomUUID()
  const accountToken = await mintAccountToken(settings, {
    accountId,
    storeId: worker.storeId,
    memberId: randomUUID(),
    expiresInSeconds: 600,
  })
  return { accountId, accountToken }
}

/** Returns the headers of a shopper's requests. */
export async function headersOf({ accountToken }: Shopper): Promise<Record<string, string>> {
  const { storeId, clientId } = worker
  const grant = { grantType: 'implicit', storeId, clientId, expiresInSeconds: 600 } as const
  return {
    Authorization: `Bearer ${await mintAccessToken(settings, grant)}`,
    'EP-Account-Management-Authentication-Token': accountToken,
  }
}

/** Replaces the signature by 64 bytes that are well-formed and wrong. */
export function forged(token: string): string {
  const [header, claims] = token.split('.')
  return `${header}.${claims}.${Buffer.alloc(64, 7).toString('base64url')}`
}

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

/** Forges the access token of the first requests, as many as `forgeries` says: they are answered with 401. */
export function recordedFetch(forgeries = 0): RecordedFetch {
  const exchanges: Exchange[] = []
  let seen = 0
  let left = forgeries
  return {
    exchanges,
    async fetch(input, init) {
      const request = new Request(input, init)
      const authorization = request.headers.get('Authorization')
      if (left > 0 && authorization !== null) {
        left -= 1
        request.headers.set('Authorization', forged(authorization))
      }
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

export const pathOf = (cartId: string) => `/v2/carts/${cartId}/relationships/accounts`

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
