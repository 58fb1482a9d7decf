// The mutants that no test can tell from the Worker, each with the reason.

export interface Equivalent {
  file: string
  /** As the command prints it. */
  change: string
  reason: string
}

export const equivalents: readonly Equivalent[] = []
