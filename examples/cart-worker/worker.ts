// A cart service that asks cart-accounts who may see a cart, over a binding and not over HTTP.
import type { CartAccounts } from '../../src/cart-accounts.ts'

interface Bindings {
  CART_ACCOUNTS: Service<typeof CartAccounts>
}

const storeId = 'demo'

export default {
  async fetch(request, { CART_ACCOUNTS }): Promise<Response> {
    const accountId = request.headers.get('X-Account-Id') // Replace with your own sign-in.
    if (accountId === null) return new Response('Sign in first', { status: 401 })

    const [, cartId] = /^\/carts\/([\w-]{1,255})$/.exec(new URL(request.url).pathname) ?? []
    if (cartId === undefined) return new Response('Cart not found', { status: 404 })
    if (request.method === 'PUT') {
      const claim = 'unclaimed' // Never joins a cart of other accounts.
      const outcome = await CART_ACCOUNTS.associate({ storeId, cartId, accountId, claim })
      return new Response(outcome, { status: outcome === 'taken' ? 403 : 200 })
    }
    if (!(await CART_ACCOUNTS.hasCart({ storeId, cartId, accountId }))) {
      return new Response('Cart not found', { status: 404 })
    }
    return Response.json({ id: cartId, items: [] })
  },
} satisfies ExportedHandler<Bindings>
