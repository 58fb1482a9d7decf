// Every route that asks who calls; the refusal matrix runs over all of them.
import { accounts, accountsOf, sendJson } from './requests.ts'

export interface ProtectedRoute {
  name: string
  send: (headers: Record<string, string>, cartId: string, accountId: string) => Promise<Response>
}

export const protectedRoutes: ProtectedRoute[] = ['POST', 'DELETE'].map((method) => ({
  name: `${method} /v2/carts/:cartID/relationships/accounts`,
  send: (headers, cartId, accountId) =>
    sendJson(method, accountsOf(cartId), headers, accounts(accountId)),
}))
