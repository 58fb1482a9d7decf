// What a mutant is: the source of one file with one thing changed.

/** A change of meaning that no general operator makes: a rule of the contract left out or bent. */
export interface HandMade {
  /** What the Worker would do. */
  name: string
  /** Stands exactly once in the file. */
  find: string
  replace: string
}

export interface HandMadeSet {
  file: string
  mutants: readonly HandMade[]
}

export interface Mutant {
  /** From the root of the project. */
  file: string
  /** Counted from 1. */
  line: number
  /** In one line. */
  change: string
  /** The line as it is, without its indentation. */
  text: string
  madeBy: 'hand' | 'stryker'
  /** The whole file as changed; `undefined`: as it is. */
  source: string | undefined
  /** The names of the test files that try it. */
  tests: readonly string[]
}

/** `timeout`: the tests did not end, which is noticed as well as a failure. */
export type Outcome = 'killed' | 'timeout' | 'survived'

/** A mutant that was tried. */
export interface Tried extends Mutant {
  outcome: Outcome
}
