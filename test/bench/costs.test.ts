import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  associationsPerDatabase,
  billOf,
  databasesFor,
  dollarsOf,
  type Load,
  MEASURED,
  type Mix,
  marginalDollars,
  turningPoint,
  usageOf,
} from '../../bench/cost-model.ts'
import { DEFAULT_MIX } from '../../bench/cost-report.ts'
import { finished } from '../tools/finished.ts'

const NONE: Mix = { new: 0, repeated: 0, list: 0, refused: 0 }

const load = (size: number, mix: Mix = DEFAULT_MIX): Load => ({
  associations: size,
  requests: size,
  mix,
})

describe('the bill', () => {
  it('is the plan alone while everything is included', () => {
    const usage = usageOf(load(1_000_000))

    expect(billOf(usage, 'by event')).toBe(5)
    expect(billOf(usage, 'by GB')).toBe(5)
  })

  it('charges what is beyond the included, as in Cloudflare’s own examples', () => {
    // 15 million requests of 7 ms; 100 million of 7 ms; 30 million events; 75 GB and 20 GB-months.
    expect(dollarsOf('requests', 15e6)).toBeCloseTo(1.5)
    expect(dollarsOf('cpuMs', 15e6 * 7)).toBeCloseTo(1.5)
    expect(dollarsOf('requests', 100e6)).toBeCloseTo(27)
    expect(dollarsOf('cpuMs', 100e6 * 7)).toBeCloseTo(13.4)
    expect(dollarsOf('events', 30e6)).toBeCloseTo(6)
    expect(dollarsOf('eventsIngestedGB', 75) + dollarsOf('eventsStoredGB', 20)).toBeCloseTo(7.05)
  })

  it('counts rows by what each operation was measured to read and write', () => {
    const usage = usageOf(load(100))

    const { rows } = MEASURED
    expect(usage.rowsWritten).toBeCloseTo(rows.new.written + 70 * rows.repeated.written)
    expect(usage.rowsRead).toBeCloseTo(
      rows.new.read + 70 * rows.repeated.read + 25 * rows.list.read,
    )
  })

  it('lets a refusal read and write nothing', () => {
    const usage = usageOf(load(1_000, { ...NONE, refused: 100 }))

    expect(usage).toMatchObject({ rowsRead: 0, rowsWritten: 0, requests: 1_000 })
  })

  it('asks more for a new association than for a repeated one', () => {
    const [fresh, repeated] = [
      { ...NONE, new: 100 },
      { ...NONE, repeated: 100 },
    ].map((mix) => marginalDollars(usageOf({ associations: 0, requests: 1e6, mix }), 'by GB'))

    expect(fresh).toBeGreaterThan(repeated ?? Number.POSITIVE_INFINITY)
  })

  it('asks nothing of D1 for a refusal', () => {
    const mix = { ...NONE, refused: 100 }

    expect(usageOf({ associations: 0, requests: 1e6, mix })).toMatchObject({
      rowsRead: 0,
      rowsWritten: 0,
    })
  })
})

describe('the databases', () => {
  it('are as many as the size needs', () => {
    const full = associationsPerDatabase()

    expect(databasesFor(load(full), 1).bySize).toBe(1)
    expect(databasesFor(load(full + 1), 1).bySize).toBe(2)
  })

  it('are as many as the busiest second needs, and fewer where copies take the reads', () => {
    const { byRequests, byWrites } = databasesFor(load(10_000_000_000), 10)

    expect(byRequests).toBeGreaterThan(byWrites)
    expect(databasesFor(load(10_000_000_000), 20).byRequests).toBeGreaterThan(byRequests)
  })

  it('are ended by time once requests are more than the turning point for what is stored', () => {
    const [associations, ratio] = [100 * associationsPerDatabase(), turningPoint(DEFAULT_MIX, 10)]
    const at = (share: number) =>
      databasesFor({ associations, requests: associations * ratio * share, mix: DEFAULT_MIX }, 10)

    expect(at(0.9).byRequests).toBeLessThan(at(0.9).bySize)
    expect(at(1.1).byRequests).toBeGreaterThan(at(1.1).bySize)
  })
})

describe('npm run bench:costs', () => {
  it('prints the mix that it was given, and calculates with it', () => {
    const { code, out } = bench('--mix', '100,0,0,0')

    expect(code).toBe(0)
    expect(out).toContain('Of 100 requests 100 associate anew, 0 repeat an association')
    expect(out).not.toBe(bench().out)
  })

  it.each(['1,70,25', '1,70,25,5', '1,70,25,x', '1,70,25,4,0', ''])('refuses the mix %j', (mix) => {
    expect(bench('--mix', mix)).toEqual({
      code: 2,
      out: '',
      error: `--mix must be four whole numbers that add up to 100: new, repeated, list, refused, not ${JSON.stringify(mix)} (--help shows examples)\n`,
    })
  })

  it('refuses a peak below the average, and to write what is not the default', () => {
    expect(bench('--peak', '0')).toMatchObject({ code: 2, out: '' })
    expect(bench('--peak', '2', '--write')).toMatchObject({ code: 2, out: '' })
  })
})

function bench(...args: string[]) {
  return finished(path.join('..', 'bench', 'costs.ts'), args, process.cwd())
}
