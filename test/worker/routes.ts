// Every route that authenticates its caller; the refusal matrix runs over all of them.
import { accounts, accountsOf, cartOf, cartsOf, erasureOf, send, sendJson } from './requests.ts'

export interface ProtectedRoute {
  name: string
  send: (headers: Record<string, string>, cartId: string, accountId: string) => Promise<Response>
}

export const protectedRoutes: ProtectedRoute[] = [
  ...['POST', 'DELETE'].map((method) => ({
    name: `${method} /v2/carts/:cartID/relationships/accounts`,
    send: (headers: Record<string, string>, cartId: string, accountId: string) =>
      sendJson(method, accountsOf(cartId), headers, accounts(accountId)),
  })),
  {
    name: 'GET /v2/carts/:cartID/relationships/accounts',
    send: (headers, cartId) => send('GET', accountsOf(cartId), headers),
  },
  {
    name: 'GET /v2/carts/:cartID',
    send: (headers, cartId) => send('GET', cartOf(cartId), headers),
  },
  {
    name: 'GET /v2/carts',
    send: (headers, _, accountId) => send('GET', cartsOf(accountId), headers),
  },
  {
    name: 'DELETE /v2/carts/:cartID',
    send: (headers, cartId) => send('DELETE', cartOf(cartId), headers),
  },
  {
    name: 'GET /v2/accounts/:accountID/relationships/carts',
    send: (headers, _, accountId) => send('GET', erasureOf(accountId), headers),
  },
  {
    name: 'DELETE /v2/accounts/:accountID/relationships/carts',
    send: (headers, _, accountId) => send('DELETE', erasureOf(accountId), headers),
  },
]
