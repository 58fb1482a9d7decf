// Owners of carts, and strangers to them with ids as similar as possible.
import type { Random } from '../lib/random.ts'
import { associate, type ProtectedRoute, protectedRoutes, uniqueId } from './requests.ts'
import { accountParts, server, shopper, sign } from './tokens.ts'

export interface Owner {
  storeId: string
  cartId: string
  accountId: string
}

/** A request by a stranger, about its own account or the owner's. */
export interface Action {
  route: ProtectedRoute
  whose: 'own' | 'owner'
}

export interface Stranger {
  storeId: string
  accountId: string
  headers: Record<string, string>
}

export interface Pair {
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

export async function strangersPair(random: Random): Promise<Pair> {
  const differs = random.pick(DIFFERENCES)
  // A server of the owner's store would not be a stranger.
  const caller = random.pick(differs === 'account' ? CALLERS.slice(0, 2) : CALLERS)
  const owner = newOwner(`${uniqueId('store')}_1`)
  const storeId = differs === 'account' ? owner.storeId : near(owner.storeId, random)
  const sameAccount = differs === 'store'
  const nobody = newOwner(storeId)
  const headersOf = async (accountId: string) => await callerHeaders(caller, storeId, accountId)
  const strangerTo = async ({ accountId }: Owner): Promise<Stranger> => {
    const own = sameAccount ? accountId : near(accountId, random)
    return { storeId, accountId: own, headers: await headersOf(own) }
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
export async function settle({ storeId, cartId, accountId }: Owner, random: Random): Promise<void> {
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
