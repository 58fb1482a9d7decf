import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { CITIES, REGION_NAMES, REGIONS } from '../../bench/round-trips.ts'
import {
  type CityTimes,
  DERIVED,
  routeBetween,
  simulate,
  straightMs,
} from '../../bench/world-model.ts'
import { DEFAULT_WORLD } from '../../bench/world-report.ts'
import { finished } from '../tools/finished.ts'

const world = { ...DEFAULT_WORLD, samples: 1_000 }

/** Of a city, or the test ends here. */
function timesIn(city: string, times: readonly CityTimes[]): CityTimes {
  const found = times.find((row) => row.city.name === city)
  if (found === undefined) throw new Error(`Nobody shops in ${city}`)
  return found
}

describe('the simulated world', () => {
  it('is the same for the same seed, and another for another', () => {
    const times = simulate(world)

    expect(simulate(world)).toEqual(times)
    expect(simulate({ ...world, seed: 2 })).not.toEqual(times)
  })

  it('has shoppers on six continents', () => {
    expect(new Set(CITIES.map(({ continent }) => continent)).size).toBe(6)
  })

  it.each(REGION_NAMES)(
    'refuses sooner than it reads, and never reads later than it writes, with the primary in %s',
    (primary) => {
      for (const { open, fresh } of simulate({ ...world, primary })) {
        for (const times of [open, fresh]) {
          for (const quantile of ['p50', 'p99'] as const) {
            expect(times.refused[quantile]).toBeLessThan(times.nearest[quantile])
            expect(times.nearest[quantile]).toBeLessThanOrEqual(times.primary[quantile])
            expect(times.refused[quantile]).toBeLessThanOrEqual(times.serverRefused[quantile])
            expect(times.serverRefused[quantile]).toBeLessThan(times.server[quantile])
          }
        }
      }
    },
  )

  it('differs from a server in the shopper’s own city by the hop from the edge only', () => {
    const { open, fresh, toPrimary } = timesIn('Washington', simulate(world))

    for (const { primary, server, refused, serverRefused } of [open, fresh]) {
      expect(primary.p50 - server.p50).toBeCloseTo(toPrimary.medianMs)
      expect(primary.p99 - server.p99).toBeCloseTo(toPrimary.medianMs)
      expect(serverRefused).toEqual(refused)
    }
  })

  it('writes over an open connection in the same time as a far server, and over a new one sooner', () => {
    const { open, fresh } = timesIn('Tokyo', simulate(world))

    expect(open.primary).toEqual(open.server)
    expect(fresh.primary.p50).toBeLessThan(fresh.server.p50)
  })

  it('keeps the quantiles that were published', () => {
    const { open } = timesIn('London', simulate(DEFAULT_WORLD))
    const { medianMs, sigma, derived } = routeBetween(
      timesIn('London', simulate(world)).city,
      'enam',
    )

    expect({ medianMs, derived }).toEqual({ medianMs: 78, derived: false })
    expect(medianMs * Math.exp(1.645 * sigma)).toBeCloseTo(80)
    expect(open.refused.p50 - world.workerMs).toBeCloseTo(20, 0)
  })

  it('derives what nobody publishes from the distance, and says so', () => {
    const lagos = CITIES.find(({ name }) => name === 'Lagos') ?? CITIES[0]
    if (lagos === undefined) throw new Error('There are no cities')

    const route = routeBetween(lagos, 'weur')

    // 5,100 km, there and back at 200 km a millisecond.
    expect(straightMs(lagos, { latitude: 52.37, longitude: 4.9 })).toBeCloseTo(51, 0)
    expect(route.derived).toBe(true)
    expect(route.medianMs).toBeCloseTo(DERIVED.pathFactor * 51, 0)
  })

  it('starts from round trips that light in fibre could make, and medians below the 95th percentiles', () => {
    const pairs = CITIES.flatMap((city) =>
      REGION_NAMES.flatMap((region) => {
        const published = city.published[region]
        return published === undefined ? [] : [{ city, region, published }]
      }),
    )

    expect(pairs).toHaveLength(58)
    for (const { city, region, published } of pairs) {
      const [p50, p95] = published
      expect(p50, `${city.name} to ${region}`).toBeGreaterThan(straightMs(city, REGIONS[region]))
      expect(p50, `${city.name} to ${region}`).toBeLessThanOrEqual(p95)
    }
  })
})

describe('npm run bench:world', () => {
  it('prints the tables, with what was derived marked', () => {
    const { code, out } = bench('--samples', '100')

    expect(code).toBe(0)
    expect(out).toMatch(
      /^A simulation of the network, not a measurement: 100 requests a city \(seed 1\)/,
    )
    expect(out).toMatch(/^\| Lagos † \|/m)
  })

  it.each([
    {
      args: ['--primary', 'sam'],
      error: '--primary must be one of wnam, enam, weur, eeur, apac, oc, not "sam"',
    },
    {
      args: ['--samples', '5'],
      error: '--samples must be a whole number from 100 to 1000000, not "5"',
    },
    { args: ['--seed', 'x'], error: '--seed must be a whole number from 0 to 4294967295, not "x"' },
    { args: ['--d1-ms', '-1'], error: "Option '--d1-ms' argument is ambiguous" },
    {
      args: ['--seed', '2', '--write'],
      error: '--write goes with no other option: the page shows the defaults',
    },
  ])('refuses $args', ({ args, error }) => {
    expect(bench(...args)).toEqual({
      code: 2,
      out: '',
      error: `${error} (--help shows examples)\n`,
    })
  })
})

function bench(...args: string[]) {
  return finished(path.join('..', 'bench', 'world.ts'), args, process.cwd())
}
