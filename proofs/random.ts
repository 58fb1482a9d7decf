// Random choices that a seed repeats.

export interface Random {
  /** A whole number from 0 to `limit` - 1. */
  below: (limit: number) => number
  /** True once in `times`, on average. */
  oneIn: (times: number) => boolean
  pick: <Item>(items: readonly Item[]) => Item
  /** At least one of the items, in random order, at most `most` of them. */
  pickSome: <Item>(items: readonly Item[], most: number) => Item[]
}

/** The same choices for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(fraction() * limit)
  const pickSome = <Item>(items: readonly Item[], most: number) => {
    const left = [...items]
    const count = 1 + below(Math.min(most, left.length))
    return Array.from({ length: count }, () => left.splice(below(left.length), 1)).flat()
  }
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: (items) => {
      const [item] = items.slice(below(items.length))
      if (item === undefined) throw new Error('There is nothing to pick from')
      return item
    },
    pickSome,
  }
}
