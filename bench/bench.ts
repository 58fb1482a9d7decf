// npm run bench: what the built Worker takes, beside the least that a Worker could do.

import { endProgress, showProgress, wholeNumber } from '../test/lib/options.ts'
import { buildWorker } from '../test/proofs/built-worker.ts'
import { badArgument, command, parseOptions, run } from '../tools/lib/command-line.ts'
import { withProcesses } from '../tools/lib/processes.ts'
import { measureCounts } from './counts.ts'
import { measureCpu, otherBundle } from './cpu.ts'
import { budgetTable, type Outcome, requireKept, writePart } from './figures.ts'
import { DEFAULT_MIX, DEFAULT_PRIMARY, REGION_NAMES, tablesOf } from './plan.ts'
import { measureRequests } from './requests.ts'
import { measureScale } from './scale.ts'

const MEASUREMENTS = {
  counts: measureCounts,
  cpu: measureCpu,
  requests: measureRequests,
  scale: measureScale,
}
const WORDS = [...Object.keys(MEASUREMENTS), 'plan']

const HELP = `Measures the built Worker beside the least that a Worker could do, and plans with the figures.

  npm run bench [-- <options>]          counts, cpu and requests (9 min)
  npm run bench <word> [-- <options>]   one of:

  counts     weight of the bundle, module load, rows read and written
  cpu        CPU of a repeated association beside the least that keeps the promises, without D1
  requests   requests a second beside a floor over the same D1, and with the rate limiters
  scale      rows, bytes and time at 10 thousand, 1 million and 10 million associations (7 min, 4 GB)
  plan       what a month costs, and how long shoppers on six continents wait; measures nothing

  --check      Fails if a figure is beyond its budget in bench/figures.ts
  --write      Puts the tables into docs/performance.md or docs/scaling.md
  --rounds     cpu, requests: how often each is measured (default: 15)
  --seconds    requests: how long one measurement lasts (default: 1)
  --against    cpu: another build in the same rounds, as its app.js or the directory of it; in another
               checkout: npx wrangler deploy --dry-run --outdir <directory>
  --mix        plan: of 100 requests, new,repeated,list,refused (default: ${Object.values(DEFAULT_MIX)})
  --primary    plan: where D1's primary is: ${REGION_NAMES.join(', ')} (default: ${DEFAULT_PRIMARY})
`

/** The words that an option is for. */
const WORDS_OF: Readonly<Record<string, readonly string[]>> = {
  check: Object.keys(MEASUREMENTS),
  write: WORDS,
  rounds: ['cpu', 'requests'],
  seconds: ['requests'],
  against: ['cpu'],
  mix: ['plan'],
  primary: ['plan'],
}
/** The pages show the defaults of these. */
const NOT_WRITTEN = ['against', 'mix', 'primary']

const bench = command(HELP, async (args) => {
  const options = {
    check: { type: 'boolean' },
    write: { type: 'boolean' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    against: { type: 'string' },
    mix: { type: 'string' },
    primary: { type: 'string' },
  } as const
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const words = wordsIn(positionals)
  checkOptions(Object.keys(values), words)
  const { rounds = '15', seconds = '1', against, mix, primary } = values
  const settings = {
    rounds: wholeNumber('--rounds', rounds, { min: 1, max: 100 }),
    seconds: wholeNumber('--seconds', seconds, { min: 1, max: 60 }),
    against: against === undefined ? undefined : otherBundle(against),
  }
  const outcomes = words.includes('plan')
    ? tablesOf(mix, primary)
    : await withProcesses(() => measureAll(words, settings))
  process.stdout.write(outcomes.map(({ text }) => text).join('\n'))
  if (values.write) outcomes.forEach(writePart)
  if (!values.check) return
  const judged = outcomes.flatMap((outcome) => outcome.judged)
  process.stdout.write(`\n${budgetTable(judged)}`)
  requireKept(judged)
})

await run(() => bench(process.argv.slice(2)))

type Settings = Parameters<typeof measureCpu>[1] & Parameters<typeof measureRequests>[1]

async function measureAll(words: readonly string[], settings: Settings): Promise<Outcome[]> {
  showProgress('Building the Worker')
  const worker = await buildWorker('bench')
  const outcomes: Outcome[] = []
  for (const [word, measureOne] of Object.entries(MEASUREMENTS)) {
    if (words.includes(word)) outcomes.push(await measureOne(worker, settings))
  }
  endProgress()
  process.stdout.write('\n')
  return outcomes
}

/** @throws CommandError naming the words */
function wordsIn(given: readonly string[]): readonly string[] {
  if (given.length === 0) return ['counts', 'cpu', 'requests']
  if (given.length === 1 && given.every((word) => WORDS.includes(word))) return given
  const rule = `Name one of ${WORDS.join(', ')}, or none`
  throw badArgument(`${rule}, not ${JSON.stringify(given.join(' '))}`)
}

/** @throws CommandError naming an option that the words do not have */
function checkOptions(options: readonly string[], words: readonly string[]): void {
  for (const option of options) {
    const own = WORDS_OF[option] ?? []
    if (!own.some((word) => words.includes(word))) {
      throw badArgument(`--${option} is for ${own.join(' and ')}, not ${words.join(', ')}`)
    }
    if (options.includes('write') && NOT_WRITTEN.includes(option)) {
      throw badArgument(`--write is for the defaults: leave out --${option}`)
    }
  }
}
