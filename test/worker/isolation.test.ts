import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../lib/random.ts'
import { amount, below, figure, forEachOf, proofTimeout, seed } from './proof.ts'
import { cartOf, protectedRoutes, send } from './requests.ts'
import {
  type Action,
  type Owner,
  type Pair,
  type Stranger,
  settle,
  strangersPair,
} from './strangers.ts'
import { liftLimits } from './stubs.ts'
import { server, shopper } from './tokens.ts'

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
