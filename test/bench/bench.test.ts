import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { held, requireKept } from '../../bench/figures.ts'
import { costs, DEFAULT_MIX } from '../../bench/plan-costs.ts'
import { DEFAULT_PRIMARY, REGION_NAMES, waits } from '../../bench/plan-waits.ts'
import { finished } from '../tools/finished.ts'

const MIX_RULE = 'four whole numbers that add up to 100: new, repeated, list, refused'

describe('npm run bench', () => {
  it.each([
    ['swim', 'Name one of counts, cpu, requests, scale, plan, or none, not "swim"'],
    ['counts --against src', '--against is for cpu, not counts'],
    ['cpu --against src', '--against must name a built Worker, app.js or its directory, not "src"'],
    ['cpu --rounds 1.5', '--rounds must be a whole number from 1 to 100, not "1.5"'],
    ['plan --mix 1,70,25,5', `--mix must be ${MIX_RULE}, not "1,70,25,5"`],
    ['plan --primary sa', `--primary must be one of ${REGION_NAMES.join(', ')}, not "sa"`],
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

  it('prints the dollars of README.md, and the dollars and waits that docs/performance.md begins with', () => {
    const [first = ''] = readFileSync('docs/performance.md', 'utf8').split('- **On a laptop**')
    const dollars = first.match(/\$\d+\.\d+/g) ?? []
    const places = [...first.matchAll(/in\s+([A-Z]\w+)\s+(\d+)/g)]

    const ofReadme = readFileSync('README.md', 'utf8').match(/\$\d+\.\d+/g) ?? []

    expect([dollars.length, ofReadme.length]).toEqual([4, 2])
    for (const figure of [...dollars, ...ofReadme]) expect(costs(DEFAULT_MIX)).toContain(figure)
    expect(places).toHaveLength(4)
    for (const [, place, ms] of places) {
      expect(waits(DEFAULT_PRIMARY)).toMatch(new RegExp(`\\| ${place} .* ${ms} / `))
    }
  })

  it('fails with --check naming what is beyond its budget, with the bound', () => {
    const judged = [held('rows read', 9, { max: 3 }), held('ratio', 1, { min: 0.95 })]

    expect(() => requireKept(judged)).toThrow(
      'Beyond the budget:\n  rows read: 9, may be at most 3',
    )
  })
})

function bench(...args: string[]) {
  return finished(path.join('..', 'bench', 'bench.ts'), args, process.cwd())
}
