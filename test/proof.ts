// How much of a proof this run takes, and how its figures read.
import { env } from 'cloudflare:workers'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

/** `npm test` takes a share of each proof, always the same one; its own command takes the whole. */
export const { seed, whole } = env.TEST_PROOF

export const proofTimeout = { timeout: whole ? 240_000 : 30_000 }

export function amount(of: { share: number; whole: number }): number {
  return whole ? of.whole : of.share
}

/** As the figures show it: 20,000. */
export function figure(number: number): string {
  return number.toLocaleString('en')
}

/** Does the work for each number below `count`, so many at a time. */
export async function forEachBelow(
  count: number,
  { atOnce }: { atOnce: number },
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await work(next - 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
