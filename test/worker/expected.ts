// What responses must be as a whole: error documents, carts and common headers (contract, sections 6, 7 and 9).
import { expect } from 'vitest'
import type { ErrorObject } from '../../src/errors.ts'
import { accounts } from './requests.ts'

const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Expects this status and exactly these error objects, each of which repeats the status. */
export async function expectErrors(
  response: Response,
  status: number,
  ...errors: ErrorObject[]
): Promise<void> {
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ errors: errors.map((each) => ({ status, ...each })) })
}

/** A foreign account and a foreign cart read alike. */
export const notPermitted: ErrorObject = {
  title: 'Account does not have the required permissions to fulfill this request',
}

/** The resource of a cart with these accounts. */
export const cartDocument = (id: string, ...accountIds: string[]): object => ({
  type: 'cart',
  id,
  meta: { timestamps: { created_at: timestamp, updated_at: timestamp } },
  relationships: { accounts: accounts(...accountIds), items: { data: [] } },
  links: { self: `https://api.example/v2/carts/${id}` },
})

/** Expects the request id, the CORS headers and the security headers. */
export function expectCommonHeaders({ headers }: Response): void {
  expect(headers.get('X-Request-Id')).toMatch(UUID)
  expect(headers.get('Access-Control-Allow-Origin')).toBe('*')
  expect(headers.get('Access-Control-Expose-Headers')?.split(',')).toEqual([
    'ETag',
    'Location',
    'Retry-After',
    'X-Request-Id',
    'X-D1-Bookmark',
  ])
  expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(headers.get('X-Frame-Options')).toBe('DENY')
  expect(headers.get('Referrer-Policy')).toBe('no-referrer')
  expect(headers.get('Strict-Transport-Security')).toMatch(/^max-age=\d{8}/)
  expect(headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'")
}
