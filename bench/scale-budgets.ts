// Whether the cost of a request grows with the data: rows by D1's count, and time from outside.

import budgets from './budgets.json' with { type: 'json' }
import { type Bound, isWithin, type Judged } from './budgets.ts'
import type { ScaleResult, SizeFigures } from './scale-measure.ts'
import { FULLY_HOT } from './scale-rows.ts'

/** Operations that read a long list, up to a bound; all others are to read the same at every size. */
const bounds: Readonly<Record<string, Bound>> = budgets.scale.rowsRead

/** What was found out about one operation. */
export interface JudgedOperation {
  operation: string
  rows: Judged[]
  /** Of the time; absent where there is nothing to compare. */
  growth: Judged | undefined
}

export function judgeScale(figures: readonly SizeFigures[]): JudgedOperation[] {
  return figures.slice(0, 1).flatMap(({ results }) =>
    results.map(({ operation }) => {
      const results = figures.map((size) => resultOf(size, operation))
      const bound = bounds[operation]
      if (bound === undefined) {
        return { operation, rows: sameRows(results), growth: growthOf(operation, figures) }
      }
      const most = Math.max(...results.map(({ read }) => read))
      // A smaller database has less to read.
      const comparable = figures.filter(({ size }) => size >= FULLY_HOT)
      const rows = [held(`rows read: ${operation}`, most, bound)]
      return { operation, rows, growth: growthOf(operation, comparable) }
    }),
  )
}

/** One after the other, for a check. */
export function allJudged(operations: readonly JudgedOperation[]): Judged[] {
  return operations.flatMap(({ rows, growth }) => (growth === undefined ? rows : [...rows, growth]))
}

/** The least at any size is what it may be at every size. */
function sameRows(results: readonly ScaleResult[]): Judged[] {
  const count = (kind: 'read' | 'written'): Judged => {
    const rows = results.map((result) => result[kind])
    const operation = results[0]?.operation ?? ''
    return held(`rows ${kind}: ${operation}`, Math.max(...rows), { max: Math.min(...rows) })
  }
  return [count('read'), count('written')]
}

/** From the smallest size to the largest. */
function growthOf(operation: string, figures: readonly SizeFigures[]): Judged | undefined {
  const [smallest, largest] = [figures.at(0), figures.at(-1)]
  if (smallest === undefined || largest === undefined || smallest === largest) return undefined
  const ratio = resultOf(largest, operation).p50 / resultOf(smallest, operation).p50
  return held(`p50, times that of the smallest size: ${operation}`, ratio, budgets.scale.p50Growth)
}

function held(figure: string, value: number, bound: Bound): Judged {
  return { figure, value, bound, kept: isWithin(value, bound) }
}

export function resultOf({ size, results }: SizeFigures, operation: string): ScaleResult {
  const result = results.find((each) => each.operation === operation)
  if (result !== undefined) return result
  throw new Error(`${operation} was not measured at ${size}`)
}
