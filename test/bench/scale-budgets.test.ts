import { describe, expect, it } from 'vitest'
import budgets from '../../bench/budgets.json' with { type: 'json' }
import { requireKept } from '../../bench/budgets.ts'
import { allJudged, judgeScale } from '../../bench/scale-budgets.ts'
import type { ScaleResult, SizeFigures } from '../../bench/scale-measure.ts'
import { type ScaleFigures, scalePlot, scaleReport } from '../../bench/scale-report.ts'

const MOST = budgets.scale.p50Growth.max
const LIST = 'hot account: list of carts'

function sized(size: number, ...results: Partial<ScaleResult>[]): SizeFigures {
  const usual = { operation: 'single cart', read: 3, written: 0, p50: 2 }
  const all = results.map((result) => ({ ...usual, ...result }))
  return { size, bytes: 300 * size, fillSeconds: 1, results: all }
}

function broken(...figures: SizeFigures[]): string[] {
  const judged = allJudged(judgeScale(figures))
  return judged.filter(({ kept }) => !kept).map(({ figure }) => figure)
}

describe('the cost of an ordinary request', () => {
  it('is kept where rows are the same and the time is at most as many times as allowed', () => {
    expect(broken(sized(1e4, { p50: 2 }), sized(1e7, { p50: 2 * MOST }))).toEqual([])
  })

  it('is broken by one row more, at whatever size', () => {
    const sizes = [sized(1e4, { read: 3 }), sized(1e6, { read: 4 }), sized(1e7, { read: 3 })]

    expect(broken(...sizes)).toEqual(['rows read: single cart'])
    expect(broken(...sizes.toReversed())).toEqual(['rows read: single cart'])
  })

  it('is broken by one row written more', () => {
    expect(broken(sized(1e4, { written: 2 }), sized(1e7, { written: 3 }))).toEqual([
      'rows written: single cart',
    ])
  })

  it('is broken by time that grows, from the smallest size to the largest', () => {
    const grown = 2 * MOST + 0.1

    expect(broken(sized(1e4, { p50: 2 }), sized(1e6, {}), sized(1e7, { p50: grown }))).toEqual([
      'p50, times that of the smallest size: single cart',
    ])
  })

  it('needs two sizes to tell whether time grows', () => {
    expect(judgeScale([sized(1e4, {})])).toMatchObject([{ growth: undefined }])
  })
})

describe('the cost of a list with a bound', () => {
  const bound = budgets.scale.rowsRead[LIST].max

  it('may grow up to the bound, and no further', () => {
    const small = sized(1e4, { operation: LIST, read: 1_021 })

    expect(broken(small, sized(1e7, { operation: LIST, read: bound }))).toEqual([])
    expect(broken(small, sized(1e7, { operation: LIST, read: bound + 1 }))).toEqual([
      `rows read: ${LIST}`,
    ])
  })

  it('is compared in time only from where the list is as long as it gets', () => {
    const slow = sized(1e7, { operation: LIST, p50: 2 * MOST + 1 })
    const at = (size: number) => sized(size, { operation: LIST, p50: 2 })

    expect(broken(at(1e4), slow)).toEqual([])
    expect(broken(at(1e4), at(1e6), slow)).toEqual([
      `p50, times that of the smallest size: ${LIST}`,
    ])
  })
})

describe('a check of the budgets', () => {
  it('fails naming what is broken, with the bound', () => {
    const judged = allJudged(judgeScale([sized(1e4, {}), sized(1e7, { read: 9 })]))

    expect(() => requireKept(judged)).toThrow(
      'Beyond the budget:\n  rows read: single cart: 9, may be at most 3',
    )
  })

  it('has a bound only for operations that are measured', () => {
    const results = Object.keys(budgets.scale.rowsRead).map((operation) => ({ operation }))
    const names = judgeScale([sized(1e6, ...results)]).map(({ rows }) => rows.length)

    expect(names).toEqual(results.map(() => 1))
  })
})

describe('the report', () => {
  const plotted = [
    'single cart',
    'list of carts',
    'list of accounts',
    'new association',
    'repeated association',
    LIST,
    `${LIST}, far page`,
  ].map((operation) => ({ operation }))
  const figures: ScaleFigures = {
    date: '2026-11-23',
    machine: 'a machine',
    requests: 300,
    sizes: [sized(1e4, ...plotted), sized(1e7, ...plotted)],
  }

  it('has a column for each size, and says what is broken', () => {
    const [ordinary, grown] = [sized(1e4, {}), sized(1e7, { read: 1_234 })]
    const text = scaleReport({ ...figures, sizes: [ordinary, grown] })

    expect(text).toContain('| associations | 10,000 | 10,000,000 |\n')
    expect(text).toContain('| file, MB | 3.0 | 3000.0 |\n| bytes an association | 300 | 300 |\n')
    expect(text).toContain('| single cart | 3 / 0 | 1,234 / 0 |\n')
    expect(text).toContain('| single cart | 2.00 | 2.00 |\n')
    expect(text).toContain('| single cart | 1234 | at most 3 | 1 | at most 2 | BROKEN |\n')
  })

  it('plots a line for each operation that it can tell apart', () => {
    expect(scalePlot(figures).match(/<polyline/g)).toHaveLength(plotted.length)
  })
})
