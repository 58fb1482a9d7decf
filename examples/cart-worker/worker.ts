// A cart service on Workers: it knows what a cart holds, and asks cart-accounts who may open it.
import type { CartAccounts } from '../../src/cart-accounts.ts'

interface Bindings {
  CART_ACCOUNTS: Service<typeof CartAccounts>
  CARTS: KVNamespace
  CLAIMS?: 'open' | 'invited'
}

const storeId = 'demo'

export default {
  async fetch(request, { CART_ACCOUNTS, CARTS, CLAIMS }): Promise<Response> {
    const accountId = request.headers.get('X-Account-Id') ?? undefined // Replace with your own sign-in.
    const { pathname } = new URL(request.url)
    if (pathname === '/carts') {
      const cart = { storeId, cartId: crypto.randomUUID() }
      // The browser sends it as X-Cart-Invitation when the guest signs in.
      const invitation = CLAIMS === 'invited' ? await CART_ACCOUNTS.invite(cart) : undefined
      return Response.json({ id: cart.cartId, invitation: invitation?.token })
    }

    const [, cartId, what] = /^\/v2\/carts\/([\w-]{1,255})\/(items|checkout)$/.exec(pathname) ?? []
    if (cartId === undefined) return new Response('Not found', { status: 404 })
    const cart = { storeId, cartId }
    const access = await CART_ACCOUNTS.access(
      accountId === undefined ? cart : { ...cart, accountId },
    )
    // Guests open carts of nobody, shoppers open theirs, and nobody opens the cart of others.
    if (access !== (accountId === undefined ? 'unclaimed' : 'yours')) {
      return new Response('Cart not found', { status: 404 })
    }
    if (what === 'checkout') {
      await CARTS.delete(cartId) // First: afterwards anybody may claim the id.
      await CART_ACCOUNTS.removeCart(cart)
      return new Response('Ordered')
    }
    if (request.method === 'PUT') await CARTS.put(cartId, await request.text())
    return new Response((await CARTS.get(cartId)) ?? '[]')
  },
} satisfies ExportedHandler<Bindings>
