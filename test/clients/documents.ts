// The documents of the service, as its clients must receive them (contract, sections 4, 7 and 9).
import { expect } from 'vitest'
import { worker } from './shoppers.ts'

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
