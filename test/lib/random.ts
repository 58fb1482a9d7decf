// Seeded randomness: a seed repeats what a proof has tried.

export interface Random {
  /** Returns a whole number from 0 to below the bound. */
  below: (bound: number) => number
  /** Returns true once in `times`, on average. */
  oneIn: (times: number) => boolean
  pick: <Item>(items: readonly Item[]) => Item
  /** Returns at least one and at most `most` of the items, in random order. */
  pickSome: <Item>(items: readonly Item[], most: number) => Item[]
  shuffle: <Item>(items: readonly Item[]) => Item[]
}

/** Makes a separate sequence for each index of a seed, for parallel tasks (mulberry32). */
export function seededRandom(seed: number, index = 0): Random {
  let state = seed ^ Math.imul(index, 0x85ebca6b)
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
  const pick = <Item>(items: readonly Item[]): Item => {
    const [item] = items.slice(below(items.length))
    if (item === undefined) throw new Error('There is nothing to pick from')
    return item
  }
  const shuffle = <Item>(items: readonly Item[]): Item[] => {
    const left = [...items]
    return items.flatMap(() => left.splice(below(left.length), 1))
  }
  const pickSome = <Item>(items: readonly Item[], most: number): Item[] =>
    shuffle(items).slice(0, 1 + below(Math.min(most, items.length)))
  return { below, oneIn: (times) => below(times) === 0, pick, pickSome, shuffle }
}
