// What many measurements of one thing come to.

export interface Spread {
  min: number
  median: number
  max: number
}

/** Of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    min: sorted[0] ?? Number.NaN,
    median: medianOf(values),
    max: sorted.at(-1) ?? Number.NaN,
  }
}

/** The middle one, or what is halfway between the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  if (sorted.length % 2 === 1) return upper
  return (upper + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2
}

/** Of values in their order, the first that this share of them does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
