import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUDGETS, MOST_GROWTH } from '../../bench/figures.ts'
import {
  judgeScale,
  measureScale,
  resultOf,
  type ScaleResult,
  type SizeFigures,
  scaleTable,
} from '../../bench/scale.ts'
import { stopAll } from '../../tools/lib/processes.ts'
import { buildWorker } from '../proofs/built-worker.ts'

const RUN_MS = 60_000
const LIST = 'hot account: list of carts'

describe('bench scale', () => {
  let sizes: SizeFigures[]
  const progress: string[] = []
  beforeAll(async () => {
    const worker = await buildWorker('scale')
    const plan = {
      sizes: [1_000, 3_000],
      requests: 2,
      progress: (line: string) => progress.push(line),
    }
    sizes = await measureScale(worker, plan)
  }, RUN_MS)
  afterAll(stopAll)

  it('measures every operation at each size of one database that grows', () => {
    const [small, large] = sizes

    const names = small?.results.map(({ operation }) => operation)
    const bounded = Object.keys(BUDGETS).flatMap(
      (figure) => figure.split('rows read at any size: ')[1] ?? [],
    )
    expect(bounded).toHaveLength(4)
    expect(sizes.map(({ size }) => size)).toEqual([1_000, 3_000])
    expect(small?.bytes).toBeLessThan(large?.bytes ?? 0)
    expect(names).toEqual(expect.arrayContaining(bounded))
    expect(names).toEqual(large?.results.map(({ operation }) => operation))
    // It is filled with what the operations then find.
    const [before = 0, after = 0] = sizes.map((size) => resultOf(size, LIST).read)
    expect(after - before).toBe(200)
    expect(progress).toContain('3,000 associations: 1 of 2 requests of each kind')
  })

  it('finds that rows do not grow with the data, with the carts of an account or the accounts of a cart', () => {
    const rows = judgeScale(sizes).filter(({ figure }) => figure.startsWith('rows'))

    expect(rows).not.toEqual([])
    expect(rows.filter(({ kept }) => !kept)).toEqual([])
  })
})

function sized(size: number, ...results: Partial<ScaleResult>[]): SizeFigures {
  const usual = { operation: 'single cart', read: 3, written: 0, p50: 2 }
  const all = results.map((result) => ({ ...usual, ...result }))
  return { size, bytes: 300 * size, fillSeconds: 1, results: all }
}

function broken(...figures: SizeFigures[]): string[] {
  return judgeScale(figures).flatMap(({ figure, kept }) => (kept ? [] : figure))
}

describe('the cost of an ordinary request', () => {
  it('is kept if rows do not grow and time grows by at most as many times as allowed', () => {
    expect(broken(sized(1e4, { p50: 2 }), sized(1e7, { p50: 2 * MOST_GROWTH }))).toEqual([])
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
    const grown = 2 * MOST_GROWTH + 0.1

    expect(broken(sized(1e4, { p50: 2 }), sized(1e6, {}), sized(1e7, { p50: grown }))).toEqual([
      'p50, times that of the smallest size: single cart',
    ])
  })
})

describe('the cost of a list with a bound', () => {
  it('may grow up to the bound, and no further', () => {
    const small = sized(1e4, { operation: LIST, read: 1_021 })

    expect(broken(small, sized(1e7, { operation: LIST, read: 10_120 }))).toEqual([])
    expect(broken(small, sized(1e7, { operation: LIST, read: 10_121 }))).toEqual([
      `rows read at any size: ${LIST}`,
    ])
  })

  it('is compared in time only once the list is as long as it gets', () => {
    const slow = sized(1e7, { operation: LIST, p50: 2 * MOST_GROWTH + 1 })
    const at = (size: number) => sized(size, { operation: LIST, p50: 2 })

    expect(broken(at(1e4), slow)).toEqual([])
    expect(broken(at(1e4), at(1e6), slow)).toEqual([
      `p50, times that of the smallest size: ${LIST}`,
    ])
  })
})

describe('the table', () => {
  it('has a column for each size', () => {
    const text = scaleTable([sized(1e4, {}), sized(1e7, { read: 1_234 })])

    expect(text).toContain('| associations | 10,000 | 10,000,000 |\n')
    expect(text).toContain('| file, MB | 3.0 | 3000.0 |\n| bytes an association | 300 | 300 |\n')
    expect(text).toContain('| single cart | 3 / 0, 2.00 ms | 1,234 / 0, 2.00 ms |\n')
  })
})
