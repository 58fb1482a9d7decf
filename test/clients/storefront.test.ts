// The request that Elastic Path's own storefront sends without an SDK: a bare array.
import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { accounts } from './documents.ts'
import { newShopper, worker } from './shoppers.ts'

it('accepts the bare array of the storefront: 200, then 204', async () => {
  const { accountId, accountToken } = await newShopper()
  const response = await fetch(new URL('/oauth/access_token', worker.url), {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'implicit', client_id: worker.clientId }),
  })
  const { access_token: accessToken } = Object(await response.json())
  const url = new URL(`/v2/carts/${randomUUID()}/relationships/accounts`, worker.url)
  const associate = () =>
    fetch(url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${accessToken}`,
        'EP-Account-Management-Authentication-Token': accountToken,
        'Content-Type': 'application/json',
      },
      body: JSON.stringify(accounts(accountId)),
    })

  const first = await associate()
  const second = await associate()

  expect(first.status).toBe(200)
  expect(await first.json()).toEqual({ data: accounts(accountId) })
  expect(second.status).toBe(204)
  expect(await second.text()).toBe('')
})
