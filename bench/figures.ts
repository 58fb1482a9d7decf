// All that one run of the benchmark has found out.
import type { Counts } from './counts.ts'
import type { OwnCpu } from './own-cpu.ts'
import type { Result } from './rounds.ts'

export const PARTS = ['counts', 'own-cpu', 'requests'] as const

export type Part = (typeof PARTS)[number]

/** A part that was not asked for is absent. */
export interface Figures {
  /** RFC 3339, the day. */
  date: string
  machine: string
  rounds: number
  /** Of one measurement. */
  seconds: number
  counts?: Counts
  ownCpu?: OwnCpu[]
  requests?: Result[]
}
