// What bench:scale says: the database, rows and times at each size, the budgets, and the plot.

import { OFFSET } from '../src/limits.ts'
import { grouped } from '../tools/lib/options.ts'
import { boundInWords, type Judged } from './budgets.ts'
import { lineChart } from './chart.ts'
import { allJudged, judgeScale, resultOf } from './scale-budgets.ts'
import type { ScaleResult, SizeFigures } from './scale-measure.ts'
import { CARTS_OF_ACCOUNT, FULLY_HOT, kindsIn } from './scale-rows.ts'
import { markdownTable } from './table.ts'

/** All that one run has found out. */
export interface ScaleFigures {
  /** RFC 3339, the day. */
  date: string
  machine: string
  /** Measured of each operation at each size. */
  requests: number
  sizes: SizeFigures[]
}

/** As many as a plot can tell apart. */
const PLOTTED = [
  'single cart',
  'list of carts',
  'list of accounts',
  'new association',
  'repeated association',
  'hot account: list of carts',
  'hot account: list of carts, far page',
]

export function scaleReport(figures: ScaleFigures): string {
  const { date, machine, requests, sizes } = figures
  const hot = kindsIn(FULLY_HOT)
  return `Measured on ${date}: ${machine}; ${requests} requests of each kind at each size, by turns, one at a time, for keys at random.

Accounts have ${CARTS_OF_ACCOUNT} carts each, ids as random as UUIDs, inserted one after the other with the index in place. One account has ${grouped(hot.hotCarts)} carts, and one cart ${grouped(hot.hotAccounts)} accounts; below ${grouped(FULLY_HOT)} associations they have their share of that, and so has the far page, which begins after ${grouped(OFFSET.max)} carts. A new association is removed again. A server asks, where no shopper is named. What is sorted counts twice for D1: the accounts of a cart, which no index has in their order. The times of operations that read up to a bound are compared from ${grouped(FULLY_HOT)} associations on.

${table('associations', sizes, [
  ['file, MB', ({ bytes }) => (bytes / 1e6).toFixed(1)],
  ['bytes an association', ({ bytes, size }) => (bytes / size).toFixed(0)],
  ['filled in, s', ({ fillSeconds }) => fillSeconds.toFixed(0)],
])}
${byOperation('rows read / written', sizes, ({ read, written }) => `${grouped(read)} / ${written}`)}
${byOperation('p50, ms', sizes, ({ p50 }) => p50.toFixed(2))}
${budgetTable(sizes)}`
}

export function scalePlot({ date, sizes }: ScaleFigures): string {
  return lineChart({
    title: 'Time to an answer as the database grows',
    subtitle: `The median of requests for keys at random, one at a time; ${date}`,
    xLabel: 'associations in the database',
    yLabel: 'ms',
    series: PLOTTED.map((operation) => ({
      label: operation,
      points: sizes.map((each) => ({ x: each.size, y: resultOf(each, operation).p50 })),
    })),
  })
}

function byOperation(
  heading: string,
  sizes: readonly SizeFigures[],
  cell: (result: ScaleResult) => string,
): string {
  const operations = sizes[0]?.results.map(({ operation }) => operation) ?? []
  const rows = operations.map(
    (operation): Row => [operation, (size) => cell(resultOf(size, operation))],
  )
  return table(heading, sizes, rows)
}

type Row = [name: string, cell: (size: SizeFigures) => string]

/** One column a size. */
function table(heading: string, sizes: readonly SizeFigures[], rows: readonly Row[]): string {
  return markdownTable(
    [heading, ...sizes.map(({ size }) => grouped(size))],
    rows.map(([name, cell]) => [name, ...sizes.map(cell)]),
  )
}

function budgetTable(sizes: readonly SizeFigures[]): string {
  const cells = (judged: Judged | undefined): string[] =>
    judged === undefined
      ? ['', '']
      : [String(Math.round(judged.value * 100) / 100), boundInWords(judged.bound)]
  return markdownTable(
    ['Budget', 'rows read', 'may be', 'p50 to the smallest size', 'may be', ''],
    judgeScale(sizes).map(({ operation, rows, growth }) => [
      operation,
      ...cells(rows[0]),
      ...cells(growth),
      allJudged([{ operation, rows, growth }]).every(({ kept }) => kept) ? 'kept' : 'BROKEN',
    ]),
  )
}
