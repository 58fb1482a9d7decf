import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import {
  associate,
  cartOf,
  type ProtectedRoute,
  protectedRoutes,
  send,
  uniqueId,
} from './requests.ts'
import { liftLimits } from './stubs.ts'
import { accountParts, invitationParts, server, shopper, sign } from './tokens.ts'

// Owners of carts, and strangers to them with ids as similar as possible.
interface Owner {
  storeId: string
  cartId: string
  accountId: string
}

/** A request by a stranger, about its own account or the owner's. */
interface Action {
  route: ProtectedRoute
  whose: 'own' | 'owner'
}

interface Stranger {
  storeId: string
  accountId: string
  headers: Record<string, string>
}

interface Pair {
  title: string
  owner: Owner
  stranger: Stranger
  /** A cart and an account that nobody has; `twin` is a stranger to them. */
  nobody: Owner
  twin: Stranger
  actions: Action[]
}

const DIFFERENCES = ['store', 'account', 'store and account'] as const

const CALLERS = ['shopper', 'server with an account token', 'server'] as const

async function strangersPair(random: Random): Promise<Pair> {
  const differs = random.pick(DIFFERENCES)
  // A server of the owner's store would not be a stranger.
  const caller = random.pick(differs === 'account' ? CALLERS.slice(0, 2) : CALLERS)
  const owner = newOwner(`${uniqueId('store')}_1`)
  const storeId = differs === 'account' ? owner.storeId : near(owner.storeId, random)
  const sameAccount = differs === 'store'
  const nobody = newOwner(storeId)
  const strangerTo = async ({ storeId: ofOwner, cartId, accountId }: Owner): Promise<Stranger> => {
    const own = sameAccount ? accountId : near(accountId, random)
    // An invitation to the cart of that id in the stranger's store, or to a cart beside it.
    const cart_id = ofOwner === storeId ? near(cartId, random) : cartId
    const headers = {
      ...(await callerHeaders(caller, storeId, own)),
      'X-Cart-Invitation': await sign(invitationParts({ store_id: storeId, cart_id })),
    }
    return { storeId, accountId: own, headers }
  }
  const whose = sameAccount ? (['own'] as const) : (['own', 'owner'] as const)
  const all = protectedRoutes.flatMap((route) => whose.map((each) => ({ route, whose: each })))
  return {
    title: `${caller} of a different ${differs}`,
    owner,
    stranger: await strangerTo(owner),
    nobody,
    twin: await strangerTo(nobody),
    actions: random.shuffle(all),
  }
}

/** Gives the cart to its owner, and at random to a second account of the store as well. */
async function settle({ storeId, cartId, accountId }: Owner, random: Random): Promise<void> {
  await associate(cartId, await shopper(accountId, storeId), accountId)
  if (random.below(2) === 0) return
  await associate(cartId, await server(storeId), uniqueId('account'))
}

function newOwner(storeId: string): Owner {
  return { storeId, cartId: uniqueId('cart'), accountId: `${uniqueId('account')}_1` }
}

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

async function callerHeaders(
  caller: (typeof CALLERS)[number],
  storeId: string,
  accountId: string,
): Promise<Record<string, string>> {
  if (caller === 'shopper') return await shopper(accountId, storeId)
  const alone = await server(storeId)
  if (caller === 'server') return alone
  const account = accountParts({ store_id: storeId, account_id: accountId })
  return { ...alone, 'EP-Account-Management-Authentication-Token': await sign(account) }
}

const TIMESTAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

beforeEach(() => {
  liftLimits()
})

/** What the owner and a server of its store see, and the stored rows. */
async function viewOf({ storeId, cartId, accountId }: Owner): Promise<unknown[]> {
  const answers = await Promise.all([
    send('GET', '/v2/carts', await shopper(accountId, storeId)),
    send('GET', cartOf(cartId), await server(storeId)),
  ])
  const { results } = await env.DB.prepare(
    'select * from associations where store_id = ? and (cart_id = ? or account_id = ?)',
  )
    .bind(storeId, cartId, accountId)
    .all()
  return [...(await Promise.all(answers.map((answer) => answer.text()))), results]
}

const [own, others] = ['STRANGER', 'ACCOUNT'].map((id) => JSON.stringify({ type: 'account', id }))

/** Returns the response with its ids replaced by placeholders, so that two can be compared. */
async function answerTo(
  { route, whose }: Action,
  stranger: Stranger,
  { cartId, accountId }: Owner,
): Promise<string> {
  const named = whose === 'own' ? stranger.accountId : accountId
  const response = await route.send(stranger.headers, cartId, named)
  const text = `${response.status} ${await response.text()}`
  // Replaces the longest first, because one id may be a prefix of the next.
  return (
    [
      { id: cartId, name: 'CART' },
      { id: accountId, name: 'ACCOUNT' },
      { id: stranger.accountId, name: 'STRANGER' },
    ]
      .sort((one, other) => other.id.length - one.id.length)
      .reduce((told, { id, name }) => told.replaceAll(id, name), text)
      .replace(TIMESTAMP, 'TIMESTAMP')
      // An invitation differs each time, and opens no cart by itself.
      .replace(/"token":"[\w.-]+"/g, '"token":"TOKEN"')
      // The stranger's own row names the request that wrote it.
      .replace(/"request_id":"[0-9a-f-]{36}"/g, '"request_id":"REQUEST"')
      // Accounts come in the order of their ids, which are random.
      .replace(`${own},${others}`, `${others},${own}`)
  )
}

const claim = protectedRoutes.filter(
  ({ name }) => name === 'POST /v2/carts/:cartID/relationships/accounts',
)

/** A claim and a removal may reveal that others have the cart, by their 403. Nothing else may. */
function isTaken({ route, whose }: Action, { owner, stranger }: Pair): boolean {
  const isClaim = claim.includes(route) && whose === 'own'
  const isRemoval = route.name === 'DELETE /v2/carts/:cartID'
  return (isClaim || isRemoval) && stranger.storeId === owner.storeId
}

/** The words for an account that is not the caller's: a cart of others is refused with the same. */
async function notPermitted({ twin, nobody }: Pair): Promise<string[]> {
  return await Promise.all(claim.map((route) => answerTo({ route, whose: 'owner' }, twin, nobody)))
}

async function leaksOf(pair: Pair): Promise<string[]> {
  const { owner, stranger, nobody, twin, title, actions } = pair
  const before = await viewOf(owner)
  const leaks: string[] = []
  for (const action of actions) {
    const told = await answerTo(action, stranger, owner)
    const [expected] = isTaken(action, pair)
      ? await notPermitted(pair)
      : [await answerTo(action, twin, nobody)]
    if (told !== expected) {
      leaks.push(`${title}, ${action.route.name}, ${action.whose}: ${told}, not ${expected}`)
    }
  }
  const after = await viewOf(owner)
  if (JSON.stringify(after) !== JSON.stringify(before)) leaks.push(`${title}: the owner's changed`)
  return leaks
}

describe('a stranger', () => {
  it('sees nothing of a cart and changes nothing, on any route', proofTimeout, async ({ task }) => {
    const pairs = amount({ share: 20, whole: 1_000 })
    const leaks: string[] = []
    let requests = 0

    await forEachOf(below(pairs), { atOnce: 25 }, async (index) => {
      const random = seededRandom(seed, index)
      const pair = await strangersPair(random)
      await settle(pair.owner, random)
      leaks.push(...(await leaksOf(pair)))
      requests += 2 * pair.actions.length
    })

    task.meta.figures = [
      `isolation: ${figure(pairs)} pairs of strangers, ${figure(requests)} requests, ${leaks.length} leaks (seed ${seed})`,
    ]
    expect(leaks).toEqual([])
  })
})
