import { describe, expect, it } from 'vitest'
import { lineOf } from '../../tools/data/progress.ts'

describe('the line of progress', () => {
  it.each([
    [{ rows: 450_000, share: 0.45 }, 50, '45%, 450,000 rows, 9,000 rows/s, 1 min 1 s left'],
    [{ rows: 999, share: 0.999 }, 10, '99%, 999 rows, 100 rows/s, 1 s left'],
    [{ rows: 10, share: 0.001 }, 10, '0%, 10 rows, 1 rows/s, 2 h 46 min left'],
  ])('has the share, the rate and what remains: %j', (moment, seconds, line) => {
    expect(lineOf(moment, seconds)).toBe(line)
  })

  it('has no share if the whole is not known', () => {
    expect(lineOf({ rows: 1_000 }, 2)).toBe('1,000 rows, 500 rows/s')
  })
})
