import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../lib/random.ts'
import { findUnexplained } from './linearizability.ts'
import { accountModel, type Call, type Operation } from './race-models.ts'

type Times = [invokedAt: number, returnedAt: number]
type Answer = [status: number, ...named: string[]]

/** One operation of a shopper, or of a server. */
function at(
  [invokedAt, returnedAt]: Times,
  shopper: string | undefined,
  action: Call['action'],
  accounts: string[],
  [status, ...named]: Answer,
): Operation {
  return { action, shopper, accounts, status, named, invokedAt, returnedAt }
}

const server = undefined
const gives = (times: Times, ...accounts: string[]) =>
  at(times, server, 'associate', accounts, [200, ...accounts])
const takes = (times: Times, ...accounts: string[]) =>
  at(times, server, 'dissociate', accounts, [204])
const lists = (times: Times, ...accounts: string[]) =>
  at(times, server, 'list accounts', [], [200, ...accounts])
const gets = (times: Times, ...answer: Answer) => at(times, server, 'get cart', [], answer)

const isLinearizable = (...history: Operation[]) => findUnexplained(history) === undefined

describe('the search for an order', () => {
  it('agrees with trying every order', () => {
    const histories = Array.from({ length: 600 }, (_, seed) => randomHistory(seededRandom(seed)))

    const verdicts = histories.map((history) => isLinearizable(...history))

    expect(verdicts).toEqual(histories.map((history) => hasOrder([], history)))
    expect(verdicts.filter((verdict) => verdict).length).toBeGreaterThan(60)
    expect(verdicts.filter((verdict) => !verdict).length).toBeGreaterThan(60)
  })

  it('explains a long history of many concurrent operations, without trying every order', () => {
    const history = Array.from({ length: 200 }, (_, index) => [
      takes([index * 10, index * 10 + 150], 'bob'),
      gets([index * 10 + 1, index * 10 + 2], 404),
    ]).flat()

    expect(isLinearizable(...history)).toBe(true)
  })

  it('sees that no order of a dozen concurrent writes explains a read', () => {
    const history = Array.from({ length: 12 }, () => takes([0, 9], 'bob'))

    expect(isLinearizable(...history, gets([10, 11], 200, 'bob'))).toBe(false)
  })

  it('names the operation that no order gets past', () => {
    const stale = lists([4, 5])
    const later = lists([6, 7], 'alice')

    expect(findUnexplained([later, gives([0, 1], 'alice'), stale])).toBe(stale)
  })
})

/** Makes five operations, mostly concurrent, each with a response that is possible somewhere. */
function randomHistory(random: Random): Operation[] {
  return Array.from({ length: 5 }, () => {
    const invokedAt = random.below(20)
    const times: Times = [invokedAt, invokedAt + 1 + random.below(20)]
    const caller = random.pick(['server', 'alice', 'bob'])
    const shopper = caller === 'server' ? server : caller
    const accounts = shopper === server ? random.pickSome(['alice', 'bob'], 2) : [shopper]
    const action = random.pick(['associate', 'dissociate', 'list accounts', 'get cart'] as const)
    const found: Answer = [200, ...accounts]
    const nothing: Record<typeof action, Answer> = {
      associate: [random.pick([204, shopper === server ? 204 : 403])],
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

/** Responses as texts, each with the state that a list must show after it. */
type Promised = Record<string, string[]>

describe('a cart that accounts have', () => {
  const ANSWERS = [
    ...['200', '200 alice', '200 bob', '200 alice bob', '200 alice alice', '201', '201 alice'],
    ...['201 bob', '204', '403', '404', '409', '503', '200 yours', '200 others', '200 unclaimed'],
  ]
  const STATES = [[], ['alice'], ['bob'], ['alice', 'bob']]

  const promised = (before: string[], asked: (answer: Answer) => Operation): Promised => {
    const made = before.length === 0 ? [] : [gives([0, 1], ...before)]
    const all = ANSWERS.flatMap((answer) => {
      const [status, ...named] = answer.split(' ')
      const operation = asked([Number(status), ...named])
      return STATES.filter((after) =>
        isLinearizable(...made, operation, lists([4, 5], ...after)),
      ).map((after) => [answer, after] as const)
    })
    return Object.fromEntries(all)
  }

  // Any account that may claim the cart may get 409: the cart does not know whether an account is full.
  it.each<[string[], string | undefined, Call['action'], string[], Promised]>([
    [[], 'alice', 'associate', ['alice'], { '200 alice': ['alice'], 409: [] }],
    [['alice'], 'alice', 'associate', ['alice'], { 204: ['alice'] }],
    [['bob'], 'alice', 'associate', ['alice'], { 403: ['bob'] }],
    [[], server, 'associate', ['alice', 'bob'], { '200 alice bob': ['alice', 'bob'] }],
    [['bob'], server, 'associate', ['alice', 'bob'], { '200 alice bob': ['alice', 'bob'] }],
    [['alice', 'bob'], server, 'associate', ['bob'], { 204: ['alice', 'bob'] }],
    [[], 'alice', 'create', ['alice'], { '201 alice': ['alice'], 409: [] }],
    [['alice'], 'alice', 'create', ['alice'], { '200 alice': ['alice'] }],
    [['bob'], 'alice', 'create', ['alice'], { 403: ['bob'] }],
    [[], 'alice', 'dissociate', ['alice'], { 204: [] }],
    [['alice', 'bob'], 'alice', 'dissociate', ['alice'], { 204: ['bob'] }],
    [['alice', 'bob'], server, 'dissociate', ['alice', 'bob'], { 204: [] }],
    [['alice'], 'alice', 'remove', [], { 204: [] }],
    [['alice', 'bob'], 'alice', 'remove', [], { 403: ['alice', 'bob'] }],
    [['bob'], 'alice', 'remove', [], { 403: ['bob'] }],
    [['alice', 'bob'], server, 'remove', [], { 204: [] }],
    [['alice', 'bob'], server, 'expire', [], { 204: [] }],
    [['alice'], 'alice', 'invite', [], { 201: ['alice'] }],
    [['bob'], 'alice', 'invite', [], { 404: ['bob'] }],
    [['alice'], server, 'access', ['alice'], { '200 yours': ['alice'] }],
    [['bob'], server, 'access', ['alice'], { '200 others': ['bob'] }],
    [[], server, 'access', ['alice'], { '200 unclaimed': [] }],
    [['alice', 'bob'], server, 'list accounts', [], { '200 alice bob': ['alice', 'bob'] }],
    [['alice', 'bob'], 'alice', 'list accounts', [], { '200 alice': ['alice', 'bob'] }],
    [['bob'], 'alice', 'list accounts', [], { 200: ['bob'] }],
    [['alice', 'bob'], server, 'get cart', [], { '200 alice bob': ['alice', 'bob'] }],
    [['alice', 'bob'], 'bob', 'get cart', [], { '200 bob': ['alice', 'bob'] }],
    [['bob'], 'alice', 'get cart', [], { 404: ['bob'] }],
    [['alice', 'bob'], server, 'list carts', ['alice'], { '200 alice': ['alice', 'bob'] }],
    [['bob'], 'alice', 'list carts', ['alice'], { 200: ['bob'] }],
  ])(
    '%j answers %s, who asks to %s %j, only with %j',
    (before, who, action, accounts, expected) => {
      const asked = (answer: Answer) => at([2, 3], who, action, accounts, answer)

      expect(promised(before, asked)).toEqual(expected)
    },
  )

  it.each([
    { claims: 'open', invitation: 'none', unclaimed: [200, 409], ofBob: [403] },
    { claims: 'open', invitation: 'shared', unclaimed: [200, 409], ofBob: [200, 409] },
    { claims: 'invited', invitation: 'none', unclaimed: [403], ofBob: [403] },
    { claims: 'invited', invitation: 'shared', unclaimed: [403], ofBob: [200, 409] },
    { claims: 'invited', invitation: 'unclaimed', unclaimed: [200, 409], ofBob: [403] },
  ] as const)('is $claims to an invitation $invitation', ({ unclaimed, ofBob, ...rule }) => {
    const asked = (answer: Answer) => ({
      ...at([2, 3], 'alice', 'associate', ['alice'], answer),
      ...rule,
    })
    const statuses = (...before: string[]) =>
      Object.keys(promised(before, asked)).map((answer) => Number(answer.split(' ')[0]))

    expect(statuses().sort()).toEqual(unclaimed)
    expect(statuses('bob').sort()).toEqual(ofBob)
  })
})

describe("the carts of alice's account, which may have two", () => {
  const seen = (
    index: number,
    cart: string,
    ...asked: [string | undefined, Call['action'], Answer]
  ) => {
    const [shopper, action, answer] = asked
    return { ...at([2 * index, 2 * index + 1], shopper, action, ['alice'], answer), cart }
  }
  const made = (carts: string[]) =>
    carts.toReversed().map((cart, index) => seen(index, cart, server, 'associate', [200, 'alice']))
  const isExplained = (history: ReturnType<typeof seen>[]) =>
    findUnexplained(history, accountModel('alice', 2)) === undefined
  const STATES = [[], ['a'], ['b'], ['c'], ['a', 'b'], ['b', 'a'], ['c', 'a'], ['c', 'b', 'a']]

  // Whether others have a cart, only the cart knows: a 403 may always come.
  it.each<[string[], string | undefined, Call['action'], string, Promised]>([
    [['b', 'a'], 'alice', 'associate', 'a', { 204: ['a', 'b'] }],
    [['b', 'a'], 'alice', 'create', 'a', { 200: ['a', 'b'] }],
    [['b', 'a'], 'alice', 'associate', 'c', { 403: ['b', 'a'], 409: ['b', 'a'] }],
    [['b', 'a'], 'alice', 'create', 'c', { 403: ['b', 'a'], 409: ['b', 'a'] }],
    [['b', 'a'], server, 'associate', 'c', { 200: ['c', 'b', 'a'], 403: ['b', 'a'] }],
    [['a'], 'alice', 'create', 'c', { 201: ['c', 'a'], 403: ['a'] }],
    [['b', 'a'], server, 'remove', 'a', { 204: ['b'], 403: ['b', 'a'] }],
    [['b', 'a'], 'alice', 'dissociate', 'b', { 204: ['a'] }],
    [['b', 'a'], server, 'expire', '', { 204: [] }],
    [['a'], 'alice', 'invite', 'a', { 201: ['a'] }],
    [['a'], 'alice', 'invite', 'b', { 404: ['a'] }],
    [['a'], 'alice', 'get cart', 'b', { 200: ['a'], 404: ['a'] }],
  ])('%j, and %s asks to %s %s: only %j', (before, shopper, action, cart, expected) => {
    const all = [200, 201, 204, 403, 404, 409].flatMap((status) =>
      STATES.filter((after) =>
        isExplained([
          ...made(before),
          seen(5, cart, shopper, action, [status]),
          seen(6, '', 'alice', 'list carts', [200, ...after]),
        ]),
      ).map((after) => [status, after] as const),
    )

    expect(Object.fromEntries(all)).toEqual(expected)
  })

  it('are in either order after two uses at once', () => {
    const uses = ['a', 'b'].map((cart) => ({
      ...at([10, 20], 'alice', 'associate', ['alice'], [204]),
      cart,
    }))
    const listed = STATES.filter((after) =>
      isExplained([
        ...made(['b', 'a']),
        ...uses,
        seen(15, '', 'alice', 'list carts', [200, ...after]),
      ]),
    )

    expect(listed).toEqual([
      ['a', 'b'],
      ['b', 'a'],
    ])
  })
})
