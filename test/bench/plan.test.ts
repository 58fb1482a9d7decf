import { describe, expect, it } from 'vitest'
import { readPart } from '../../bench/figures.ts'
import {
  associationsPerDatabase,
  billOf,
  costs,
  databasesFor,
  dollarsOf,
  type Load,
  MEASURED,
  DEFAULT_MIX as mix,
  PRICES,
  turningPoint,
  usageOf,
} from '../../bench/plan-costs.ts'
import {
  CITIES,
  DEFAULT_PRIMARY,
  placement,
  REGION_NAMES,
  waits,
  waitsOf,
} from '../../bench/plan-waits.ts'

const load = (size: number): Load => ({ associations: size, requests: size, mix })

describe('docs/scaling.md', () => {
  it('holds exactly what npm run bench plan prints', () => {
    expect(readPart('costs')).toBe(costs(mix))
    expect(readPart('waits')).toBe(waits(DEFAULT_PRIMARY))
    expect(readPart('placement')).toBe(placement(DEFAULT_PRIMARY))
  })
})

describe('the bill', () => {
  it('is the plan alone while everything is included', () => {
    expect(billOf(load(1_000_000))).toBe(5)
  })

  it('charges what is beyond the included, as in Cloudflare’s own examples', () => {
    const dollars = (meter: string, used: number) =>
      PRICES.reduce((sum, price) => sum + (price.meter === meter ? dollarsOf(price, used) : 0), 0)

    // 15 million requests of 7 ms; 100 million of 7 ms; 75 GB and 20 GB-months.
    expect(dollars('requests', 15e6)).toBeCloseTo(1.5)
    expect(dollars('CPU ms', 15e6 * 7)).toBeCloseTo(1.5)
    expect(dollars('requests', 100e6)).toBeCloseTo(27)
    expect(dollars('CPU ms', 100e6 * 7)).toBeCloseTo(13.4)
    const logs = dollars('GB of logs, taken in', 75) + dollars('GB of logs, kept 7 days', 20)
    expect(logs).toBeCloseTo(7.05)
  })

  it('counts rows by what each operation was measured to read and write', () => {
    const { new: fresh, repeated, list } = MEASURED
    const usage = usageOf(load(100))

    expect(usage['rows written']).toBeCloseTo(fresh['rows written'] + 70 * repeated['rows written'])
    expect(usage['rows read']).toBeCloseTo(
      fresh['rows read'] + 70 * repeated['rows read'] + 25 * list['rows read'],
    )
  })
})

describe('the databases', () => {
  it('are as many as the size needs', () => {
    const full = associationsPerDatabase()

    expect(databasesFor(load(full)).bySize).toBe(1)
    expect(databasesFor(load(full + 1)).bySize).toBe(2)
  })

  it('are ended by time once requests are more than the turning point for what is stored', () => {
    const associations = 100 * associationsPerDatabase()
    const at = (share: number) =>
      databasesFor({ associations, requests: associations * turningPoint(mix) * share, mix })

    expect(at(0.9).byRequests).toBeLessThan(at(0.9).bySize)
    expect(at(1.1).byRequests).toBeGreaterThan(at(1.1).bySize)
    expect(at(1.1).byWrites).toBeLessThan(at(1.1).byRequests)
  })
})

describe('the waits', () => {
  it('start from published round trips, on six continents', () => {
    expect(new Set(CITIES.map(({ continent }) => continent)).size).toBe(6)
    for (const { name, roundTrips } of CITIES) {
      for (const { median, p95 } of Object.values(roundTrips)) {
        expect(median, name).toBeGreaterThan(0)
        expect(median, name).toBeLessThanOrEqual(p95)
      }
    }
  })

  it.each(REGION_NAMES)('are in order, with the primary in %s', (primary) => {
    for (const city of CITIES) {
      const times = waitsOf(city, primary)
      const of = (wait: string) => times[wait]?.p50 ?? Number.NaN

      expect(of('edge: refused')).toBeLessThan(of('edge: read, nearest copy'))
      expect(of('edge: read, nearest copy')).toBeLessThanOrEqual(of('edge: write'))
      expect(of('edge: refused')).toBeLessThanOrEqual(of('server: refused'))
      expect(of('server: refused')).toBeLessThan(of('server: read, write'))
    }
  })

  it('are shorter with three placed databases on four of six continents, and nowhere longer', () => {
    const sooner = placement('enam')
      .split('\n')
      .filter((line) => /\d \|$/.test(line))
      .map((line) => Number(line.split('|').at(-2)))

    expect(sooner).toHaveLength(6)
    expect(sooner.every((ms) => ms >= 0)).toBe(true)
    expect(sooner.filter((ms) => ms > 50)).toHaveLength(4)
  })
})
