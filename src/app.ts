// The table of contents: what every request passes, in the contract's order, and the routes.
import type { Handler } from 'hono'
import { HonoBase as Hono } from 'hono/hono-base'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { getPath } from 'hono/utils/url'
import type { Bindings } from './bindings.ts'
import { ApiError, notFound } from './errors.ts'
import { requireReadiness } from './readiness.ts'
import { requireAccount } from './request/account-filter.ts'
import {
  claimRule,
  notPermitted,
  requireAccounts,
  requireAssociated,
  visibleAccount,
} from './request/accounts.ts'
import {
  openForDeciding,
  openForReading,
  openForShoppers,
  openForWriting,
} from './request/bookmarks.ts'
import { limitShoppers, requireCaller, requireVisitor } from './request/caller.ts'
import { limitGrants, requireClient, requireIssuer } from './request/client.ts'
import { readInvitation, requireInvitationRequest } from './request/invitations.ts'
import { requireNewCart } from './request/new-cart.ts'
import { requirePage, requirePageAfter } from './request/page.ts'
import { readAskedAccount, requireCart, requireNamedAccount } from './request/path.ts'
import { refusePreconditions } from './request/preconditions.ts'
import { requireTokenRequest } from './request/token-request.ts'
import { type ObservedVariables, observe } from './request-log.ts'
import {
  accountIdentifier,
  cartResource,
  invitationResource,
  keptDocument,
  listDocument,
  unclaimedCart,
} from './response/cart-documents.ts'
import { revalidated } from './response/conditional.ts'
import { errorResponse } from './response/error-response.ts'
import { preflight } from './response/preflight.ts'
import { created, json, noContent } from './response/responses.ts'
import { loadSettings } from './settings.ts'
import {
  cartRows,
  listAccounts,
  listCarts,
  readAccess,
  readCart,
} from './storage/association-lists.ts'
import { associate, associateAndRead, dissociate, removeOwn } from './storage/associations.ts'
import { eraseAccount, readKept, removeCart } from './storage/erasure.ts'
import { sweep } from './sweep.ts'
import { issueAccessToken, issueInvitation } from './tokens/issue.ts'
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

app.get(cartsPath, ...known, requireAccount(), requirePage(), openForReading(), async (c) => {
  const [page, limits] = [c.get('page'), c.get('limits')]
  const list = await listCarts(c.get('db'), c.get('account'), page, c.get('moment'))
  const { origin } = new URL(c.req.url)
  const carts = list.associations.map((each) => cartResource(origin, each.cartId, [each], limits))
  return await revalidated(c, listDocument(c.req.url, page, list.total, carts))
})

const creates = [
  requireVisitor(),
  limitShoppers(),
  refusePreconditions(),
  requireNewCart(),
] as const
app.post(cartsPath, ...creates, openForShoppers(), async (c) => {
  const [visitor, cart] = [c.get('visitor'), c.get('cart')]
  const { origin } = new URL(c.req.url)
  if (visitor.kind !== 'shopper') return created(c, unclaimedCart(origin, cart.cartId, Date.now()))
  const [limits, moment] = [c.get('limits'), c.get('moment')]
  const { accountId, subject: createdBy } = visitor
  const write = { createdBy, requestId: c.get('requestId'), ...moment }
  const read = cartRows(cart, accountId, moment)
  // Nobody can have been invited to an id that is made here.
  const rule = claimRule(visitor, limits, c.get('isNewId') ? 'unclaimed' : undefined)
  const found = await associateAndRead(c.get('db'), cart, [accountId], rule, write, read)
  const outcome = requireAssociated(found.outcome)
  const resource = cartResource(origin, cart.cartId, found.rows, limits)
  return outcome === 'created' ? created(c, resource) : json(c, { data: resource })
})

app.get(cartPath, ...ofCart, openForReading(), async (c) => {
  const [cart, visible] = [c.get('cart'), visibleAccount(c.get('caller'))]
  const associations = await readCart(c.get('db'), cart, visible, c.get('moment'))
  // Reads alike whether nobody has the cart or only others have it.
  if (associations.length === 0) throw notFound('Cart not found')
  const { origin } = new URL(c.req.url)
  const data = cartResource(origin, cart.cartId, associations, c.get('limits'))
  return await revalidated(c, { data })
})

app.delete(cartPath, ...unconditional, requireCart(), openForWriting(), async (c) => {
  const [caller, cart, db] = [c.get('caller'), c.get('cart'), c.get('db')]
  if (caller.kind === 'server') await removeCart(db, cart)
  else if ((await removeOwn(db, cart, caller.accountId, c.get('moment'))) === 'taken') {
    throw notPermitted('cart_of_others')
  }
  return noContent(c)
})

const accessTo = [...ofCart, readAskedAccount(), openForDeciding()] as const
app.get(`${cartPath}/access`, ...accessTo, async (c) => {
  const [cart, accountId] = [c.get('cart'), c.get('askedAccountId')]
  const access = await readAccess(c.get('db'), cart, accountId, c.get('moment'))
  return json(c, { data: { access } }, 200, { 'Cache-Control': 'no-store' })
})

const invitationsPath = `${cartPath}/invitations` as const
const invites = [...unconditional, requireCart(), requireInvitationRequest()] as const
app.post(invitationsPath, requireIssuer(), ...invites, openForDeciding(), async (c) => {
  const [caller, cart, { claim, expiresIn }] = [c.get('caller'), c.get('cart'), c.get('asked')]
  if (caller.kind === 'shopper') {
    const access = await readAccess(c.get('db'), cart, caller.accountId, c.get('moment'))
    if (access !== 'yours') throw notFound('Cart not found')
  }
  const invitation = { ...cart, claim, jti: c.get('requestId') }
  const issued = await issueInvitation(c.get('issuer'), invitation, new Date(), expiresIn)
  c.set('invitationLog', { jti: invitation.jti, invited_by: caller.subject })
  return json(c, { data: invitationResource(claim, issued.token, issued.expires) }, 201)
})
app.all(invitationsPath, requireIssuer())

app.get(accountsPath, ...ofCart, requirePage(), openForReading(), async (c) => {
  const [cart, page, visible] = [c.get('cart'), c.get('page'), visibleAccount(c.get('caller'))]
  const list = await listAccounts(c.get('db'), cart, visible, page, c.get('moment'))
  const accounts = list.associations.map(({ accountId }) => accountIdentifier(accountId))
  return await revalidated(c, listDocument(c.req.url, page, list.total, accounts))
})

app.post(accountsPath, ...writes, readInvitation(), async (c) => {
  const [caller, accountIds] = [c.get('caller'), c.get('accountIds')]
  const write = { createdBy: caller.subject, requestId: c.get('requestId'), ...c.get('moment') }
  const rule = claimRule(caller, c.get('limits'), c.get('invitation')?.claim)
  const outcome = await associate(c.get('db'), c.get('cart'), accountIds, rule, write)
  if (requireAssociated(outcome) === 'unchanged') return noContent(c)
  return json(c, { data: accountIds.map(accountIdentifier) })
})

app.delete(accountsPath, ...writes, async (c) => {
  await dissociate(c.get('db'), c.get('cart'), c.get('accountIds'))
  return noContent(c)
})

const accountCartsPath = '/v2/accounts/:accountID/relationships/carts'
const exports = [...known, requireNamedAccount(), requirePageAfter(), openForReading()] as const
app.get(accountCartsPath, ...exports, async (c) => {
  const { cartId, limit } = c.get('after')
  const rows = await readKept(c.get('db'), c.get('account'), cartId, limit)
  return json(c, keptDocument(c.req.url, rows, limit, c.get('limits')), 200, {
    'Cache-Control': 'no-store',
  })
})

const erases = [...unconditional, requireNamedAccount(), openForWriting()] as const
app.delete(accountCartsPath, ...erases, async (c) => {
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
  const placement = await requireReadiness(c.env, (db) => c.set('db', db))
  return json(c, { status: 'ok', placement })
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
// Not `{ fetch, scheduled }`: tests send requests by `app.request`.
export default Object.assign(app, {
  async scheduled(_: ScheduledController, bindings: Bindings): Promise<void> {
    await sweep(bindings, Date.now())
  },
})
