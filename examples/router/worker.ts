// One host in front of cart-accounts and of your cart service: published clients have one base address,
// and a route of Cloudflare cannot match /v2/carts/*/relationships/accounts.
interface Bindings {
  CART_ACCOUNTS: Fetcher
  CART_SERVICE: Fetcher
}

/** Tokens, and which account has which cart. The cart service has everything else. */
const OF_CART_ACCOUNTS = [
  '/oauth/access_token',
  '/.well-known/jwks.json',
  '/readyz',
  '/v2/carts',
  '/v2/carts/:cartID/relationships/accounts',
  '/v2/carts/:cartID/(access|invitations)',
  '/v2/accounts/:accountID/relationships/carts',
].map((pathname) => new URLPattern({ pathname }))

export default {
  async fetch(request, { CART_ACCOUNTS, CART_SERVICE }): Promise<Response> {
    const isOfCartAccounts = OF_CART_ACCOUNTS.some((pattern) => pattern.test(request.url))
    return await (isOfCartAccounts ? CART_ACCOUNTS : CART_SERVICE).fetch(request)
  },
} satisfies ExportedHandler<Bindings>
