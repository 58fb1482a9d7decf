import { describe, expect, it } from 'vitest'
import { type BarChart, barChart, lineChart } from '../../bench/chart.ts'

const bars: BarChart = {
  title: 'Time',
  subtitle: 'Median',
  unit: 'ms',
  groups: [
    { label: 'Lagos', bars: [{ label: 'read', value: 20, low: 10, high: 40 }] },
    { label: 'Tokyo', bars: [{ label: 'read', value: 40 }] },
  ],
}

const lines = { title: 'Time', subtitle: 'Median', xLabel: 'rows', yLabel: 'ms' }

describe('a bar chart', () => {
  it('is an image with a title, on opaque light paper, and runs nothing', () => {
    const svg = barChart(bars)

    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" role="img" width="760"/)
    expect(svg).toContain('<title>Time</title>')
    expect(svg).toContain('<rect width="100%" height="100%" rx="6" fill="#ffffff"/>')
    expect(svg).not.toMatch(/<script|href|on\w+=/)
  })

  it('draws bars in proportion to their values', () => {
    const [lagos, tokyo] = barWidths(barChart(bars))

    expect((tokyo ?? 0) / (lagos ?? 1)).toBeCloseTo(2, 1)
  })

  it('draws a whisker from the lowest to the highest, and none without a spread', () => {
    const svg = barChart(bars)

    expect(svg.match(/<rect[^>]*height="11"[^>]*\/><line/g)).toHaveLength(1)
  })

  it('has one colour and one place in the legend for what has the same label', () => {
    const svg = barChart(bars)

    expect(svg.match(/>read</g)).toHaveLength(1)
    expect(new Set(svg.match(/height="11" fill="[^"]+"/g)).size).toBe(1)
  })

  it('escapes what it is given', () => {
    const svg = barChart({ ...bars, title: 'a < b & "c"', unit: '<script>' })

    expect(svg).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>')
    expect(svg).not.toContain('<script>')
  })

  it('wraps what is too long, and grows with what it shows', () => {
    const long = 'a title of many words '.repeat(8).trim()

    const svg = barChart({ ...bars, title: long })

    expect(svg.match(/font-weight="bold"/g)?.length).toBeGreaterThan(1)
    expect(heightOf(svg)).toBeGreaterThan(heightOf(barChart(bars)))
    expect(
      heightOf(barChart({ ...bars, groups: [...bars.groups, ...bars.groups] })),
    ).toBeGreaterThan(heightOf(barChart(bars)))
  })

  it('keeps everything inside the picture', () => {
    const places = [...barChart(bars).matchAll(/ (?:x|x1|x2)="([\d.-]+)"/g)].map(([, x]) =>
      Number(x),
    )

    expect(Math.min(...places)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...places)).toBeLessThanOrEqual(760)
  })

  it('puts a long legend on several lines', () => {
    const groups = [
      {
        label: 'all',
        bars: ['one', 'two', 'three', 'four', 'five'].map((number) => ({
          label: `a long label, number ${number}`,
          value: 1,
        })),
      },
    ]

    const svg = barChart({ ...bars, groups })

    const squares = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="12"/g)]
    expect(squares).toHaveLength(5)
    expect(new Set(squares.map(([, , y]) => y)).size).toBeGreaterThan(1)
    expect(Math.max(...squares.map(([, x]) => Number(x)))).toBeLessThan(700)
  })

  it('refuses more labels than colours, and bars below 0', () => {
    const many = Array.from({ length: 8 }, (_, index) => ({ label: `label ${index}`, value: 1 }))

    expect(() => barChart({ ...bars, groups: [{ label: 'all', bars: many }] })).toThrow(
      'at most 7 labels',
    )
    expect(() =>
      barChart({ ...bars, groups: [{ label: 'all', bars: [{ label: 'read', value: -1 }] }] }),
    ).toThrow('A bar starts at 0')
  })
})

describe('a line chart', () => {
  it('gives each power of ten the same distance', () => {
    const points = [1, 10, 100, 1000].map((x) => ({ x, y: 1 }))

    const [a = 0, b = 0, c = 0, d = 0] = circles(
      lineChart({ ...lines, series: [{ label: 'p50', points }] }),
    )

    expect(b - a).toBeCloseTo(c - b, 0)
    expect(c - b).toBeCloseTo(d - c, 0)
  })

  it('shows one point in a whole decade', () => {
    const svg = lineChart({ ...lines, series: [{ label: 'p50', points: [{ x: 10, y: 0 }] }] })

    expect(circles(svg)).toHaveLength(1)
    expect(svg).not.toContain('NaN')
  })

  it('refuses 0 on its logarithmic axis, and series without points', () => {
    const series = (points: { x: number; y: number }[]) => [{ label: 'p50', points }]

    expect(() => lineChart({ ...lines, series: series([{ x: 0, y: 1 }]) })).toThrow(
      'no place for 0',
    )
    expect(() => lineChart({ ...lines, series: series([]) })).toThrow('A line needs points')
  })
})

function barWidths(svg: string): number[] {
  return [...svg.matchAll(/width="([\d.]+)" height="11"/g)].map(([, width]) => Number(width))
}

function circles(svg: string): number[] {
  return [...svg.matchAll(/cx="([\d.]+)"/g)].map(([, x]) => Number(x))
}

function heightOf(svg: string): number {
  return Number(/ height="([\d.]+)"/.exec(svg)?.[1])
}
