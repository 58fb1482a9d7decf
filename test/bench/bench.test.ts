import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { held, readPart, requireKept } from '../../bench/figures.ts'
import * as plan from '../../bench/plan.ts'
import { finished } from '../tools/finished.ts'

const MIX_RULE = 'four whole numbers that add up to 100: new, repeated, list, refused'

function bench(...args: string[]) {
  return finished(path.join('..', 'bench', 'bench.ts'), args, process.cwd())
}

describe('npm run bench', () => {
  it.each([
    ['swim', 'Name one of counts, cpu, requests, scale, plan, or none, not "swim"'],
    ['counts --against src', '--against is for cpu, not counts'],
    ['cpu --against src', '--against must name a built Worker, app.js or its directory, not "src"'],
    ['cpu --rounds 1.5', '--rounds must be a whole number from 1 to 100, not "1.5"'],
    ['plan --mix 1,70,25,5', `--mix must be ${MIX_RULE}, not "1,70,25,5"`],
    ['plan --primary sa', `--primary must be one of ${plan.REGION_NAMES.join(', ')}, not "sa"`],
    ['plan --primary oc --write', '--write is for the defaults: leave out --primary'],
  ])('refuses %s', (args, message) => {
    const error = `${message} (--help shows examples)\n`

    expect(bench(...args.split(' '))).toEqual({ code: 2, out: '', error })
  })

  it('says with --help what each word and each option is for, on one screen', () => {
    const { code, out } = bench('--help')

    expect(code).toBe(0)
    expect(out.split('\n').length).toBeLessThanOrEqual(24)
    for (const word of ['counts', 'cpu', 'requests', 'scale', 'plan', '--check', '--against']) {
      expect(out).toContain(`  ${word} `)
    }
  })

  it('plans with the mix that it was given', () => {
    const { code, out } = bench('plan', '--mix', '100,0,0,0')

    expect(code).toBe(0)
    expect(out).toContain('Of 100 requests, 100 associate anew, 0 repeat an association')
  })

  it('fails with --check naming what is beyond its budget, with the bound', () => {
    const judged = [held('rows read', 9, { max: 3 }), held('ratio', 1, { min: 0.95 })]
    const message = 'Beyond the budget:\n  rows read: 9, may be at most 3'

    expect(() => requireKept(judged)).toThrow(message)
  })
})

describe('the plan', () => {
  const tables = plan.tablesOf()

  it('is what docs/scaling.md shows', () => {
    for (const { part, text } of tables) expect(readPart(part)).toBe(text)
  })

  it('has the dollars of README.md, and the dollars and waits that docs/performance.md begins with', () => {
    const [costs, waits] = tables.map(({ text }) => text)
    const [first = ''] = readFileSync('docs/performance.md', 'utf8').split('- **On a laptop**')
    const dollars = first.match(/\$\d+\.\d+/g) ?? []
    const places = [...first.matchAll(/in\s+([A-Z]\w+)\s+(\d+)/g)]

    const ofReadme = readFileSync('README.md', 'utf8').match(/\$\d+\.\d+/g) ?? []

    expect([dollars.length, ofReadme.length]).toEqual([4, 2])
    for (const figure of [...dollars, ...ofReadme]) expect(costs).toContain(figure)
    expect(places).toHaveLength(4)
    for (const [, place, ms] of places) {
      expect(waits).toMatch(new RegExp(`\\| ${place} .* ${ms} / `))
    }
  })

  // 15 million requests of 7 ms; 100 million of 7 ms; 75 GB and 20 GB-months.
  it.each([
    ['requests', 15e6, 1.5],
    ['CPU ms', 15e6 * 7, 1.5],
    ['requests', 100e6, 27],
    ['CPU ms', 100e6 * 7, 13.4],
    ['GB of logs, taken in', 75, 6.25],
    ['GB of logs, kept 7 days', 20, 0.8],
  ])('charges %s beyond the included, as in Cloudflare’s own examples', (meter, used, dollars) => {
    const prices = plan.PRICES.filter((price) => price.meter === meter)

    expect(prices.map((price) => plan.dollarsOf(price, used))).toEqual([expect.closeTo(dollars)])
  })

  it('ends databases by time once requests are more than the turning point for what is stored', () => {
    const associations = 100 * plan.ASSOCIATIONS_PER_DATABASE
    const at = (share: number) => {
      const requests = associations * plan.turningPoint(plan.DEFAULT_MIX) * share
      return plan.databasesFor({ associations, requests, mix: plan.DEFAULT_MIX })
    }

    expect(at(0.9).byRequests).toBeLessThan(at(0.9).bySize)
    expect(at(1.1).byRequests).toBeGreaterThan(at(1.1).bySize)
    expect(at(1.1).byWrites).toBeLessThan(at(1.1).byRequests)
  })

  it.each(plan.REGION_NAMES)('orders the waits of each city, with the primary in %s', (primary) => {
    for (const city of plan.CITIES) {
      const times = plan.waitsOf(city, primary)
      const of = (wait: string) => times[wait]?.p50 ?? Number.NaN

      expect(of('edge: refused')).toBeLessThan(of('edge: read, nearest copy'))
      expect(of('edge: read, nearest copy')).toBeLessThanOrEqual(of('edge: write'))
      expect(of('edge: refused')).toBeLessThanOrEqual(of('server: refused'))
      expect(of('server: refused')).toBeLessThan(of('server: read, write'))
    }
  })
})
