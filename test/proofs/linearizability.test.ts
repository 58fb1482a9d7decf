import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { findUnexplained } from './linearizability.ts'
import { accountModel, type Call, type Operation } from './race-models.ts'

type Times = [invokedAt: number, returnedAt: number]
type Answer = [status: number, ...named: string[]]

/** One operation of a shopper, or of a server, about one cart. */
function at(
  [invokedAt, returnedAt]: Times,
  shopper: string | undefined,
  action: Call['action'],
  accounts: string[],
  [status, ...named]: Answer,
): Operation {
  return { action, shopper, accounts, status, named, invokedAt, returnedAt }
}

// Of a shopper who claims the cart, and of a server.
const claims = (shopper: string, times: Times, status = 200) =>
  at(times, shopper, 'associate', [shopper], status === 200 ? [200, shopper] : [status])
const gives = (times: Times, ...accounts: string[]) =>
  at(times, undefined, 'associate', accounts, [200, ...accounts])
const takes = (times: Times, ...accounts: string[]) =>
  at(times, undefined, 'dissociate', accounts, [204])
const lists = (times: Times, ...named: string[]) =>
  at(times, undefined, 'list accounts', [], [200, ...named])
const gets = (times: Times, ...answer: Answer) => at(times, undefined, 'get cart', [], answer)
const hasCart = (times: Times, account: string, ...named: string[]) =>
  at(times, undefined, 'list carts', [account], [200, ...named])

const given = gives([0, 1], 'alice')
const shared = gives([0, 1], 'alice', 'bob')
const made = at([0, 1], 'alice', 'create', ['alice'], [201, 'alice'])
const isLinearizable = (...history: Operation[]) => findUnexplained(history) === undefined

/** A long history of many concurrent operations: not every order can be tried. */
const long = Array.from({ length: 200 }, (_, index) => [
  takes([index * 10, index * 10 + 150], 'bob'),
  gets([index * 10 + 1, index * 10 + 2], 404),
]).flat()

describe('the history of a cart', () => {
  it.each<[string, Operation[]]>([
    ['nothing', []],
    [
      'one 200 and any number of 204 for one shopper, in any order of return',
      [
        claims('alice', [0, 9]),
        ...[claims('alice', [0, 3], 204), claims('alice', [0, 5], 204)],
        claims('alice', [20, 21], 204),
      ],
    ],
    [
      'two shoppers who claim one cart, if the slower wins',
      [
        claims('alice', [0, 4], 403),
        claims('bob', [1, 9]),
        at([5, 6], 'alice', 'get cart', [], [404]),
      ],
    ],
    [
      'a read that sees a concurrent write, and a read at that time that does not yet',
      [gives([0, 9], 'alice', 'bob'), lists([1, 8], 'bob', 'alice'), gets([2, 7], 404)],
    ],
    [
      'a dissociation that removes what was added after it was invoked',
      [takes([0, 9], 'alice'), gives([1, 2], 'alice'), lists([10, 11])],
    ],
    [
      'a dissociation of several that finds nothing, and removes one only if it waits',
      [takes([0, 9], 'alice', 'bob'), claims('alice', [0, 9]), claims('bob', [0, 9])],
    ],
    [
      'a cart that a second shopper claims once the first has left it',
      [
        ...[given, at([2, 3], 'alice', 'dissociate', ['alice'], [204]), claims('bob', [4, 5])],
        ...[hasCart([6, 7], 'bob', 'bob'), hasCart([6, 7], 'alice')],
      ],
    ],
    [
      'a shopper who sees only its own account, and a server who sees all',
      [
        ...[shared, at([2, 3], 'alice', 'list accounts', [], [200, 'alice'])],
        at([2, 3], 'bob', 'get cart', [], [200, 'bob']),
        at([2, 3], 'carol', 'list accounts', [], [200]),
        gets([2, 3], 200, 'alice', 'bob'),
      ],
    ],
    ['200 for several accounts of which one is new', [given, gives([2, 3], 'alice', 'bob')]],
    ['a long history of many concurrent operations', long],
    [
      'a cart that is made by one of two shoppers, and removed by the one who has it alone',
      [
        ...[made, at([2, 3], 'alice', 'create', ['alice'], [200, 'alice'])],
        ...[at([2, 3], 'bob', 'create', ['bob'], [403]), at([4, 5], 'bob', 'remove', [], [403])],
        at([6, 7], 'alice', 'remove', [], [204]),
        at([8, 9], 'bob', 'create', ['bob'], [201, 'bob']),
      ],
    ],
    ['a shopper who is full, and a cart that nobody has', [claims('bob', [2, 3], 409)]],
    [
      'an invitation of a shopper who has the cart, and access as it is',
      [
        ...[
          given,
          at([2, 3], 'alice', 'invite', [], [201]),
          at([2, 3], 'bob', 'invite', [], [404]),
        ],
        at([2, 3], undefined, 'access', ['alice'], [200, 'yours']),
        at([2, 3], undefined, 'access', ['bob'], [200, 'others']),
      ],
    ],
    [
      'access to a cart that nobody has',
      [at([2, 3], undefined, 'access', ['a'], [200, 'unclaimed'])],
    ],
  ])('explains %s', (_, history) => {
    expect(isLinearizable(...history)).toBe(true)
  })

  it.each<[string, Operation[]]>([
    ['two 200 to one shopper', [claims('alice', [0, 9]), claims('alice', [0, 9])]],
    ['204 before any 200', [claims('alice', [0, 1], 204), claims('alice', [2, 3])]],
    ['a shopper given a cart of others', [given, claims('bob', [2, 3])]],
    [
      'a cart that two shoppers at once are given',
      [claims('alice', [0, 9]), claims('bob', [0, 9])],
    ],
    ['403 on a cart that no account has', [claims('alice', [0, 1], 403)]],
    ['403 to a shopper who has the cart', [given, claims('alice', [2, 3], 403)]],
    ['a read behind an acknowledged write', [given, gets([2, 3], 404)]],
    [
      'a read that takes back what another has seen',
      [gives([0, 9], 'alice'), lists([1, 2], 'alice'), lists([3, 4])],
    ],
    ['a write that is lost', [given, gives([2, 3], 'bob'), lists([4, 5], 'alice')]],
    [
      'an association that comes back after an acknowledged dissociation',
      [given, takes([2, 3], 'alice'), hasCart([4, 5], 'alice', 'alice')],
    ],
    ['half of a write of two accounts', [gives([0, 9], 'alice', 'bob'), lists([1, 2], 'alice')]],
    ['200 where nothing is new', [shared, gives([2, 3], 'bob')]],
    ['204 where one is new', [given, at([2, 3], undefined, 'associate', ['alice', 'bob'], [204])]],
    [
      'an answer that names another account',
      [at([0, 1], undefined, 'associate', ['bob'], [200, 'alice'])],
    ],
    ['an account listed twice', [given, lists([2, 3], 'alice', 'alice')]],
    [
      'a shopper shown the other accounts',
      [shared, at([2, 3], 'bob', 'get cart', [], [200, 'alice', 'bob'])],
    ],
    ['a cart left out of a list', [given, at([2, 3], 'alice', 'list carts', ['alice'], [200])]],
    [
      'a dissociation that is not answered 204',
      [given, at([2, 3], undefined, 'dissociate', ['alice'], [404])],
    ],
    ['a fault of the service', [at([0, 1], undefined, 'list accounts', [], [503])]],
    [
      'a read that no order of a dozen concurrent writes explains',
      [...Array(12).fill(takes([0, 9], 'bob')), gets([10, 11], 200, 'bob')],
    ],
    ['a cart that is made twice', [made, at([2, 3], 'bob', 'create', ['bob'], [201, 'bob'])]],
    ['a cart that others remove', [made, at([2, 3], 'bob', 'remove', [], [204])]],
    ['a shared cart that one removes', [shared, at([2, 3], 'alice', 'remove', [], [204])]],
    ['a shopper who is full, and a cart of others', [given, claims('bob', [2, 3], 409)]],
    ['an invitation of others', [given, at([2, 3], 'bob', 'invite', [], [201])]],
    ['no invitation of the own', [given, at([2, 3], 'alice', 'invite', [], [404])]],
    [
      'an open cart of others',
      [given, at([2, 3], undefined, 'access', ['bob'], [200, 'unclaimed'])],
    ],
  ])('does not explain %s', (_, history) => {
    expect(isLinearizable(...history)).toBe(false)
  })

  it('names the operation that no order gets past', () => {
    const stale = lists([4, 5])
    const later = lists([6, 7], 'alice')

    expect(findUnexplained([later, given, stale])).toBe(stale)
  })

  it('is explained if trying every order finds one', () => {
    const histories = Array.from({ length: 600 }, (_, seed) => randomHistory(seededRandom(seed)))

    const verdicts = histories.map((history) => isLinearizable(...history))

    expect(verdicts).toEqual(histories.map((history) => hasOrder([], history)))
    expect(verdicts.filter((verdict) => verdict).length).toBeGreaterThan(60)
    expect(verdicts.filter((verdict) => !verdict).length).toBeGreaterThan(60)
  })

  // How alice comes to a cart that nobody has, and that bob has; whether she is full, only her account knows.
  it.each([
    { claims: 'open', invitation: 'none', unclaimed: [200, 409], ofBob: [403] },
    { claims: 'open', invitation: 'shared', unclaimed: [200, 409], ofBob: [200, 409] },
    { claims: 'invited', invitation: 'none', unclaimed: [403], ofBob: [403] },
    { claims: 'invited', invitation: 'shared', unclaimed: [403], ofBob: [200, 409] },
    { claims: 'invited', invitation: 'unclaimed', unclaimed: [200, 409], ofBob: [403] },
  ] as const)('$claims to an invitation $invitation', ({ unclaimed, ofBob, ...rule }) => {
    const promised = (...before: Operation[]) =>
      [200, 204, 403, 409].filter((status) =>
        isLinearizable(...before, { ...claims('alice', [2, 3], status), ...rule }),
      )

    expect(promised()).toEqual(unclaimed)
    expect(promised(gives([0, 1], 'bob'))).toEqual(ofBob)
  })
})

/** Makes five operations, mostly concurrent, each with a response that is possible somewhere. */
function randomHistory(random: Random): Operation[] {
  return Array.from({ length: 5 }, () => {
    const invokedAt = random.below(20)
    const times: Times = [invokedAt, invokedAt + 1 + random.below(20)]
    const caller = random.pick(['server', 'alice', 'bob'])
    const shopper = caller === 'server' ? undefined : caller
    const accounts = shopper === undefined ? random.pickSome(['alice', 'bob'], 2) : [shopper]
    const action = random.pick(['associate', 'dissociate', 'list accounts', 'get cart'] as const)
    const found: Answer = [200, ...accounts]
    const nothing: Record<typeof action, Answer> = {
      associate: [random.pick([204, shopper === undefined ? 204 : 403])],
      dissociate: [204],
      'list accounts': [200],
      'get cart': [404],
    }
    const answer = random.pick([action === 'dissociate' ? nothing[action] : found, nothing[action]])
    return at(times, shopper, action, accounts, answer)
  })
}

/** Whether the rest can follow what is done, one operation at a time, in some order. */
function hasOrder(done: Operation[], rest: Operation[]): boolean {
  const oneAtATime = done.map((operation, index) => ({
    ...operation,
    invokedAt: 2 * index,
    returnedAt: 2 * index + 1,
  }))
  if (!isLinearizable(...oneAtATime)) return false
  if (rest.length === 0) return true
  return rest.some((next) => {
    const others = rest.filter((operation) => operation !== next)
    const isTooLate = others.some(({ returnedAt }) => returnedAt < next.invokedAt)
    return !isTooLate && hasOrder([...done, next], others)
  })
}

describe('the history of an account that may have two carts', () => {
  type Seen = [cart: string, shopper: string | undefined, action: Call['action'], ...answer: Answer]

  const first: Seen = ['a', 'alice', 'create', 201, 'alice']
  const second: Seen = ['b', 'alice', 'associate', 200, 'alice']
  const third: Seen = ['c', 'alice', 'create', 201, 'alice']
  const again: Seen = ['a', 'alice', 'associate', 204]
  const full: Seen = ['c', 'alice', 'create', 409]
  const byServer: Seen = ['c', undefined, 'associate', 200, 'alice']
  const removed: Seen = ['a', undefined, 'remove', 204]
  const expired: Seen = ['', undefined, 'expire', 204]
  const listed = (...carts: string[]): Seen => ['', 'alice', 'list carts', 200, ...carts]

  const isExplained = (...history: Seen[]) => {
    const operations = history.map(([cart, shopper, action, ...answer], index) => {
      const times: Times = [2 * index, 2 * index + 1]
      return { ...at(times, shopper, action, ['alice'], answer), cart }
    })
    return findUnexplained(operations, accountModel('alice', 2)) === undefined
  }

  it.each<[string, ...Seen[]]>([
    [
      'the cart that was asked for last is first',
      first,
      second,
      listed('b', 'a'),
      again,
      listed('a', 'b'),
    ],
    [
      'a third cart is refused to the shopper, and not to a server',
      first,
      second,
      full,
      byServer,
      listed('c', 'b', 'a'),
    ],
    ['there is room once a cart is removed', first, second, removed, third],
    ['there is room once all have expired', first, second, expired, third, listed('c')],
    ['no invitation is made to a cart of others', ['a', 'alice', 'invite', 404]],
  ])('is explained: %s', (_, ...history) => {
    expect(isExplained(...history)).toBe(true)
  })

  it.each<[string, ...Seen[]]>([
    ['a use that does not put its cart first', first, second, again, listed('b', 'a')],
    ['a third cart', first, second, third],
    ['a refusal while there is room', first, full],
    ['a refusal of a cart that it has', first, second, ['b', 'alice', 'associate', 409]],
    ['a cart that has expired', first, expired, listed('a')],
    ['an invitation to a cart of others', ['a', 'alice', 'invite', 201]],
  ])('is not explained: %s', (_, ...history) => {
    expect(isExplained(...history)).toBe(false)
  })

  it('has two uses at once in either order', () => {
    const made = ['a', 'b'].map((cart, index) => ({ ...claims('alice', [index, index + 1]), cart }))
    const uses = ['a', 'b'].map((cart) => ({ ...claims('alice', [10, 20], 204), cart }))
    const isSeen = (...carts: string[]) => {
      const list = { ...at([30, 31], 'alice', 'list carts', ['alice'], [200, ...carts]), cart: '' }
      return findUnexplained([...made, ...uses, list], accountModel('alice', 2)) === undefined
    }

    expect([isSeen('a', 'b'), isSeen('b', 'a'), isSeen('a')]).toEqual([true, true, false])
  })
})
