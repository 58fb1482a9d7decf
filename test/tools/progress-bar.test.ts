import { describe, expect, it } from 'vitest'
import { lineOf } from '../../tools/lib/progress-bar.ts'

const first = { rows: 0, share: 0 }

describe('the line of progress', () => {
  it.each([
    [{ rows: 450_000, share: 0.45 }, first, 50, '45%, 450,000 rows, 9,000 rows/s, 1 min 1 s left'],
    [{ rows: 999, share: 0.999 }, first, 10, '99%, 999 rows, 100 rows/s, 1 s left'],
    [{ rows: 10, share: 0.001 }, first, 10, '0%, 10 rows, 1 rows/s, 2 h 46 min left'],
  ])('tells the share, the rate and what remains: %j', (moment, begun, seconds, line) => {
    expect(lineOf(moment, begun, seconds)).toBe(line)
  })

  it('tells the rate of this run alone where an earlier one has done a part', () => {
    const moment = { rows: 600, share: 0.6 }

    expect(lineOf(moment, { rows: 500, share: 0.5 }, 10)).toBe(
      '60%, 600 rows, 10 rows/s, 40 s left',
    )
  })

  it('tells no share where the whole is not known', () => {
    expect(lineOf({ rows: 1_000 }, { rows: 0 }, 2)).toBe('1,000 rows, 500 rows/s')
  })
})
