import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUDGETS, MOST_GROWTH } from '../../bench/figures.ts'
import { judgeScale, measureSizes, type ScaleResult, scaleTable } from '../../bench/scale.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { buildWorker } from '../proofs/built-worker.ts'

const LIST = 'hot account: list of carts'

describe('bench scale', () => {
  let measured: Awaited<ReturnType<typeof measureSizes>>
  beforeAll(async () => {
    measured = await measureSizes(await buildWorker('scale'), [1_000, 3_000], 2)
  }, 60_000)
  afterAll(stopAll)

  it('measures every operation at each size of one database that grows', () => {
    const [small, large] = measured.sizes
    const operationsAt = (size: number) =>
      measured.results.flatMap((each) => (each.size === size ? each.operation : []))
    const bounded = Object.keys(BUDGETS).flatMap(
      (figure) => figure.split('rows read at any size: ')[1] ?? [],
    )

    expect(bounded).toHaveLength(4)
    expect([small?.size, large?.size]).toEqual([1_000, 3_000])
    expect(small?.bytes).toBeLessThan(large?.bytes ?? 0)
    expect(operationsAt(1_000)).toEqual(expect.arrayContaining(bounded))
    expect(operationsAt(1_000)).toEqual(operationsAt(3_000))
    // It is filled with what the operations then find.
    const [before, after] = measured.results.filter(({ operation }) => operation === LIST)
    expect(Number(after?.read) - Number(before?.read)).toBe(200)
  })

  it('finds that rows do not grow with the data, with the carts of an account or the accounts of a cart', () => {
    const rows = judgeScale(measured.results).filter(({ figure }) => figure.startsWith('rows'))

    expect(rows).not.toEqual([])
    expect(rows.filter(({ kept }) => !kept)).toEqual([])
  })
})

function resultAt(size: number, changes: Partial<ScaleResult>): ScaleResult {
  return { operation: 'single cart', size, read: 3, written: 0, p50: 2, ...changes }
}

describe('the budgets of bench scale', () => {
  const allowed = { p50: 2 * MOST_GROWTH }
  const slow = { p50: 2 * MOST_GROWTH + 0.1 }
  const TIME = 'p50, times that of the smallest size:'

  it.each([
    ['single cart', 'as many rows, and as much time as allowed', [{}, {}, allowed], []],
    ['single cart', 'a row more at a size between', [{}, { read: 4 }, {}], ['rows read:']],
    ['single cart', 'a row more at the smallest size', [{ read: 4 }, {}, {}], ['rows read:']],
    ['single cart', 'a row written more', [{}, {}, { written: 1 }], ['rows written:']],
    ['single cart', 'time that grows to the largest size', [{}, {}, slow], [TIME]],
    [LIST, 'rows up to the bound', [{}, { read: 10_120 }], []],
    [LIST, 'rows beyond the bound', [{}, { read: 10_121 }], ['rows read at any size:']],
    [LIST, 'more time than for a shorter list', [{}, slow], []],
    [LIST, 'more time once the list is as long as it gets', [{}, {}, slow], [TIME]],
  ])('judge %s: %s', (operation, _, changes, broken) => {
    const sizes = changes.length === 2 ? [1e4, 1e6] : [1e4, 1e6, 1e7]
    const results = sizes.map((size, index) => resultAt(size, { operation, ...changes[index] }))

    const beyond = judgeScale(results).flatMap(({ figure, kept }) => (kept ? [] : figure))

    expect(beyond).toEqual(broken.map((figure) => `${figure} ${operation}`))
  })
})

describe('the table', () => {
  it('has a column for each size', () => {
    const sizes = [1e4, 1e7].map((size) => ({ size, bytes: 300 * size, fillSeconds: 1 }))

    const text = scaleTable(sizes, [resultAt(1e4, {}), resultAt(1e7, { read: 1_234 })])

    expect(text).toContain('| associations | 10,000 | 10,000,000 |\n')
    expect(text).toContain('| file, MB | 3.0 | 3000.0 |\n| bytes an association | 300 | 300 |\n')
    expect(text).toContain('| single cart | 3 / 0, 2.00 ms | 1,234 / 0, 2.00 ms |\n')
  })
})
