// Seeded randomness: what a proof has tried, it tries again with the same seed.

export interface Random {
  /** A whole number from 0 to below the bound. */
  below: (bound: number) => number
  pick: <Item>(items: readonly Item[]) => Item
  shuffle: <Item>(items: readonly Item[]) => Item[]
}

/** Of one seed, another sequence for each index: what runs at once does not share one. */
export function seededRandom(seed: number, index = 0): Random {
  // Scattered first, because neighbouring numbers begin alike; and xorshift would never leave 0.
  let state = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b) || 1
  const below = (bound: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
  // Each seed of xorshift takes some steps to be well mixed.
  for (let step = 0; step < 16; step += 1) below(1)

  const pick = <Item>(items: readonly Item[]): Item => {
    const [item] = items.slice(below(items.length))
    if (item === undefined) throw new Error('There is nothing to pick from')
    return item
  }
  const shuffle = <Item>(items: readonly Item[]): Item[] => {
    const left = [...items]
    return items.flatMap(() => left.splice(below(left.length), 1))
  }
  return { below, pick, shuffle }
}
