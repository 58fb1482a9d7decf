// The playground's own Worker, a small cart service. It passes other requests to the real Worker.
import { DurableObject } from 'cloudflare:workers'
import type { CartAccounts } from '../../src/cart-accounts.ts'
import { type Item, isProduct } from './page/catalogue.ts'

interface Bindings {
  ITEMS: DurableObjectNamespace<CartItems>
  CART_ACCOUNTS: Fetcher
  ASSOCIATIONS: Service<typeof CartAccounts>
}

/** What is in one cart. One object for each cart, so that no addition is lost. */
export class CartItems extends DurableObject {
  /** Ordered by the names of the products. */
  async list(): Promise<Item[]> {
    const quantities = await this.ctx.storage.list<number>()
    return [...quantities].map(([product, quantity]) => ({ product, quantity }))
  }

  async add(product: string): Promise<Item[]> {
    const quantity = (await this.ctx.storage.get<number>(product)) ?? 0
    await this.ctx.storage.put(product, quantity + 1)
    return await this.list()
  }
}

const storeId = 'demo'
const TOKENS = ['Authorization', 'EP-Account-Management-Authentication-Token'] as const
const ITEMS_PATH = /^\/playground\/carts\/([\w-]{1,255})\/items$/

export default {
  async fetch(request, env): Promise<Response> {
    const [, cartId] = ITEMS_PATH.exec(new URL(request.url).pathname) ?? []
    if (cartId === undefined) return await env.CART_ACCOUNTS.fetch(request)

    const refusal = await refusalOf(request, env, cartId)
    if (refusal !== undefined) return refusal

    const cart = env.ITEMS.get(env.ITEMS.idFromName(cartId))
    if (request.method === 'GET') return Response.json({ data: await cart.list() })
    if (request.method !== 'POST') return error(405, 'Method Not Allowed', { Allow: 'GET, POST' })
    const product = await productOf(request)
    if (product === undefined) return error(400, 'The product is not in the catalogue')
    return Response.json({ data: await cart.add(product) })
  },
} satisfies ExportedHandler<Bindings>

/**
 * Lets anybody who knows its id use a cart that no account has. If an account has it, cart-accounts
 * checks the caller's tokens, and its refusal is the response.
 */
async function refusalOf(
  request: Request,
  { CART_ACCOUNTS, ASSOCIATIONS }: Bindings,
  cartId: string,
): Promise<Response | undefined> {
  const { total } = await ASSOCIATIONS.listAccounts({ storeId, cartId, limit: 1 })
  if (total === 0) return undefined
  const cart = new URL(`/v2/carts/${cartId}`, request.url)
  const answer = await CART_ACCOUNTS.fetch(cart, { headers: tokensOf(request) })
  return answer.ok ? undefined : answer
}

function tokensOf({ headers }: Request): Headers {
  const tokens = new Headers()
  for (const name of TOKENS) {
    const token = headers.get(name)
    if (token !== null) tokens.set(name, token)
  }
  return tokens
}

async function productOf(request: Request): Promise<string | undefined> {
  const body: unknown = await request.json().catch(() => undefined)
  const { product } = Object(body)
  return isProduct(product) ? product : undefined
}

function error(status: number, title: string, headers: Record<string, string> = {}): Response {
  return Response.json({ errors: [{ status, title }] }, { status, headers })
}
