// What each figure may reach, and which of them went beyond it.
import { CommandError } from '../tools/lib/command-line.ts'
import budgets from './budgets.json' with { type: 'json' }
import { SERVICE } from './contestants.ts'
import type { Figures } from './figures.ts'

export interface Bound {
  min?: number
  max?: number
}

/** A figure with a budget, as it is printed. */
export interface Judged {
  figure: string
  value: number
  bound: Bound
  kept: boolean
}

/** Of every budget whose figure was measured, how the two compare. */
export function judge({ counts, ownCpu = [], requests = [] }: Figures): Judged[] {
  const judged: Judged[] = []
  const hold = (figure: string, value: number | undefined, bound: Bound) => {
    if (value !== undefined) judged.push({ figure, value, bound, kept: isWithin(value, bound) })
  }
  for (const [operation, bound] of Object.entries(budgets.ratioToFloor)) {
    const result = requests.find(
      (each) =>
        each.operation === operation && each.connections === 16 && each.contestant === SERVICE,
    )
    hold(`${operation}, requests a second to the floor's`, result?.ratio, bound)
  }
  for (const [name, bound] of Object.entries(budgets.ownCpuMicros)) {
    const each = ownCpu.find(({ algorithm, tokens }) => `${algorithm}, ${tokens}` === name)
    hold(`own CPU, µs: ${name}`, each?.own, bound)
  }
  hold('bundle, KiB gzipped', counts?.bundleKib, budgets.bundleKib)
  hold('module load, ms', counts?.moduleLoadMs, budgets.moduleLoadMs)
  hold('bytes an association', counts?.bytesPerAssociation, budgets.bytesPerAssociation)
  for (const [operation, { read, written }] of Object.entries(budgets.rows)) {
    const rows = counts?.rows.find((each) => each.operation === operation)
    hold(`rows read: ${operation}`, rows?.read, read)
    hold(`rows written: ${operation}`, rows?.written, written)
  }
  return judged
}

/** `at most 44`, `at least 0.95`. */
export function boundInWords({ min, max }: Bound): string {
  return min === undefined ? `at most ${max}` : `at least ${min}`
}

/** @throws CommandError naming each figure that is beyond its budget */
export function requireKept(judged: readonly Judged[]): void {
  const broken = judged.filter(({ kept }) => !kept)
  if (broken.length === 0) return
  const lines = broken.map(
    ({ figure, value, bound }) =>
      `  ${figure}: ${Math.round(value * 1000) / 1000}, may be ${boundInWords(bound)}`,
  )
  throw new CommandError(`Beyond the budget:\n${lines.join('\n')}`)
}

export function isWithin(
  value: number,
  { min = Number.NEGATIVE_INFINITY, max = Infinity }: Bound,
): boolean {
  return value >= min && value <= max
}
