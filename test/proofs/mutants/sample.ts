// A share of the mutants, the same for the same seed.
import { createHash } from 'node:crypto'
import type { Mutant } from './mutant.ts'

export function sampleOf(mutants: readonly Mutant[], percent: number, seed: number): Mutant[] {
  const drawn = mutants
    .map((mutant, index) => ({ index, mutant, lot: lotOf(mutant, seed) }))
    .toSorted((one, other) => (one.lot < other.lot ? -1 : 1))
    .slice(0, Math.ceil((mutants.length * percent) / 100))
  return drawn.toSorted((one, other) => one.index - other.index).map(({ mutant }) => mutant)
}

function lotOf({ file, line, change }: Mutant, seed: number): string {
  return createHash('sha256').update(`${seed}:${file}:${line}:${change}`).digest('hex')
}
