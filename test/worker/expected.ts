// What responses must be as a whole: error documents and carts (contract, sections 6, 7 and 9).
import { expect } from 'vitest'
import type { ErrorObject } from '../../src/errors.ts'
import { accounts } from './requests.ts'

export const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

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
