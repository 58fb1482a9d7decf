// How much of a proof this run takes, and how its figures read.
import { env } from 'cloudflare:workers'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

/** `npm test` takes a share of each proof; `npm run prove` takes the whole. */
export const { seed, whole } = env.TEST_PROOF

export const proofTimeout = { timeout: whole ? 900_000 : 60_000 }

export function amount(of: { share: number; whole: number }): number {
  return whole ? of.whole : of.share
}

/** As the figures show it: 20,000. */
export function figure(number: number): string {
  return number.toLocaleString('en')
}

/** Does the work for each of the items, so many at a time. */
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

/** The whole numbers below this one, which tell so many random cases apart. */
export function below(count: number): number[] {
  return [...Array(count).keys()]
}
