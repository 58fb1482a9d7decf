// Documents of the contract (sections 6 and 7), to compare whole bodies with.
import { expect } from 'vitest'
import { accounts } from './requests.ts'

const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

/** The resource of a cart with these accounts. */
export const cartDocument = (id: string, ...accountIds: string[]): object => ({
  type: 'cart',
  id,
  meta: { timestamps: { created_at: timestamp, updated_at: timestamp } },
  relationships: { accounts: accounts(...accountIds), items: { data: [] } },
  links: { self: `https://api.example/v2/carts/${id}` },
})
