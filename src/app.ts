// The table of contents: what every request passes, in the contract's order, and the routes.
import type { Handler, MiddlewareHandler } from 'hono'
// The smallest preset: for this few routes, its router is 1.5 KiB gzipped lighter than the next.
import { Hono } from 'hono/tiny'
import { ApiError, errorResponse } from './errors.ts'
import { requireReadiness } from './readiness.ts'
import { claimRule, notPermitted, requireAccounts } from './request/accounts.ts'
import { limitShoppers, requireCaller } from './request/caller.ts'
import { requireCart } from './request/cart.ts'
import { accountIdentifier } from './request/resource-identifiers.ts'
import { crossOrigin, type RequestIdVariables, requestId, security } from './response/headers.ts'
import type { Bindings } from './settings.ts'
import { associate, dissociate } from './storage/associations.ts'

const app = new Hono<{ Bindings: Bindings; Variables: RequestIdVariables }>()

app.onError(errorResponse)
app.notFound((c) => errorResponse(notFound(), c))

app.use(requestId(), security(), crossOrigin(), exactPath())

const accountsPath = '/v2/carts/:cartID/relationships/accounts'
const checks = [requireCaller(), limitShoppers(), requireCart(), requireAccounts()] as const

app.post(accountsPath, ...checks, async (c) => {
  const { caller, cart, accountIds } = c.var
  const provenance = { createdBy: caller.subject, requestId: c.var.requestId }
  const outcome = await associate(c.env.DB, cart, accountIds, claimRule(caller), provenance)
  if (outcome === 'taken') throw notPermitted()
  if (outcome === 'unchanged') return c.body(null, 204)
  return c.json({ data: accountIds.map(accountIdentifier) })
})

app.delete(accountsPath, ...checks, async (c) => {
  const { cart, accountIds } = c.var
  await dissociate(c.env.DB, cart, accountIds)
  return c.body(null, 204)
})

app.all(accountsPath, allowOnly('POST', 'DELETE'))

app.get('/healthz', (c) => c.json({ status: 'ok' }))
app.all('/healthz', allowOnly('GET', 'HEAD'))

app.get('/readyz', async (c) => {
  await requireReadiness(c.env)
  return c.json({ status: 'ok' })
})
app.all('/readyz', allowOnly('GET', 'HEAD'))

/** The router of `hono/tiny` would take a slash at the end as no difference. */
function exactPath(): MiddlewareHandler {
  return async function exactPath(c, next) {
    if (c.req.path.endsWith('/')) throw notFound()
    await next()
  }
}

function notFound(): ApiError {
  return new ApiError(404, [{ title: 'Not Found' }])
}

/** Answers whatever method no route above it has taken. */
function allowOnly(...methods: string[]): Handler {
  const headers = { Allow: [...methods, 'OPTIONS'].join(', ') }
  return () => {
    throw new ApiError(405, [{ title: 'Method Not Allowed' }], { headers })
  }
}

export default app
