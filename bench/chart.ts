// Plots as SVG: bars in groups, and lines over a logarithmic axis.
import {
  coloursOf,
  GREY,
  headerOf,
  INK,
  lineFrom,
  MARGIN,
  picture,
  px,
  RULE,
  shortNumber,
  textAt,
  ticksUpTo,
  WIDTH,
  widthOf,
  wrapped,
} from './svg.ts'

export interface Bar {
  /** The same in every group for what is the same: it has one colour, and one place in the legend. */
  label: string
  value: number
  low?: number
  high?: number
}

export interface BarGroup {
  label: string
  bars: readonly Bar[]
}

export interface BarChart {
  title: string
  subtitle: string
  /** Of the values, below the axis. */
  unit: string
  groups: readonly BarGroup[]
}

export interface Series {
  label: string
  points: readonly { x: number; y: number }[]
}

export interface LineChart {
  title: string
  subtitle: string
  xLabel: string
  yLabel: string
  series: readonly Series[]
}

const BAR = 13
const GROUP_GAP = 14
const LABEL_SIZE = 13
const LABEL_LINE = 17
const MAX_LABEL_WIDTH = 200
const VALUE_SIZE = 11
/** Beyond the longest bar: a value such as `123.4K` beside its whisker. */
const VALUE_WIDTH = 52

/** Horizontal bars from 0, each with its value, and whiskers from `low` to `high`. */
export function barChart({ title, subtitle, unit, groups }: BarChart): string {
  const bars = groups.flatMap((group) => group.bars)
  if (bars.some((bar) => !(bar.value >= 0))) throw new Error('A bar starts at 0 and ends above it')
  const colours = coloursOf(bars.map((bar) => bar.label))
  const header = headerOf(title, subtitle, colours)
  const widest = Math.max(...groups.map(({ label }) => widthOf(label, LABEL_SIZE)))
  const left = MARGIN + Math.min(widest, MAX_LABEL_WIDTH) + 10
  const right = WIDTH - MARGIN - VALUE_WIDTH
  const ticks = ticksUpTo(Math.max(...bars.map(farEnd)))
  const xOf = (value: number): number => left + ((right - left) * value) / (ticks.at(-1) ?? 1)

  const rows: string[] = []
  const top = header.height
  let y = top + 8
  for (const group of groups) {
    const lines = wrapped(group.label, LABEL_SIZE, MAX_LABEL_WIDTH)
    const height = Math.max(lines.length * LABEL_LINE, group.bars.length * BAR)
    const textTop = y + (height - lines.length * LABEL_LINE) / 2
    for (const [index, line] of lines.entries()) {
      const baseline = textTop + index * LABEL_LINE + LABEL_SIZE
      rows.push(textAt(left - 10, baseline, line, { size: LABEL_SIZE, anchor: 'end' }))
    }
    const barsTop = y + (height - group.bars.length * BAR) / 2
    for (const [index, bar] of group.bars.entries()) {
      rows.push(barAt(barsTop + index * BAR, bar, colours.get(bar.label) ?? INK, xOf))
    }
    y += height + GROUP_GAP
  }
  const bottom = y - GROUP_GAP + 8
  const axis = ticks.flatMap((tick) => [
    lineFrom(xOf(tick), top, xOf(tick), bottom, RULE),
    textAt(xOf(tick), bottom + 16, shortNumber(tick), { size: 12, fill: GREY, anchor: 'middle' }),
  ])
  const unitAt = textAt((left + right) / 2, bottom + 36, unit, {
    size: 12,
    fill: GREY,
    anchor: 'middle',
  })
  return picture(title, bottom + 52, [header.svg, ...axis, ...rows, unitAt])
}

function farEnd({ value, high }: Bar): number {
  return Math.max(value, high ?? value)
}

function barAt(y: number, bar: Bar, colour: string, xOf: (value: number) => number): string {
  const { value, low = value, high = value } = bar
  const middle = y + BAR / 2
  const parts = [
    `<rect x="${px(xOf(0))}" y="${px(y + 1)}" width="${px(xOf(value) - xOf(0))}" height="${BAR - 2}" fill="${colour}"/>`,
  ]
  if (low < high) {
    parts.push(
      lineFrom(xOf(low), middle, xOf(high), middle, INK),
      lineFrom(xOf(low), middle - 3, xOf(low), middle + 3, INK),
      lineFrom(xOf(high), middle - 3, xOf(high), middle + 3, INK),
    )
  }
  const end = Math.max(xOf(value), xOf(high))
  parts.push(textAt(end + 5, middle + 4, shortNumber(value), { size: VALUE_SIZE }))
  return parts.join('')
}

const PLOT_HEIGHT = 300

/** One line a series, with its points; the x axis is logarithmic, the y axis starts at 0. */
export function lineChart({ title, subtitle, xLabel, yLabel, series }: LineChart): string {
  const points = series.flatMap((one) => one.points)
  if (points.length === 0) throw new Error('A line needs points')
  if (points.some(({ x }) => !(x > 0))) throw new Error('A logarithmic axis has no place for 0')
  const colours = coloursOf(series.map(({ label }) => label))
  const header = headerOf(title, subtitle, colours)
  const yTicks = ticksUpTo(Math.max(...points.map(({ y }) => y)))
  const xTicks = powersAround(points.map(({ x }) => x))
  const yWidth = Math.max(...yTicks.map((tick) => widthOf(shortNumber(tick), 12)))
  const left = MARGIN + yWidth + 8
  const right = WIDTH - MARGIN - 16
  // The name of the y axis stands above it, in a line of its own: nobody has to turn the head.
  const top = header.height + 22
  const bottom = top + PLOT_HEIGHT
  const [first = 1, last = 10] = [xTicks.at(0), xTicks.at(-1)]
  const xOf = (x: number): number =>
    left + ((right - left) * Math.log10(x / first)) / Math.log10(last / first)
  const yOf = (y: number): number => bottom - (PLOT_HEIGHT * y) / (yTicks.at(-1) ?? 1)

  const axes = [
    textAt(MARGIN, header.height + 8, yLabel, { size: 12, fill: GREY }),
    ...yTicks.flatMap((tick) => [
      lineFrom(left, yOf(tick), right, yOf(tick), RULE),
      textAt(left - 8, yOf(tick) + 4, shortNumber(tick), { size: 12, fill: GREY, anchor: 'end' }),
    ]),
    ...xTicks.flatMap((tick) => [
      lineFrom(xOf(tick), bottom, xOf(tick), bottom + 5, GREY),
      textAt(xOf(tick), bottom + 19, shortNumber(tick), {
        size: 12,
        fill: GREY,
        anchor: 'middle',
      }),
    ]),
    textAt((left + right) / 2, bottom + 39, xLabel, { size: 12, fill: GREY, anchor: 'middle' }),
  ]
  const lines = series.flatMap(({ label, points }) => {
    const colour = colours.get(label) ?? INK
    const path = points.map(({ x, y }) => `${px(xOf(x))},${px(yOf(y))}`)
    return [
      `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map(
        ({ x, y }) => `<circle cx="${px(xOf(x))}" cy="${px(yOf(y))}" r="3.5" fill="${colour}"/>`,
      ),
    ]
  })
  return picture(title, bottom + 55, [header.svg, ...axes, ...lines])
}

/** The powers of ten from at or below the smallest to at or above the largest, two at least. */
function powersAround(values: readonly number[]): number[] {
  const lowest = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const highest = Math.ceil(Math.log10(Math.max(...values)) - 1e-9)
  const length = Math.max(highest, lowest + 1) - lowest + 1
  return Array.from({ length }, (_, index) => 10 ** (lowest + index))
}
