// The parts that every plot has: text that fits, a title, a legend, an axis with round numbers.

/** Pixels, the same for every plot: what a README shows without scaling it. */
export const WIDTH = 760
export const MARGIN = 24

/** Okabe and Ito's colours, which the colour-blind tell apart too; without the yellow, which white swallows. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#555555']
export const INK = '#1f2328'
export const GREY = '#59636e'
export const RULE = '#d1d9e0'

const FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
/** Of a character, in ems: wider than most, so that what is estimated fits in every font. */
const CHARACTER_EMS = 0.6

type Anchor = 'start' | 'middle' | 'end'

export interface TextStyle {
  size: number
  fill?: string
  weight?: 'normal' | 'bold'
  anchor?: Anchor
}

/** What stands above the plot, and where the plot begins. */
export interface Header {
  svg: string
  height: number
}

/** Text for an element or an attribute. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** A length as it is written: a tenth of a pixel is enough. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export function textAt(x: number, y: number, text: string, style: TextStyle): string {
  const { size, fill = INK, weight = 'normal', anchor = 'start' } = style
  return `<text x="${px(x)}" y="${px(y)}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${escaped(text)}</text>`
}

export function lineFrom(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="${stroke}"/>`
}

/** An estimate, on the wide side. */
export function widthOf(text: string, size: number): number {
  return text.length * size * CHARACTER_EMS
}

/** The text in lines of at most this width, broken between words; a longer word has a line of its own. */
export function wrapped(text: string, size: number, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && widthOf(longer, size) > width) {
      lines.push(line)
      line = word
    } else {
      line = longer
    }
  }
  return [...lines, line]
}

/** The colour of each label, in the order of their first appearance. */
export function coloursOf(labels: readonly string[]): Map<string, string> {
  const distinct = [...new Set(labels)]
  if (distinct.length > COLOURS.length) {
    throw new Error(`A plot tells at most ${COLOURS.length} labels apart, not ${distinct.length}`)
  }
  return new Map(distinct.map((label, index) => [label, COLOURS[index] ?? INK]))
}

export function headerOf(
  title: string,
  subtitle: string,
  colours: ReadonlyMap<string, string>,
): Header {
  const parts: string[] = []
  const inner = WIDTH - 2 * MARGIN
  let y = MARGIN + 14
  for (const line of wrapped(title, 18, inner)) {
    parts.push(textAt(MARGIN, y, line, { size: 18, weight: 'bold' }))
    y += 24
  }
  for (const line of wrapped(subtitle, 13, inner)) {
    parts.push(textAt(MARGIN, y, line, { size: 13, fill: GREY }))
    y += 18
  }
  y += 6
  let x = MARGIN
  for (const [label, colour] of colours) {
    const width = 20 + widthOf(label, 13)
    if (x > MARGIN && x + width > WIDTH - MARGIN) {
      x = MARGIN
      y += 20
    }
    parts.push(`<rect x="${px(x)}" y="${px(y - 10)}" width="12" height="12" fill="${colour}"/>`)
    parts.push(textAt(x + 18, y, label, { size: 13 }))
    x += width + 16
  }
  return { svg: parts.join('\n'), height: y + 14 }
}

/** The whole picture, on paper of its own: a page may be dark. */
export function picture(title: string, height: number, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${WIDTH}" height="${px(height)}" viewBox="0 0 ${WIDTH} ${px(height)}" font-family="${FONTS}">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="6" fill="#ffffff"/>
${body.join('\n')}
</svg>
`
}

/** Round numbers from 0 up to the first that is not below the largest value, about five of them. */
export function ticksUpTo(largest: number): number[] {
  if (!(largest > 0)) return [0, 1]
  const power = 10 ** Math.floor(Math.log10(largest / 5))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size * 6 >= largest)
  const size = step ?? 10 * power
  return Array.from({ length: Math.ceil(largest / size - 1e-9) + 1 }, (_, index) => index * size)
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** `0.25`, `12`, `1.5K`, `10M`. */
export function shortNumber(value: number): string {
  return short.format(value)
}
