// The seed of a proof, which repeats its choices.
import { seedFrom } from '../lib/options.ts'

/** CI sets PROOF_SEED to a number that it takes from the commit. */
export const seedOption = {
  seed: { type: 'string', default: process.env['PROOF_SEED'] },
} as const

/** The seed that was asked for or a new one, printed before any work. */
export function printSeed(text: string | undefined): number {
  const seed = seedFrom(text)
  process.stdout.write(`Seed: ${seed}\n`)
  return seed
}
