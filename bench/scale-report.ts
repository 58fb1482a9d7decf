// What bench scale prints, and whether the cost of a request grows with the data.
import { grouped } from '../tools/lib/options.ts'
import { BUDGETS, held, type Judged, judge, MOST_GROWTH } from './budgets.ts'
import { markdownTable } from './figures.ts'
import { FULLY_HOT } from './scale-rows.ts'

/** One operation at one size. */
export interface ScaleResult {
  operation: string
  /** The most rows that any request read and wrote. */
  read: number
  written: number
  /** Milliseconds, from outside. */
  p50: number
}

export interface SizeFigures {
  /** Associations. */
  size: number
  /** The size of the file. */
  bytes: number
  /** How long it took to add the rows that the size before did not have. */
  fillSeconds: number
  results: ScaleResult[]
}

/** Rows must not grow at all, or only up to the bound of a long list; time may grow to twice. */
export function judgeScale(figures: readonly SizeFigures[]): Judged[] {
  const operations = figures[0]?.results.map(({ operation }) => operation) ?? []
  return operations.flatMap((operation) => {
    const results = figures.map((size) => resultOf(size, operation))
    const most = Math.max(...results.map(({ read }) => read))
    const name = `rows read at any size: ${operation}`
    if (BUDGETS[name] === undefined) {
      return [
        unchanged(
          `rows read: ${operation}`,
          results.map(({ read }) => read),
        ),
        unchanged(
          `rows written: ${operation}`,
          results.map(({ written }) => written),
        ),
        ...growthOf(operation, figures),
      ]
    }
    // A long list is shorter in a smaller database.
    const comparable = figures.filter(({ size }) => size >= FULLY_HOT)
    return [...judge({ [name]: most }), ...growthOf(operation, comparable)]
  })
}

/** The least at any size is the bound at every size. */
function unchanged(figure: string, counts: readonly number[]): Judged {
  return held(figure, Math.max(...counts), { max: Math.min(...counts) })
}

/** From the smallest size to the largest; empty if there is nothing to compare. */
function growthOf(operation: string, figures: readonly SizeFigures[]): Judged[] {
  const [smallest, largest] = [figures.at(0), figures.at(-1)]
  if (smallest === undefined || largest === undefined || smallest === largest) return []
  const ratio = resultOf(largest, operation).p50 / resultOf(smallest, operation).p50
  const figure = `p50, times that of the smallest size: ${operation}`
  return [held(figure, ratio, { max: MOST_GROWTH })]
}

export function resultOf({ size, results }: SizeFigures, operation: string): ScaleResult {
  const result = results.find((each) => each.operation === operation)
  if (result !== undefined) return result
  throw new Error(`${operation} was not measured at ${size}`)
}

export function scaleTables(figures: readonly SizeFigures[]): string {
  const sizes = figures.map(({ size }) => grouped(size))
  const operations = figures[0]?.results.map(({ operation }) => operation) ?? []
  const database = [
    ['file, MB', ...figures.map(({ bytes }) => (bytes / 1e6).toFixed(1))],
    ['bytes an association', ...figures.map(({ bytes, size }) => (bytes / size).toFixed(0))],
    ['time to fill in, s', ...figures.map(({ fillSeconds }) => fillSeconds.toFixed(0))],
  ]
  const results = operations.map((operation) => [
    operation,
    ...figures.map((size) => {
      const { read, written, p50 } = resultOf(size, operation)
      return `${grouped(read)} / ${written}, ${p50.toFixed(2)} ms`
    }),
  ])
  return [
    markdownTable(['associations', ...sizes], database),
    markdownTable(['rows read / written, median time', ...sizes], results),
  ].join('\n')
}
