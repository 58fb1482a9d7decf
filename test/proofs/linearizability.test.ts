import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { findUnexplained } from './linearizability.ts'
import { type AccountOperation, type Action, accountModel, type Operation } from './race-models.ts'

type Caller = 'server' | { shopper: string }
type Answer = [status: number, ...named: string[]]

const server = 'server'
const alice = { shopper: 'alice' }
const bob = { shopper: 'bob' }

/** Builds one operation, from `invokedAt` to `returnedAt`. */
function at(
  [invokedAt, returnedAt]: [number, number],
  caller: Caller,
  action: Action,
  accounts: string[],
  [status, ...named]: Answer,
): Operation {
  const shopper = caller === 'server' ? undefined : caller.shopper
  return { action, shopper, accounts, status, named, invokedAt, returnedAt }
}

/** An operation of one caller after another, as an account sees it. */
function seen(
  index: number,
  cart: string,
  caller: Caller,
  action: Action,
  accounts: string[],
  answer: Answer,
): AccountOperation {
  return { ...at([2 * index, 2 * index + 1], caller, action, accounts, answer), cart }
}

const isLinearizable = (...history: Operation[]) => findUnexplained(history) === undefined

const given = at([0, 1], server, 'associate', ['alice'], [200, 'alice'])
const shared = at([0, 1], server, 'associate', ['alice', 'bob'], [200, 'alice', 'bob'])

describe('findUnexplained accepts', () => {
  it('a history of nothing', () => {
    expect(isLinearizable()).toBe(true)
  })

  it('one 200 and any number of 204 for one shopper, in any order of return', () => {
    const twice = at([0, 3], alice, 'associate', ['alice'], [204])

    expect(
      isLinearizable(
        at([0, 9], alice, 'associate', ['alice'], [200, 'alice']),
        twice,
        { ...twice, returnedAt: 5 },
        { ...twice, invokedAt: 20, returnedAt: 21 },
      ),
    ).toBe(true)
  })

  it('two shoppers who claim one cart, if the slower wins', () => {
    expect(
      isLinearizable(
        at([0, 4], alice, 'associate', ['alice'], [403]),
        at([1, 9], bob, 'associate', ['bob'], [200, 'bob']),
        at([5, 6], alice, 'get cart', [], [404]),
      ),
    ).toBe(true)
  })

  it('a read that sees a concurrent write, and a read at that time that does not yet', () => {
    expect(
      isLinearizable(
        at([0, 9], server, 'associate', ['alice', 'bob'], [200, 'alice', 'bob']),
        at([1, 8], server, 'list accounts', [], [200, 'bob', 'alice']),
        at([2, 7], server, 'get cart', [], [404]),
      ),
    ).toBe(true)
  })

  it('a dissociation that removes what was added after it was invoked', () => {
    expect(
      isLinearizable(
        at([0, 9], server, 'dissociate', ['alice'], [204]),
        at([1, 2], server, 'associate', ['alice'], [200, 'alice']),
        at([10, 11], server, 'list accounts', [], [200]),
      ),
    ).toBe(true)
  })

  it('a dissociation of several that finds nothing, and removes one only if it waits', () => {
    expect(
      isLinearizable(
        at([0, 9], server, 'dissociate', ['alice', 'bob'], [204]),
        at([0, 9], alice, 'associate', ['alice'], [200, 'alice']),
        at([0, 9], bob, 'associate', ['bob'], [200, 'bob']),
      ),
    ).toBe(true)
  })

  it('a cart that a second shopper claims once the first has left it', () => {
    expect(
      isLinearizable(
        given,
        at([2, 3], alice, 'dissociate', ['alice'], [204]),
        at([4, 5], bob, 'associate', ['bob'], [200, 'bob']),
        at([6, 7], server, 'list carts', ['bob'], [200, 'bob']),
        at([6, 7], server, 'list carts', ['alice'], [200]),
      ),
    ).toBe(true)
  })

  it('a shopper who sees only its own account, and a server who sees all', () => {
    expect(
      isLinearizable(
        shared,
        at([2, 3], alice, 'list accounts', [], [200, 'alice']),
        at([2, 3], bob, 'get cart', [], [200, 'bob']),
        at([2, 3], { shopper: 'carol' }, 'list accounts', [], [200]),
        at([2, 3], server, 'get cart', [], [200, 'alice', 'bob']),
      ),
    ).toBe(true)
  })

  it('200 for several accounts of which one is new', () => {
    expect(
      isLinearizable(
        given,
        at([2, 3], server, 'associate', ['alice', 'bob'], [200, 'alice', 'bob']),
      ),
    ).toBe(true)
  })

  it('a long history of many concurrent operations, without trying every order', () => {
    const history = Array.from({ length: 200 }, (_, index) => [
      at([index * 10, index * 10 + 150], server, 'dissociate', ['bob'], [204]),
      at([index * 10 + 1, index * 10 + 2], server, 'get cart', [], [404]),
    ]).flat()

    expect(isLinearizable(...history)).toBe(true)
  })
})

describe('findUnexplained rejects', () => {
  const rejected: [string, Operation[]][] = [
    [
      'two 200 to one shopper',
      [
        at([0, 9], alice, 'associate', ['alice'], [200, 'alice']),
        at([0, 9], alice, 'associate', ['alice'], [200, 'alice']),
      ],
    ],
    [
      '204 before any 200',
      [
        at([0, 1], alice, 'associate', ['alice'], [204]),
        at([2, 3], alice, 'associate', ['alice'], [200, 'alice']),
      ],
    ],
    [
      'a shopper given a cart of others',
      [given, at([2, 3], bob, 'associate', ['bob'], [200, 'bob'])],
    ],
    [
      'a cart that two shoppers at once are given',
      [
        at([0, 9], alice, 'associate', ['alice'], [200, 'alice']),
        at([0, 9], bob, 'associate', ['bob'], [200, 'bob']),
      ],
    ],
    ['403 on a cart that no account has', [at([0, 1], alice, 'associate', ['alice'], [403])]],
    [
      '403 to a shopper who has the cart',
      [given, at([2, 3], alice, 'associate', ['alice'], [403])],
    ],
    ['a read behind an acknowledged write', [given, at([2, 3], server, 'get cart', [], [404])]],
    [
      'a read that takes back what another has seen',
      [
        at([0, 9], server, 'associate', ['alice'], [200, 'alice']),
        at([1, 2], server, 'list accounts', [], [200, 'alice']),
        at([3, 4], server, 'list accounts', [], [200]),
      ],
    ],
    [
      'a write that is lost',
      [
        given,
        at([2, 3], server, 'associate', ['bob'], [200, 'bob']),
        at([4, 5], server, 'list accounts', [], [200, 'alice']),
      ],
    ],
    [
      'an association that comes back after an acknowledged dissociation',
      [
        given,
        at([2, 3], server, 'dissociate', ['alice'], [204]),
        at([4, 5], server, 'list carts', ['alice'], [200, 'alice']),
      ],
    ],
    [
      'half of a write of two accounts',
      [
        at([0, 9], server, 'associate', ['alice', 'bob'], [200, 'alice', 'bob']),
        at([1, 2], server, 'list accounts', [], [200, 'alice']),
      ],
    ],
    ['200 where nothing is new', [shared, at([2, 3], server, 'associate', ['bob'], [200, 'bob'])]],
    ['204 where one is new', [given, at([2, 3], server, 'associate', ['alice', 'bob'], [204])]],
    [
      'an answer that names another account',
      [at([0, 1], server, 'associate', ['bob'], [200, 'alice'])],
    ],
    [
      'an account listed twice',
      [given, at([2, 3], server, 'list accounts', [], [200, 'alice', 'alice'])],
    ],
    [
      'a shopper shown the other accounts',
      [shared, at([2, 3], bob, 'get cart', [], [200, 'alice', 'bob'])],
    ],
    ['a cart left out of a list', [given, at([2, 3], alice, 'list carts', ['alice'], [200])]],
    [
      'a dissociation that is not answered 204',
      [given, at([2, 3], server, 'dissociate', ['alice'], [404])],
    ],
    ['a fault of the service', [at([0, 1], server, 'list accounts', [], [503])]],
  ]

  it.each(rejected)('%s', (_, history) => {
    expect(isLinearizable(...history)).toBe(false)
  })
})

describe('findUnexplained', () => {
  it('sees that no order of a dozen concurrent writes explains a read', () => {
    const history = Array.from({ length: 12 }, () =>
      at([0, 9], server, 'dissociate', ['bob'], [204]),
    )

    expect(isLinearizable(...history, at([10, 11], server, 'get cart', [], [200, 'bob']))).toBe(
      false,
    )
  })

  it('names the operation that no order gets past', () => {
    const stale = at([4, 5], server, 'list accounts', [], [200])
    const later = at([6, 7], server, 'list accounts', [], [200, 'alice'])

    expect(findUnexplained([later, given, stale])).toBe(stale)
  })

  it('agrees with trying every order', () => {
    const histories = Array.from({ length: 600 }, (_, seed) => randomHistory(seededRandom(seed)))

    const verdicts = histories.map((history) => isLinearizable(...history))

    expect(verdicts).toEqual(histories.map((history) => hasOrder([], history)))
    expect(verdicts.filter((verdict) => verdict).length).toBeGreaterThan(60)
    expect(verdicts.filter((verdict) => !verdict).length).toBeGreaterThan(60)
  })
})

/** Makes five operations, mostly concurrent, each with a response that is possible somewhere. */
function randomHistory(random: Random): Operation[] {
  const someAccounts = () => random.pickSome(['alice', 'bob'], 2)
  return Array.from({ length: 5 }, () => {
    const invokedAt = random.below(20)
    const times: [number, number] = [invokedAt, invokedAt + 1 + random.below(20)]
    const caller = random.pick([server, alice, bob] as const)
    const accounts = caller === server ? someAccounts() : [caller.shopper]
    const action = random.pick(['associate', 'dissociate', 'list accounts', 'get cart'] as const)
    if (action === 'dissociate') return at(times, caller, action, accounts, [204])
    const found: Answer = [200, ...accounts]
    const nothing: Record<typeof action, Answer> = {
      associate: [random.pick([204, caller === server ? 204 : 403])],
      'list accounts': [200],
      'get cart': [404],
    }
    return at(times, caller, action, accounts, random.pick([found, nothing[action]]))
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

/** Whether an order explains what alice, who may have two carts, has seen of her carts. */
function explains(...history: [string, Caller, Action, string[], Answer][]): boolean {
  const operations = history.map((each, index) => seen(index, ...each))
  return findUnexplained(operations, accountModel('alice', 2)) === undefined
}

describe('the model of an account', () => {
  const first: Parameters<typeof explains>[0] = ['a', alice, 'create', ['alice'], [201, 'alice']]
  const second: typeof first = ['b', alice, 'associate', ['alice'], [200, 'alice']]
  const listed = (...carts: string[]): typeof first => [
    '',
    alice,
    'list carts',
    ['alice'],
    [200, ...carts],
  ]

  it('has the cart that was asked for last first in the list', () => {
    const again: typeof first = ['a', alice, 'associate', ['alice'], [204]]

    expect(explains(first, second, listed('b', 'a'), again, listed('a', 'b'))).toBe(true)
    expect(explains(first, second, again, listed('b', 'a'))).toBe(false)
  })

  it('refuses a third cart to the shopper, and not to a server', () => {
    const full: typeof first = ['c', alice, 'create', ['alice'], [409]]
    const byServer: typeof first = ['c', server, 'associate', ['alice'], [200, 'alice']]

    expect(explains(first, second, full, byServer, listed('c', 'b', 'a'))).toBe(true)
    expect(explains(first, second, ['c', alice, 'create', ['alice'], [201, 'alice']])).toBe(false)
    expect(explains(first, full)).toBe(false)
    expect(explains(first, second, ['b', alice, 'associate', ['alice'], [409]])).toBe(false)
  })

  it('has room again once a cart is removed, or all have expired', () => {
    const third: typeof first = ['c', alice, 'create', ['alice'], [201, 'alice']]

    expect(explains(first, second, ['a', server, 'remove', [], [204]], third)).toBe(true)
    expect(explains(first, second, ['', server, 'expire', [], [204]], third, listed('c'))).toBe(
      true,
    )
    expect(explains(first, ['', server, 'expire', [], [204]], listed('a'))).toBe(false)
  })

  it('knows two uses at once in either order', () => {
    const [one, other] = [seen(0, ...first), seen(1, ...second)]
    const uses = [
      at([10, 20], alice, 'associate', ['alice'], [204]),
      at([10, 20], alice, 'associate', ['alice'], [204]),
    ].map((use, index) => ({ ...use, cart: index === 0 ? 'a' : 'b' }))
    const verdict = (...carts: string[]) =>
      findUnexplained(
        [one, other, ...uses, seen(15, ...listed(...carts))],
        accountModel('alice', 2),
      ) === undefined

    expect([verdict('a', 'b'), verdict('b', 'a'), verdict('a')]).toEqual([true, true, false])
  })
})

describe('the model of a cart', () => {
  it('is made by one of two shoppers, and removed by a shopper who has it alone', () => {
    const made = at([0, 1], alice, 'create', ['alice'], [201, 'alice'])

    expect(
      isLinearizable(
        made,
        at([2, 3], alice, 'create', ['alice'], [200, 'alice']),
        at([2, 3], bob, 'create', ['bob'], [403]),
        at([4, 5], bob, 'remove', [], [403]),
        at([6, 7], alice, 'remove', [], [204]),
        at([8, 9], bob, 'create', ['bob'], [201, 'bob']),
      ),
    ).toBe(true)
    expect(isLinearizable(made, at([2, 3], bob, 'create', ['bob'], [201, 'bob']))).toBe(false)
    expect(isLinearizable(made, at([2, 3], bob, 'remove', [], [204]))).toBe(false)
    expect(isLinearizable(shared, at([2, 3], alice, 'remove', [], [204]))).toBe(false)
  })

  it('is refused to a full account only where nobody has it', () => {
    const full = at([2, 3], bob, 'associate', ['bob'], [409])

    expect([isLinearizable(full), isLinearizable(given, full)]).toEqual([true, false])
  })

  // How alice comes to a cart that nobody has, and that bob has.
  it.each([
    { claims: 'open', invitation: 'none', unclaimed: 200, ofBob: 403 },
    { claims: 'open', invitation: 'shared', unclaimed: 200, ofBob: 200 },
    { claims: 'invited', invitation: 'none', unclaimed: 403, ofBob: 403 },
    { claims: 'invited', invitation: 'shared', unclaimed: 403, ofBob: 200 },
    { claims: 'invited', invitation: 'unclaimed', unclaimed: 200, ofBob: 403 },
  ] as const)('$claims to an invitation $invitation', ({ unclaimed, ofBob, ...rule }) => {
    const bobs = at([0, 1], server, 'associate', ['bob'], [200, 'bob'])
    const isPromised = (status: number, ...before: Operation[]) => {
      const named = status === 200 ? ['alice'] : []
      const asked = at([2, 3], alice, 'associate', ['alice'], [status, ...named])
      return isLinearizable(...before, { ...asked, ...rule })
    }

    const promised = (...before: Operation[]) =>
      [200, 204, 403, 409].filter((status) => isPromised(status, ...before))

    // Whether alice is full, only her account knows.
    expect(promised()).toEqual(unclaimed === 200 ? [200, 409] : [403])
    expect(promised(bobs)).toEqual(ofBob === 200 ? [200, 409] : [403])
  })

  it('is invited to by a shopper who has it, and open to it', () => {
    const invites = (who: Caller, status: number) => at([2, 3], who, 'invite', [], [status])
    const access = (who: string, said: string) => at([2, 3], server, 'access', [who], [200, said])

    expect(
      isLinearizable(
        ...[given, invites(alice, 201), invites(bob, 404)],
        ...[access('alice', 'yours'), access('bob', 'others')],
      ),
    ).toBe(true)
    expect(isLinearizable(access('alice', 'unclaimed'))).toBe(true)
    for (const wrong of [invites(bob, 201), invites(alice, 404), access('bob', 'unclaimed')]) {
      expect(isLinearizable(given, wrong)).toBe(false)
    }
    const seenBy = (status: number) => explains(['a', alice, 'invite', [], [status]])
    expect([seenBy(404), seenBy(201)]).toEqual([true, false])
  })
})
