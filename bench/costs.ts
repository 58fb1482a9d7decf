// npm run bench:costs: what a month costs, by published prices and measured operations.

import { badArgument, parseOptions, run } from '../tools/lib/command-line.ts'
import { wholeNumber } from '../tools/lib/options.ts'
import { ASSUMED, type Mix } from './cost-model.ts'
import { costReport, DEFAULT_MIX } from './cost-report.ts'
import { writePart } from './pages.ts'

const DEFAULT_MIX_TEXT = Object.values(DEFAULT_MIX).join(',')
const MIX_RULE = 'four whole numbers that add up to 100: new, repeated, list, refused'

const USAGE = `Calculates the monthly bill of Workers and D1, and the databases needed, for 1 million, 100 million
and 10 billion associations and as many requests, and prints its tables as Markdown.

  npm run bench:costs -- [--mix <new,repeated,list,refused>] [--peak <number>] [--write]

  --mix    Of 100 requests (default: ${DEFAULT_MIX_TEXT})
  --peak   The busiest second against the average one (default: ${ASSUMED.peak})
  --write  Puts what it prints into docs/scaling.md; without other options
`

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    mix: { type: 'string', default: DEFAULT_MIX_TEXT },
    peak: { type: 'string', default: String(ASSUMED.peak) },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const mix = mixFrom(values.mix)
  const peak = wholeNumber('--peak', values.peak, { min: 1, max: 10_000 })
  const report = costReport(mix, peak)
  if (values.write && report !== costReport(DEFAULT_MIX, ASSUMED.peak)) {
    throw badArgument('--write goes with no other option: the page shows the defaults')
  }
  process.stdout.write(report)
  if (values.write) writePart('bench:costs', report)
})

/** @throws CommandError where it is no mix of 100 requests */
function mixFrom(text: string): Mix {
  const parts = text.split(',').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : Number.NaN))
  const [fresh, repeated, list, refused, ...more] = parts
  const isWhole = parts.reduce((total, part) => total + part, 0) === 100
  if (
    fresh === undefined ||
    repeated === undefined ||
    list === undefined ||
    refused === undefined ||
    more.length > 0 ||
    !isWhole
  ) {
    throw badArgument(`--mix must be ${MIX_RULE}, not ${JSON.stringify(text)}`)
  }
  return { new: fresh, repeated, list, refused }
}
