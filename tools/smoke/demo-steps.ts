// The story of the demo: requests as a storefront and a server make them, and the promised answers.
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import type { ThrowawayWorker } from '../lib/throwaway-worker.ts'
import { mintAccountToken } from '../tokens/mint.ts'
import { type Answer, accounts, associated, REFUSED, type Step, UNCHANGED } from './steps.ts'

const CART = '5e2e7c51-8f0b-4d5b-9a52-3b1f1f3c9a10'
const TOKEN_PATH = '/oauth/access_token'
const PATH = `/v2/carts/${CART}/relationships/accounts`
const OWNER = 'b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe'
const STRANGER = '25617d3e-14a6-434c-bfab-3fda87517aaf'

const tokenAnswer = v.object({ access_token: v.string() })
const grantAnswer = v.object({ identifier: v.string(), expires_in: v.number() })
const cartIds = v.object({ data: v.array(v.object({ type: v.string(), id: v.string() })) })
const cartId = v.object({ data: v.object({ type: v.string(), id: v.string() }) })

export async function demoSteps({ url, settings, key }: ThrowawayWorker): Promise<Step[]> {
  const common = { storeId: key.storeId, expiresInSeconds: 600 }
  const credentials = {
    grant_type: 'client_credentials',
    client_id: key.clientId,
    client_secret: key.clientSecret ?? '',
  }
  const accessToken = async (grantType: string) => {
    const body = new URLSearchParams({ ...credentials, grant_type: grantType })
    const response = await fetch(`${url}${TOKEN_PATH}`, { method: 'POST', body })
    return v.parse(tokenAnswer, await response.json()).access_token
  }
  const accountToken = (accountId: string) =>
    mintAccountToken(settings, { ...common, accountId, memberId: 'member' })

  const implicit = { Authorization: `Bearer ${await accessToken('implicit')}` }
  const server = { Authorization: `Bearer ${await accessToken('client_credentials')}` }
  const shopper = (token: string) => ({
    ...implicit,
    'EP-Account-Management-Authentication-Token': token,
  })
  const owner = shopper(await accountToken(OWNER))
  const stranger = shopper(await accountToken(STRANGER))

  const post = (
    title: string,
    headers: Record<string, string>,
    body: unknown,
    answer: Answer,
  ): Step => ({ title, method: 'POST', path: PATH, headers, body, answer })

  const get = (
    title: string,
    path: string,
    headers: Record<string, string>,
    answer: Answer,
    schema: v.GenericSchema = v.unknown(),
  ): Step => ({
    title,
    method: 'GET',
    path,
    headers,
    answer,
    part: (body) => v.parse(schema, body),
  })
  const cart = { type: 'cart', id: CART }

  return [
    {
      title: 'A server asks for an access token',
      method: 'POST',
      path: TOKEN_PATH,
      headers: {},
      body: { ...credentials, client_secret: '…' },
      sent: credentials,
      answer: { status: 200, body: { identifier: 'client_credentials', expires_in: 3600 } },
      part: (body) => v.parse(grantAnswer, body),
    },
    post(
      'A shopper signs in, and its account gets the cart',
      owner,
      accounts(OWNER),
      associated(OWNER),
    ),
    post('The next page asks again', owner, accounts(OWNER), UNCHANGED),
    get(
      'The laptop, signed in to the same account, lists its carts',
      '/v2/carts',
      owner,
      {
        status: 200,
        body: { data: [cart] },
      },
      cartIds,
    ),
    get(
      'It may have the cart',
      `/v2/carts/${CART}`,
      owner,
      { status: 200, body: { data: cart } },
      cartId,
    ),
    get(
      'A stranger may not, and is not told whether there is one',
      `/v2/carts/${CART}`,
      stranger,
      REFUSED.cart,
    ),
    post(
      'A stranger who knows the cart id cannot take it',
      stranger,
      accounts(STRANGER),
      REFUSED.account,
    ),
    post(
      'A server shares the cart with a second account',
      server,
      accounts(STRANGER),
      associated(STRANGER),
    ),
    post('Both accounts have it now', server, accounts(OWNER, STRANGER), UNCHANGED),
    post('Without an access token', {}, accounts(OWNER), REFUSED.accessToken),
    post(
      'With a word for an account token',
      shopper('forged'),
      accounts(OWNER),
      REFUSED.accountToken,
    ),
    post('With an implicit token alone', implicit, accounts(OWNER), REFUSED.implicitAlone),
    post('With a typo in the body', owner, { data: [{ type: 'acount', id: OWNER }] }, REFUSED.typo),
    {
      title: 'The shopper leaves the cart',
      method: 'DELETE',
      path: PATH,
      headers: owner,
      body: accounts(OWNER),
      answer: UNCHANGED,
    },
    {
      title: 'A method that is not served',
      method: 'PUT',
      path: PATH,
      headers: owner,
      answer: REFUSED.method,
    },
    {
      title: 'A path that is not there',
      method: 'GET',
      path: `/v2/carts/${randomUUID()}/nothing`,
      headers: owner,
      answer: REFUSED.path,
    },
  ]
}
