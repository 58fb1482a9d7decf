// The budgets, and which figures went beyond them.

import { CommandError } from '../tools/lib/command-line.ts'
import { BUNDLE_LIMIT_KIB } from '../tools/lib/wrangler.ts'
import { markdownTable } from './figures.ts'

export interface Bound {
  min?: number
  max?: number
}

/** A figure that has a budget. */
export interface Judged {
  figure: string
  value: number
  bound: Bound
  kept: boolean
}

/** By the name of the figure. A figure without a budget is not judged. */
export const BUDGETS: Readonly<Record<string, Bound>> = {
  'bundle, KiB gzipped': { max: BUNDLE_LIMIT_KIB },
  'module load, ms': { max: 12 },
  'bytes an association': { max: 280 },
  'rows read: new association': { max: 4 },
  'rows written: new association': { max: 2 },
  'rows read: repeated association': { max: 4 },
  'rows written: repeated association': { max: 0 },

  'own CPU, µs: HS256, tokens seen before': { max: 60 },
  'own CPU, µs: ES256, tokens seen before': { max: 60 },
  'own CPU, µs: HS256, tokens not seen before': { max: 130 },
  'own CPU, µs: ES256, tokens not seen before': { max: 250 },

  'requests a second to the floor: new association': { min: 0.95 },
  'requests a second to the floor: repeated association': { min: 0.95 },

  // Long lists are read up to a bound. Other operations read the same rows at every size.
  'rows read at any size: hot account: list of carts': { max: 10_120 },
  'rows read at any size: hot account: list of carts, far page': { max: 20_120 },
  'rows read at any size: hot cart: single cart': { max: 20_100 },
  'rows read at any size: hot cart: list of accounts': { max: 30_200 },
}

/** The time at the largest size may be this many times the time at the smallest. */
export const MOST_GROWTH = 2

/** Compares each figure that has a budget with it. */
export function judge(figures: Readonly<Record<string, number>>): Judged[] {
  return Object.entries(figures).flatMap(([figure, value]) => {
    const bound = BUDGETS[figure]
    return bound === undefined ? [] : [held(figure, value, bound)]
  })
}

export function held(figure: string, value: number, bound: Bound): Judged {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bound
  return { figure, value, bound, kept: value >= min && value <= max }
}

export function budgetTable(judged: readonly Judged[]): string {
  return markdownTable(
    ['budget', 'measured', 'may be', ''],
    judged.map(({ figure, value, bound, kept }) => [
      figure,
      rounded(value),
      inWords(bound),
      kept ? 'kept' : 'BROKEN',
    ]),
  )
}

/** @throws CommandError naming each figure that is beyond its budget */
export function requireKept(judged: readonly Judged[]): void {
  const broken = judged.filter(({ kept }) => !kept)
  if (broken.length === 0) return
  const lines = broken.map(
    ({ figure, value, bound }) => `  ${figure}: ${rounded(value)}, may be ${inWords(bound)}`,
  )
  throw new CommandError(`Beyond the budget:\n${lines.join('\n')}`)
}

function inWords({ min, max }: Bound): string {
  return min === undefined ? `at most ${max}` : `at least ${min}`
}

function rounded(value: number): string {
  return String(Math.round(value * 1000) / 1000)
}
