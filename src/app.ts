// The table of contents: what every request passes, in the contract's order, and the routes.
import type { Handler } from 'hono'
import { HonoBase as Hono } from 'hono/hono-base'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { getPath } from 'hono/utils/url'
import type { Bindings } from './bindings.ts'
import { ApiError, notFound } from './errors.ts'
import { requireReadiness } from './readiness.ts'
import { requireAccount } from './request/account-filter.ts'
import { claimRule, notPermitted, requireAccounts, visibleAccount } from './request/accounts.ts'
import { openForReading, openForWriting } from './request/bookmarks.ts'
import { limitShoppers, requireCaller } from './request/caller.ts'
import { limitGrants, requireClient, requireIssuer } from './request/client.ts'
import { requirePage } from './request/page.ts'
import { requireAccountToErase, requireCart } from './request/path.ts'
import { refusePreconditions } from './request/preconditions.ts'
import { requireTokenRequest } from './request/token-request.ts'
import { type ObservedVariables, observe } from './request-log.ts'
import { accountIdentifier, cartResource, listDocument } from './response/cart-documents.ts'
import { conditional } from './response/conditional.ts'
import { errorResponse } from './response/error-response.ts'
import { preflight } from './response/preflight.ts'
import { json, noContent } from './response/responses.ts'
import { loadSettings } from './settings.ts'
import { listAccounts, listCarts, readCart } from './storage/association-lists.ts'
import { associate, dissociate } from './storage/associations.ts'
import { eraseAccount } from './storage/erasure.ts'
import { issueAccessToken } from './tokens/issue.ts'
import { publishedKeys } from './tokens/keys.ts'

const app = new Hono<{ Bindings: Bindings; Variables: ObservedVariables }>({
  router: new RegExpRouter(),
  // `OPTIONS *` (RFC 9112, section 3.2.4) has no slash, and no middleware runs without one.
  getPath: (request) => {
    const path = getPath(request)
    return path.startsWith('*') ? `/${path}` : path
  },
})

app.onError(errorResponse)
app.notFound(() => {
  throw notFound()
})

app.use(observe(), preflight())

const cartsPath = '/v2/carts'
const cartPath = `${cartsPath}/:cartID` as const
const accountsPath = `${cartPath}/relationships/accounts` as const

const known = [requireCaller(), limitShoppers()] as const
const ofCart = [...known, requireCart()] as const
const unconditional = [...known, refusePreconditions()] as const
const writes = [...unconditional, requireCart(), requireAccounts(), openForWriting()] as const
const reads = [openForReading(), conditional()] as const

app.get(cartsPath, ...known, requireAccount(), requirePage(), ...reads, async (c) => {
  const page = c.get('page')
  const { associations, total } = await listCarts(c.get('db'), c.get('account'), page)
  const { url } = c.req
  const carts = associations.map((each) => cartResource(url, each.cartId, [each]))
  return json(c, listDocument(url, page, total, carts))
})

app.get(cartPath, ...ofCart, ...reads, async (c) => {
  const cart = c.get('cart')
  const associations = await readCart(c.get('db'), cart, visibleAccount(c.get('caller')))
  // Reads alike whether nobody has the cart or only others have it.
  if (associations.length === 0) throw notFound('Cart not found')
  return json(c, { data: cartResource(c.req.url, cart.cartId, associations) })
})

app.get(accountsPath, ...ofCart, requirePage(), ...reads, async (c) => {
  const [page, visible] = [c.get('page'), visibleAccount(c.get('caller'))]
  const { associations, total } = await listAccounts(c.get('db'), c.get('cart'), visible, page)
  const accounts = associations.map(({ accountId }) => accountIdentifier(accountId))
  return json(c, listDocument(c.req.url, page, total, accounts))
})

app.post(accountsPath, ...writes, async (c) => {
  const [caller, accountIds] = [c.get('caller'), c.get('accountIds')]
  const provenance = { createdBy: caller.subject, requestId: c.get('requestId') }
  const rule = claimRule(caller)
  const outcome = await associate(c.get('db'), c.get('cart'), accountIds, rule, provenance)
  if (outcome === 'taken') throw notPermitted('cart_of_others')
  if (outcome === 'unchanged') return noContent(c)
  return json(c, { data: accountIds.map(accountIdentifier) })
})

app.delete(accountsPath, ...writes, async (c) => {
  await dissociate(c.get('db'), c.get('cart'), c.get('accountIds'))
  return noContent(c)
})

const erasurePath = '/v2/accounts/:accountID/relationships/carts'
const erases = [...unconditional, requireAccountToErase(), openForWriting()] as const
app.delete(erasurePath, ...erases, async (c) => {
  await eraseAccount(c.get('db'), c.get('account'))
  return noContent(c)
})

const tokenPath = '/oauth/access_token'
const byClient = [requireTokenRequest(), limitGrants(), requireClient()] as const
app.post(tokenPath, requireIssuer(), ...byClient, async (c) => {
  return json(c, await issueAccessToken(c.get('issuer'), c.get('client'), new Date()))
})
// Without a signing key, the path serves no method at all.
app.all(tokenPath, requireIssuer())

app.get('/.well-known/jwks.json', async (c) => {
  const { accessTokens } = await loadSettings(c.env)
  return json(c, { keys: publishedKeys(accessTokens.keys.local) }, 200, {
    'Cache-Control': 'public, max-age=300',
  })
})

app.get('/healthz', (c) => json(c, { status: 'ok' }))

app.get('/readyz', async (c) => {
  await requireReadiness(c.env, (db) => c.set('db', db))
  return json(c, { status: 'ok' })
})

// Any other method on a path above is 405, naming the methods that the path serves.
const routes = app.routes.filter(({ method }) => method !== 'ALL')
for (const [path, served] of Map.groupBy(routes, (route) => route.path)) {
  app.all(path, allowOnly(new Set(served.map(({ method }) => method))))
}

function allowOnly(methods: Set<string>): Handler {
  const named = [...methods].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method))
  const headers = { Allow: [...named, 'OPTIONS'].join(', ') }
  return () => {
    throw new ApiError(405, [{ title: 'Method Not Allowed' }], { headers })
  }
}

export { CartAccounts } from './cart-accounts.ts'
export default app
