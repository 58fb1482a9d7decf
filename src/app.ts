// The table of contents: what every request passes, in the contract's order, and the routes.
import type { Handler } from 'hono'
import { HonoBase as Hono } from 'hono/hono-base'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { getPath } from 'hono/utils/url'
import { openApiDocument } from '../openapi/document.ts'
import type { Bindings } from './bindings.ts'
import { ApiError, notFound } from './errors.ts'
import { requireReadiness } from './readiness.ts'
import { requireAccount } from './request/account-filter.ts'
import { claimRule, notPermitted, requireAccounts, visibleAccount } from './request/accounts.ts'
import { limitShoppers, requireCaller } from './request/caller.ts'
import { requireClient, requireIssuer } from './request/client.ts'
import { openApplicationKeys, openForReading, openForWriting } from './request/database-session.ts'
import { requirePage } from './request/page.ts'
import { requireAccountToErase, requireCart } from './request/path.ts'
import { requireTokenRequest } from './request/token-request.ts'
import { type ObservedVariables, observe } from './request-log.ts'
import { json, noContent } from './response/answer.ts'
import { accountIdentifier, cartResource, listDocument } from './response/cart-documents.ts'
import { conditional } from './response/conditional.ts'
import { errorResponse } from './response/error-response.ts'
import { preflight } from './response/preflight.ts'
import { loadSettings } from './settings.ts'
import { listAccounts, listCarts, readCart } from './storage/association-lists.ts'
import { associate, dissociate } from './storage/associations.ts'
import { eraseAccount } from './storage/erasure.ts'
import { issueAccessToken } from './tokens/issue.ts'
import { publishedKeys } from './tokens/keys.ts'

const app = new Hono<{ Bindings: Bindings; Variables: ObservedVariables }>({
  router: new RegExpRouter(),
  // In asterisk form (RFC 9112, section 3.2.4) there is no slash, and no middleware without one.
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
const writes = [...ofCart, requireAccounts(), openForWriting()] as const
const reads = [openForReading(), conditional()] as const

app.get(cartsPath, ...known, requireAccount(), requirePage(), ...reads, async (c) => {
  const { account, page, db } = c.var
  const { associations, total } = await listCarts(db, account, page)
  const carts = associations.map((association) => cartResource(c.req.url, association))
  return json(c, listDocument(c.req.url, page, total, carts))
})
app.all(cartsPath, allowOnly('GET', 'HEAD'))

app.get(cartPath, ...ofCart, ...reads, async (c) => {
  const { caller, cart, db } = c.var
  const [first, ...others] = await readCart(db, cart, visibleAccount(caller))
  if (first === undefined) throw cartNotFound()
  return json(c, { data: cartResource(c.req.url, first, ...others) })
})
app.all(cartPath, allowOnly('GET', 'HEAD'))

app.get(accountsPath, ...ofCart, requirePage(), ...reads, async (c) => {
  const { caller, cart, page, db } = c.var
  const { associations, total } = await listAccounts(db, cart, visibleAccount(caller), page)
  const accounts = associations.map(({ accountId }) => accountIdentifier(accountId))
  return json(c, listDocument(c.req.url, page, total, accounts))
})

app.post(accountsPath, ...writes, async (c) => {
  const { caller, cart, accountIds, db, requestId } = c.var
  const provenance = { createdBy: caller.subject, requestId }
  const outcome = await associate(db, cart, accountIds, claimRule(caller), provenance)
  if (outcome === 'taken') throw notPermitted('cart_of_others')
  if (outcome === 'unchanged') return noContent(c)
  return json(c, { data: accountIds.map(accountIdentifier) })
})

app.delete(accountsPath, ...writes, async (c) => {
  const { cart, accountIds, db } = c.var
  await dissociate(db, cart, accountIds)
  return noContent(c)
})

app.all(accountsPath, allowOnly('GET', 'HEAD', 'POST', 'DELETE'))

const erasurePath = '/v2/accounts/:accountID/relationships/carts'
app.delete(erasurePath, ...known, requireAccountToErase(), openForWriting(), async (c) => {
  const { account, db } = c.var
  await eraseAccount(db, account)
  return noContent(c)
})
app.all(erasurePath, allowOnly('DELETE'))

const tokenPath = '/oauth/access_token'
const byClient = [requireTokenRequest(), openApplicationKeys(), requireClient()] as const

app.post(tokenPath, requireIssuer(), ...byClient, async (c) => {
  const { issuer, access } = c.var
  return json(c, await issueAccessToken(issuer, access, new Date()))
})
app.all(tokenPath, requireIssuer(), allowOnly('POST'))

const keySetPath = '/.well-known/jwks.json'
app.get(keySetPath, async (c) => {
  const { accessTokens } = await loadSettings(c.env)
  return json(c, { keys: publishedKeys(accessTokens.keys.local) }, 200, {
    'Cache-Control': 'public, max-age=300',
  })
})
app.all(keySetPath, allowOnly('GET', 'HEAD'))

app.get('/openapi.json', (c) => json(c, openApiDocument))
app.all('/openapi.json', allowOnly('GET', 'HEAD'))

app.get('/healthz', (c) => json(c, { status: 'ok' }))
app.all('/healthz', allowOnly('GET', 'HEAD'))

app.get('/readyz', async (c) => {
  await requireReadiness(c.env, (db) => c.set('db', db))
  return json(c, { status: 'ok' })
})
app.all('/readyz', allowOnly('GET', 'HEAD'))

/** The same where nobody has the cart and where only others have it. */
function cartNotFound(): ApiError {
  return notFound('Cart not found')
}

/** Answers whatever method no route above it has taken. */
function allowOnly(...methods: string[]): Handler {
  const headers = { Allow: [...methods, 'OPTIONS'].join(', ') }
  return () => {
    throw new ApiError(405, [{ title: 'Method Not Allowed' }], { headers })
  }
}

export { CartAccounts } from './cart-accounts.ts'
export default app
