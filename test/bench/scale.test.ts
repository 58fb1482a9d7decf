import path from 'node:path'
import * as v from 'valibot'
import { beforeAll, describe, expect, it } from 'vitest'
import budgets from '../../bench/budgets.json' with { type: 'json' }
import { judgeScale, resultOf } from '../../bench/scale-budgets.ts'
import { type Finished, finished } from '../tools/finished.ts'

const RUN_MS = 60_000

const figuresSchema = v.object({
  requests: v.number(),
  sizes: v.array(
    v.object({
      size: v.number(),
      bytes: v.number(),
      fillSeconds: v.number(),
      results: v.array(
        v.object({
          operation: v.string(),
          read: v.number(),
          written: v.number(),
          p50: v.number(),
        }),
      ),
    }),
  ),
})

describe('npm run bench:scale', () => {
  let figures: v.InferOutput<typeof figuresSchema>
  let progress: string
  beforeAll(() => {
    const { code, out, error } = bench('--sizes', '1000,3000', '--requests', '2', '--json')
    if (code !== 0) throw new Error(error)
    figures = v.parse(figuresSchema, JSON.parse(out))
    progress = error
  }, RUN_MS)

  it('measures every operation at each size of one database that grows', () => {
    const { requests, sizes } = figures
    const [small, large] = sizes

    const names = small?.results.map(({ operation }) => operation)
    expect(requests).toBe(2)
    expect(sizes.map(({ size }) => size)).toEqual([1_000, 3_000])
    expect(small?.bytes).toBeLessThan(large?.bytes ?? 0)
    expect(names).toEqual(expect.arrayContaining(Object.keys(budgets.scale.rowsRead)))
    expect(names).toEqual(large?.results.map(({ operation }) => operation))
    // It is filled with what the operations then find.
    const [before = 0, after = 0] = sizes.map(
      (size) => resultOf(size, 'hot account: list of carts').read,
    )
    expect(after - before).toBe(200)
    expect(progress).toContain('3,000 associations: 1 of 2 requests of each kind')
  })

  it('finds that rows do not grow with the data, with the carts of an account or the accounts of a cart', () => {
    const rows = judgeScale(figures.sizes).flatMap((each) => each.rows)

    expect(rows).not.toEqual([])
    expect(rows.filter(({ kept }) => !kept)).toEqual([])
  })

  it.each([
    ['--sizes', '1000,x', 'Each of --sizes must be a whole number from 1000 to 30000000, not "x"'],
    ['--sizes', '999', 'Each of --sizes must be a whole number from 1000 to 30000000, not "999"'],
    ['--sizes', '', 'Each of --sizes must be a whole number from 1000 to 30000000, not ""'],
    ['--sizes', '2000,1000', '--sizes must ascend, not "2000,1000"'],
    ['--sizes', '1000,1000', '--sizes must ascend, not "1000,1000"'],
    ['--requests', '0', '--requests must be a whole number from 1 to 100000, not "0"'],
    ['--requests', '1.5', '--requests must be a whole number from 1 to 100000, not "1.5"'],
  ])('refuses %s %j', (option, value, message) => {
    expect(bench(option, value)).toEqual({
      code: 2,
      out: '',
      error: `${message} (--help shows examples)\n`,
    })
  })

  it('refuses to write what is not of the default sizes', () => {
    expect(bench('--write', '--sizes', '1000')).toMatchObject({ code: 2, out: '' })
  })

  it('says with --help what each option is for', () => {
    const { code, out } = bench('--help')

    expect(code).toBe(0)
    for (const option of ['--check', '--json', '--sizes', '--requests', '--write']) {
      expect(out).toContain(`  ${option} `)
    }
  })
})

function bench(...args: string[]): Finished {
  return finished(path.join('..', 'bench', 'scale.ts'), args, process.cwd())
}
