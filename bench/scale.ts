// npm run bench:scale: whether the cost of a request grows with the data.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { badArgument, parseOptions, run } from '../tools/lib/command-line.ts'
import { endProgress, showProgress, wholeNumber } from '../tools/lib/options.ts'
import { checkNotStopped, stopAll, stopAllAtTheEnd } from '../tools/lib/processes.ts'
import { projectRoot } from '../tools/lib/project-root.ts'
import { requireKept } from './budgets.ts'
import { machine } from './machine.ts'
import { writePart } from './pages.ts'
import { allJudged, judgeScale } from './scale-budgets.ts'
import { measureScale, type ScalePlan } from './scale-measure.ts'
import { type ScaleFigures, scalePlot, scaleReport } from './scale-report.ts'

const DEFAULT_SIZES = '10000,1000000,10000000'
const DEFAULT_REQUESTS = '300'
/** From a size that has all kinds of rows to one that fills a D1. */
const SIZE = { min: 1_000, max: 30_000_000 }
const PLOT = 'docs/scale.svg'

const USAGE = `Measures what requests cost in a database that grows: rows by D1's count, and time from outside.
10 million associations take 3 GB of the temporary directory, as much memory, and some minutes.

  npm run bench:scale -- [--check] [--json] [--sizes <numbers>] [--requests <number>] [--write]

  --check     Fails where a figure is beyond its budget: key "scale" of bench/budgets.json
  --json      Prints JSON in place of the tables; progress goes to standard error
  --sizes     Associations in the database, ascending (default: ${DEFAULT_SIZES})
  --requests  How many of each kind are measured at each size (default: ${DEFAULT_REQUESTS})
  --write     Puts the tables into docs/performance.md and the plot into ${PLOT}; with the default sizes
`

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    sizes: { type: 'string', default: DEFAULT_SIZES },
    requests: { type: 'string', default: DEFAULT_REQUESTS },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const sizes = sizesFrom(values.sizes)
  const requests = wholeNumber('--requests', values.requests, { min: 1, max: 100_000 })
  if (values.write && values.sizes !== DEFAULT_SIZES) {
    throw badArgument('--write is for the default sizes, without --sizes')
  }
  const progress = values.json ? showAside : showProgress
  stopAllAtTheEnd()
  try {
    const figures = await measure({ sizes, requests, progress })
    if (!values.json) endProgress()
    const text = values.json ? `${JSON.stringify(figures, null, 2)}\n` : `\n${scaleReport(figures)}`
    process.stdout.write(text)
    if (values.write) {
      writePart('bench:scale', scaleReport(figures))
      writeFileSync(path.join(projectRoot, PLOT), scalePlot(figures))
      progress(`Written: docs/performance.md, ${PLOT}`)
    }
    if (values.check) requireKept(allJudged(judgeScale(figures.sizes)))
  } catch (error) {
    checkNotStopped()
    throw error
  } finally {
    await stopAll()
  }
})

async function measure(plan: ScalePlan): Promise<ScaleFigures> {
  const date = new Date().toISOString().slice(0, 10)
  const { requests } = plan
  return { date, machine: machine(), requests, sizes: await measureScale(plan) }
}

/** @throws CommandError where they are no sizes, or do not ascend */
function sizesFrom(text: string): number[] {
  const sizes = text.split(',').map((each) => wholeNumber('Each of --sizes', each, SIZE))
  if (sizes.every((size, index) => size > (sizes[index - 1] ?? 0))) return sizes
  throw badArgument(`--sizes must ascend, not ${JSON.stringify(text)}`)
}

function showAside(line: string): void {
  process.stderr.write(`${line}\n`)
}
