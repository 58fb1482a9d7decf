// The seed of a proof: with it, a run can be repeated.
import { seedFrom } from '../lib/options.ts'

/** CI sets PROOF_SEED to a number taken from the commit. */
export const seedOption = {
  seed: { type: 'string', default: process.env['PROOF_SEED'] },
} as const

/** Returns the requested seed or a new one, and prints it before any work. */
export function printSeed(text: string | undefined): number {
  const seed = seedFrom(text)
  process.stdout.write(`Seed: ${seed}\n`)
  return seed
}
