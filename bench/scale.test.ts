import path from 'node:path'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { type Finished, finished } from '../scripts/finished.ts'
import budgets from './budgets.json' with { type: 'json' }

const figuresSchema = v.object({
  requests: v.number(),
  sizes: v.array(
    v.object({
      size: v.number(),
      bytes: v.number(),
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
  it('measures every operation at each size of one database that grows', () => {
    const { out, error } = bench('--sizes', '1000,3000', '--requests', '2', '--json')

    const { requests, sizes } = v.parse(figuresSchema, JSON.parse(out))
    const [small, large] = sizes
    const names = small?.results.map(({ operation }) => operation)
    expect(requests).toBe(2)
    expect(sizes.map(({ size }) => size)).toEqual([1_000, 3_000])
    expect(small?.bytes).toBeLessThan(large?.bytes ?? 0)
    expect(names).toEqual(expect.arrayContaining(Object.keys(budgets.scale.rowsRead)))
    expect(names).toEqual(large?.results.map(({ operation }) => operation))
    for (const { read, p50 } of sizes.flatMap(({ results }) => results)) {
      expect(read).toBeGreaterThan(0)
      expect(p50).toBeGreaterThan(0)
    }
    // It is filled with what the operations then find.
    const rowsOf = (operation: string) =>
      sizes.map(({ results }) => results.find((each) => each.operation === operation)?.read ?? 0)
    const [before = 0, after = 0] = rowsOf('hot account: list of carts')
    expect(after - before).toBe(200)
    expect(rowsOf('new association')[0]).toBe(rowsOf('new association')[1])
    expect(error).toContain('3,000 associations: 1 of 2 requests of each kind')
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
