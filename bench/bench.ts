// npm run bench: what the built Worker takes, beside the least that a Worker could do.

import { endProgress, showProgress, wholeNumber } from '../test/lib/options.ts'
import { buildWorker } from '../test/proofs/built-worker.ts'
import { badArgument, command, parseOptions, run } from '../tools/lib/command-line.ts'
import { checkNotStopped, stopAll, stopAllAtTheEnd } from '../tools/lib/processes.ts'
import { measureCounts } from './counts.ts'
import { measureCpu, otherBundle } from './cpu.ts'
import { budgetTable, type Outcome, requireKept, writeParts } from './figures.ts'
import { costs, DEFAULT_MIX, mixFrom } from './plan-costs.ts'
import { DEFAULT_PRIMARY, placement, REGION_NAMES, regionFrom, waits } from './plan-waits.ts'
import { measureRequests } from './requests.ts'
import { scaleOutcome } from './scale.ts'

const WORDS = ['counts', 'cpu', 'requests', 'scale', 'plan'] as const
type Word = (typeof WORDS)[number]

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
  --mix        plan: of 100 requests, new,repeated,list,refused (default: ${Object.values(DEFAULT_MIX).join(',')})
  --primary    plan: where D1's primary is: ${REGION_NAMES.join(', ')} (default: ${DEFAULT_PRIMARY})
`

/** The words that an option is for. */
const OPTIONS: Readonly<Record<string, readonly Word[]>> = {
  check: ['counts', 'cpu', 'requests', 'scale'],
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
    progress: showProgress,
  }
  const region = primary === undefined ? DEFAULT_PRIMARY : regionFrom(primary)
  const plan = {
    costs: costs(mix === undefined ? DEFAULT_MIX : mixFrom(mix)),
    waits: waits(region),
    placement: placement(region),
  }
  const outcomes = words.includes('plan')
    ? [{ parts: plan, judged: [] }]
    : await measureAll(words, settings)
  const parts = outcomes.flatMap(({ parts }) => Object.values(parts))
  process.stdout.write(parts.join('\n'))
  if (values.write) for (const { parts } of outcomes) writeParts(parts)
  if (!values.check) return
  const judged = outcomes.flatMap((outcome) => outcome.judged)
  process.stdout.write(`\n${budgetTable(judged)}`)
  requireKept(judged)
})

await run(() => bench(process.argv.slice(2)))

async function measureAll(
  words: readonly Word[],
  settings: Parameters<typeof measureCpu>[1] & Parameters<typeof measureRequests>[1],
): Promise<Outcome[]> {
  stopAllAtTheEnd()
  const { progress } = settings
  try {
    progress('Building the Worker')
    const worker = await buildWorker('bench')
    const outcomes: Outcome[] = []
    if (words.includes('counts')) outcomes.push(await measureCounts(worker, progress))
    if (words.includes('cpu')) outcomes.push(await measureCpu(worker, settings))
    if (words.includes('requests')) outcomes.push(await measureRequests(worker, settings))
    if (words.includes('scale')) outcomes.push(await scaleOutcome(worker, progress))
    endProgress()
    process.stdout.write('\n')
    return outcomes
  } catch (error) {
    checkNotStopped()
    throw error
  } finally {
    await stopAll()
  }
}

/** @throws CommandError naming the words */
function wordsIn([word, ...more]: readonly string[]): readonly Word[] {
  if (word === undefined) return ['counts', 'cpu', 'requests']
  const known = WORDS.find((each) => each === word)
  if (known !== undefined && more.length === 0) return [known]
  const found = [word, ...more].join(' ')
  throw badArgument(`Name one of ${WORDS.join(', ')}, or none, not ${JSON.stringify(found)}`)
}

/** @throws CommandError naming an option that the words do not have */
function checkOptions(options: readonly string[], words: readonly Word[]): void {
  for (const option of options) {
    if (!OPTIONS[option]?.some((word) => words.includes(word))) {
      const rule = `--${option} is for ${OPTIONS[option]?.join(' and ')}`
      throw badArgument(`${rule}, not ${words.join(', ')}`)
    }
    if (options.includes('write') && NOT_WRITTEN.includes(option)) {
      throw badArgument(`--write is for the defaults: leave out --${option}`)
    }
  }
}
