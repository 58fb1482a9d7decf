// npm run bench: what the built Worker takes, beside the least that a Worker could do.
import { buildWorker } from '../test/proofs/built-worker.ts'
import { badArgument, parseOptions, run } from '../tools/lib/command-line.ts'
import { endProgress, showProgress, wholeNumber } from '../tools/lib/options.ts'
import { checkNotStopped, stopAll, stopAllAtTheEnd } from '../tools/lib/processes.ts'
import { budgetTable, requireKept } from './budgets.ts'
import { measureCounts } from './counts.ts'
import { measureCpu, otherBundle } from './cpu.ts'
import { type Outcome, writeParts } from './figures.ts'
import { costs, DEFAULT_MIX, mixFrom } from './plan-costs.ts'
import { REGION_NAMES } from './plan-round-trips.ts'
import { DEFAULT_PRIMARY, regionFrom, waits } from './plan-waits.ts'
import { measureRequests } from './requests.ts'
import { scaleOutcome } from './scale.ts'

const WORDS = ['counts', 'cpu', 'requests', 'scale', 'plan'] as const
type Word = (typeof WORDS)[number]

const USAGE = `Measures the built Worker beside the least that a Worker could do, and plans with the figures.

  npm run bench [-- <options>]          counts, cpu and requests (7 min)
  npm run bench <word> [-- <options>]   one of:

  counts     weight of the bundle, module load, rows read and written, bytes an association (1 min)
  cpu        CPU of a repeated association above a Hono hello, without D1, beside the least Worker
  requests   requests a second beside a floor over the same D1
  scale      rows and time at 10 thousand, 1 million and 10 million associations (7 min, 4 GB)
  plan       what a month costs, and how long shoppers on six continents wait; measures nothing

  --check      Fails if a figure is beyond its budget in bench/budgets.ts
  --write      Puts the tables into docs/performance.md or docs/scaling.md
  --rounds     cpu, requests: how often each is measured (default: 7)
  --seconds    requests: how long one measurement lasts (default: 2)
  --against    cpu: another build in the same rounds, as its app.js or the directory of it; in another
               checkout: npx wrangler deploy --dry-run --outdir <directory>
  --sizes      scale: associations, ascending (default: 10000,1000000,10000000)
  --requests   scale: requests of each kind at each size (default: 300)
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
  sizes: ['scale'],
  requests: ['scale'],
  mix: ['plan'],
  primary: ['plan'],
}
/** The pages show the defaults of these. */
const NOT_WRITTEN = ['against', 'sizes', 'mix', 'primary']
/** From a size with rows of every kind to the size that fills a D1. */
const SIZE = { min: 1_000, max: 30_000_000 }

await run(async () => {
  const { values, positionals } = parseOptions(
    process.argv.slice(2),
    {
      check: { type: 'boolean' },
      write: { type: 'boolean' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      against: { type: 'string' },
      sizes: { type: 'string' },
      requests: { type: 'string' },
      mix: { type: 'string' },
      primary: { type: 'string' },
      help: { type: 'boolean' },
    },
    { allowPositionals: true },
  )
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const words = wordsIn(positionals)
  checkOptions(Object.keys(values), words)
  const outcomes = words.includes('plan')
    ? [planFrom(values)]
    : await measureAll(words, settingsFrom(values))
  const parts = outcomes.flatMap(({ parts }) => Object.values(parts))
  process.stdout.write(parts.join('\n'))
  if (values.write) for (const { parts } of outcomes) writeParts(parts)
  if (!values.check) return
  const judged = outcomes.flatMap((outcome) => outcome.judged)
  process.stdout.write(`\n${budgetTable(judged)}`)
  requireKept(judged)
})

/** What the options say, as texts. */
type Values = Partial<Record<'rounds' | 'seconds' | 'against' | 'sizes' | 'requests', string>>

/** @throws CommandError naming the option that is malformed */
function settingsFrom({ rounds = '7', seconds = '2', requests = '300', ...values }: Values) {
  return {
    rounds: wholeNumber('--rounds', rounds, { min: 1, max: 100 }),
    seconds: wholeNumber('--seconds', seconds, { min: 1, max: 60 }),
    requests: wholeNumber('--requests', requests, { min: 1, max: 100_000 }),
    sizes: sizesFrom(values.sizes ?? '10000,1000000,10000000'),
    against: values.against === undefined ? undefined : otherBundle(values.against),
    progress: showProgress,
  }
}

async function measureAll(
  words: readonly Word[],
  settings: ReturnType<typeof settingsFrom>,
): Promise<Outcome[]> {
  stopAllAtTheEnd()
  try {
    settings.progress('Building the Worker')
    const worker = await buildWorker('bench')
    const outcomes: Outcome[] = []
    if (words.includes('counts')) outcomes.push(await measureCounts(worker, settings.progress))
    if (words.includes('cpu')) outcomes.push(await measureCpu(worker, settings))
    if (words.includes('requests')) outcomes.push(await measureRequests(worker, settings))
    if (words.includes('scale')) outcomes.push(await scaleOutcome(worker, settings))
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

function planFrom({ mix, primary }: Partial<Record<'mix' | 'primary', string>>): Outcome {
  const region = primary === undefined ? DEFAULT_PRIMARY : regionFrom(primary)
  const load = mix === undefined ? DEFAULT_MIX : mixFrom(mix)
  return { parts: { costs: costs(load), waits: waits(region) }, judged: [] }
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
      throw badArgument(
        `--${option} is for ${OPTIONS[option]?.join(' and ')}, not ${words.join(', ')}`,
      )
    }
    if (options.includes('write') && NOT_WRITTEN.includes(option)) {
      throw badArgument(`--write is for the defaults: leave out --${option}`)
    }
  }
}

/** @throws CommandError if they are no sizes, or do not ascend */
function sizesFrom(text: string): number[] {
  const sizes = text.split(',').map((each) => wholeNumber('Each of --sizes', each, SIZE))
  if (sizes.every((size, index) => size > (sizes[index - 1] ?? 0))) return sizes
  throw badArgument(`--sizes must ascend, not ${JSON.stringify(text)}`)
}
