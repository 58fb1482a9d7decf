import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ASSUMED } from '../../bench/cost-model.ts'
import { costReport, DEFAULT_MIX } from '../../bench/cost-report.ts'
import { readPart } from '../../bench/pages.ts'
import { simulate } from '../../bench/world-model.ts'
import { DEFAULT_WORLD, worldPlot, worldReport } from '../../bench/world-report.ts'

describe('docs/scaling.md', () => {
  it('holds exactly what npm run bench:costs prints', () => {
    expect(readPart('bench:costs')).toBe(costReport(DEFAULT_MIX, ASSUMED.peak))
  })

  it('holds exactly what npm run bench:world prints, and its plot', () => {
    const times = simulate(DEFAULT_WORLD)

    expect(readPart('bench:world')).toBe(worldReport(DEFAULT_WORLD, times))
    expect(readFileSync(new URL('../../docs/world.svg', import.meta.url), 'utf8')).toBe(
      worldPlot(DEFAULT_WORLD, times),
    )
  })
})
