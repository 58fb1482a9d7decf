// How much of a proof this run does, and how its figures are written.
import { env } from 'cloudflare:workers'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

/** Returns the share that `npm test` does, or the whole for `npm run prove`. */
export const { seed, whole } = env.TEST_PROOF

export const proofTimeout = { timeout: whole ? 900_000 : 60_000 }

export function amount(of: { share: number; whole: number }): number {
  return whole ? of.whole : of.share
}

/** Formats a number for the figures: 20,000. */
export function figure(number: number): string {
  return number.toLocaleString('en')
}

/** Does the work for each item, at most `atOnce` at a time. */
export async function forEachOf<Item>(
  items: readonly Item[],
  { atOnce }: { atOnce: number },
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) await work(item, index)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Returns the whole numbers from 0 to below the count, as indexes of random cases. */
export function below(count: number): number[] {
  return [...Array(count).keys()]
}
