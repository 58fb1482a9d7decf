import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { notPermitted } from './expected.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import {
  accounts,
  accountsOf,
  associate,
  cartOf,
  customer,
  type ProtectedRoute,
  protectedRoutes,
  send,
  sendJson,
  uniqueId,
} from './requests.ts'
import { accountIdsOf, rowsOf } from './rows.ts'
import { liftLimits } from './stubs.ts'
import { invitationParts, server, shopper, sign } from './tokens.ts'

beforeEach(liftLimits)

interface Owner {
  storeId: string
  cartId: string
  accountId: string
}

interface Stranger {
  storeId: string
  accountId: string
  headers: Record<string, string>
}

const newOwner = (storeId: string): Owner => ({
  storeId,
  cartId: uniqueId('cart'),
  accountId: `${uniqueId('account')}_1`,
})

/** Makes a similar id, which a careless comparison may confuse: by case, prefix or wildcard. */
function near(id: string, random: Random): string {
  return random.pick([
    id.toUpperCase(),
    `${id}-`,
    `${id}0`,
    id.slice(0, -1),
    `_${id.slice(1)}`,
    uniqueId('other'),
  ])
}

const CALLERS = ['shopper', 'server with an account token', 'server'] as const

async function headersOf(
  caller: (typeof CALLERS)[number],
  storeId: string,
  accountId: string,
): Promise<Record<string, string>> {
  const [asShopper, asServer] = [await shopper(accountId, storeId), await server(storeId)]
  if (caller === 'shopper') return asShopper
  return caller === 'server' ? asServer : { ...asShopper, ...asServer }
}

/** The owner of a cart and a stranger with similar ids; and the stranger's twin, to whom nobody's cart is strange. */
async function strangersPair(random: Random) {
  const differs = random.pick(['store', 'account', 'store and account'])
  // A server of the owner's store would not be a stranger.
  const caller = random.pick(differs === 'account' ? CALLERS.slice(0, 2) : CALLERS)
  const owner = newOwner(`${uniqueId('store')}_1`)
  const storeId = differs === 'account' ? owner.storeId : near(owner.storeId, random)
  const nobody = newOwner(storeId)
  const strangerTo = async (other: Owner): Promise<Stranger> => {
    const accountId = differs === 'store' ? other.accountId : near(other.accountId, random)
    // An invitation to the cart of that id in the stranger's store, or to a cart beside it.
    const cart_id = other.storeId === storeId ? near(other.cartId, random) : other.cartId
    const headers = {
      ...(await headersOf(caller, storeId, accountId)),
      'X-Cart-Invitation': await sign(invitationParts({ store_id: storeId, cart_id })),
    }
    return { storeId, accountId, headers }
  }
  return {
    title: `${caller} of a different ${differs}`,
    owner,
    stranger: await strangerTo(owner),
    nobody,
    twin: await strangerTo(nobody),
    named: differs === 'store' ? ['STRANGER'] : ['STRANGER', 'OWNER'],
  }
}

/** What the owner and a server of its store see, and the stored rows. */
async function viewOf({ storeId, cartId, accountId }: Owner): Promise<string> {
  const answers = await Promise.all([
    send('GET', '/v2/carts', await shopper(accountId, storeId)),
    send('GET', cartOf(cartId), await server(storeId)),
  ])
  const { results } = await env.DB.prepare(
    'select * from associations where store_id = ? and (cart_id = ? or account_id = ?)',
  )
    .bind(storeId, cartId, accountId)
    .all()
  const texts = await Promise.all(answers.map((answer) => answer.text()))
  return JSON.stringify([...texts, results])
}

const [own, others] = ['STRANGER', 'OWNER'].map((id) => JSON.stringify({ type: 'account', id }))

/** Returns the response with its ids replaced by placeholders, so that two can be compared. */
async function answerTo(
  route: ProtectedRoute,
  named: string,
  stranger: Stranger,
  { cartId, accountId }: Owner,
): Promise<string> {
  const ids = [
    { id: cartId, name: 'CART' },
    { id: accountId, name: 'OWNER' },
    { id: stranger.accountId, name: 'STRANGER' },
  ]
  const account = named === 'STRANGER' ? stranger.accountId : accountId
  const response = await route.send(stranger.headers, cartId, account)
  const text = `${response.status} ${await response.text()}`
  // Replaces the longest first, because one id may be a prefix of the next.
  return (
    ids
      .sort((one, other) => other.id.length - one.id.length)
      .reduce((told, { id, name }) => told.replaceAll(id, name), text)
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIMESTAMP')
      // An invitation differs each time, and opens no cart by itself.
      .replace(/"token":"[\w.-]+"/g, '"token":"TOKEN"')
      // The stranger's own row names the request that wrote it.
      .replace(/"request_id":"[0-9a-f-]{36}"/g, '"request_id":"REQUEST"')
      // Accounts come in the order of their ids, which are random.
      .replace(`${own},${others}`, `${others},${own}`)
  )
}

const REFUSED = `403 ${JSON.stringify({ errors: [{ status: 403, ...notPermitted }] })}`

/** A claim and a removal may reveal that others have the cart, by their 403. Nothing else may. */
function revealsOthers({ name }: ProtectedRoute, named: string): boolean {
  const isClaim = name === 'POST /v2/carts/:cartID/relationships/accounts'
  return (isClaim && named === 'STRANGER') || name === 'DELETE /v2/carts/:cartID'
}

async function leaksOf(random: Random): Promise<string[]> {
  const { title, owner, stranger, nobody, twin, named } = await strangersPair(random)
  const { storeId, cartId, accountId } = owner
  await associate(cartId, await shopper(accountId, storeId), accountId)
  if (random.oneIn(2)) await associate(cartId, await server(storeId), uniqueId('account'))
  const before = await viewOf(owner)
  const leaks: string[] = []
  const actions = protectedRoutes.flatMap((route) => named.map((account) => ({ route, account })))
  for (const { route, account } of random.shuffle(actions)) {
    const told = await answerTo(route, account, stranger, owner)
    const isRefused = stranger.storeId === storeId && revealsOthers(route, account)
    const expected = isRefused ? REFUSED : await answerTo(route, account, twin, nobody)
    if (told !== expected) leaks.push(`${title}, ${route.name}: ${told}, not ${expected}`)
  }
  if ((await viewOf(owner)) !== before) leaks.push(`${title}: the owner's changed`)
  return leaks
}

describe('a stranger', () => {
  it('sees nothing of a cart and changes nothing, on any route', proofTimeout, async ({ task }) => {
    const pairs = amount({ share: 20, whole: 1_000 })
    const leaks: string[] = []

    await forEachOf(below(pairs), { atOnce: 25 }, async (index) => {
      leaks.push(...(await leaksOf(seededRandom(seed, index))))
    })

    task.meta.figures = [
      `isolation: ${figure(pairs)} pairs of strangers on ${protectedRoutes.length} routes, ${leaks.length} leaks (seed ${seed})`,
    ]
    expect(leaks).toEqual([])
  })
})

describe('a captured request, sent again', () => {
  it('changes no row, and removes only what it removed before', proofTimeout, async ({ task }) => {
    const times = amount({ share: 60, whole: 2_000 })
    const { cart, account, headers } = await customer()
    const [asServer, sharer] = [await server(), uniqueId('account')]
    await associate(cart, asServer, sharer)
    const paths = ['/v2/carts', cartOf(cart), accountsOf(cart)]
    const captured = [
      { status: 204, resend: () => associate(cart, headers, account) },
      { status: 204, resend: () => associate(cart, asServer, sharer) },
      ...paths.map((path) => ({ status: 200, resend: () => send('GET', path, headers) })),
    ]
    const before = await rowsOf(cart)
    const texts = new Set<string>()

    await forEachOf(below(times), { atOnce: 10 }, async (index) => {
      const { status, resend } = seededRandom(seed, index).pick(captured)
      const response = await resend()
      expect(response.status).toBe(status)
      texts.add(await response.text())
    })

    expect(await rowsOf(cart)).toEqual(before)
    expect(texts.size).toBeLessThanOrEqual(1 + paths.length)
    for (const _ of below(3)) {
      const removal = await sendJson('DELETE', accountsOf(cart), headers, accounts(account))
      expect(removal.status).toBe(204)
    }
    expect(await accountIdsOf(cart)).toEqual([sharer])
    task.meta.figures = [`replay: ${figure(times)} requests sent again, 0 rows changed`]
  })
})
