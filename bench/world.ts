// npm run bench:world: how long shoppers on six continents wait, by published round-trip times.
import { writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { badArgument, parseOptions, run } from '../tools/lib/command-line.ts'
import { seedFrom, wholeNumber } from '../tools/lib/options.ts'
import { writePart } from './pages.ts'
import { REGION_NAMES, type Region } from './round-trips.ts'
import { simulate, type World } from './world-model.ts'
import { DEFAULT_WORLD, worldPlot, worldReport } from './world-report.ts'

const PLOT = 'docs/world.svg'
const { primary, seed, samples, workerMs, d1Ms } = DEFAULT_WORLD

const USAGE = `Simulates the requests of shoppers on six continents: at the edge with one D1 primary, and at
one server. It starts from published round-trip times, and prints its tables as Markdown.

  npm run bench:world -- [--primary <region>] [--samples <number>] [--seed <number>]
                         [--worker-ms <number>] [--d1-ms <number>] [--plot <file>] [--write]

  --primary    Where D1's primary is, and the server: ${REGION_NAMES.join(', ')} (default: ${primary})
  --samples    Requests drawn for each city (default: ${samples})
  --seed       The same seed draws the same requests (default: ${seed})
  --worker-ms  Our own time at the Worker (default: ${workerMs})
  --d1-ms      The database's own time (default: ${d1Ms})
  --plot       Writes the plot to this file too
  --write      Puts what it prints into docs/scaling.md, and the plot into ${PLOT}; without other options
`

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    primary: { type: 'string', default: primary },
    samples: { type: 'string', default: String(samples) },
    seed: { type: 'string', default: String(seed) },
    'worker-ms': { type: 'string', default: String(workerMs) },
    'd1-ms': { type: 'string', default: String(d1Ms) },
    plot: { type: 'string' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const world: World = {
    primary: regionFrom(values.primary),
    seed: seedFrom(values.seed),
    samples: wholeNumber('--samples', values.samples, { min: 100, max: 1_000_000 }),
    workerMs: wholeNumber('--worker-ms', values['worker-ms'], { min: 0, max: 10_000 }),
    d1Ms: wholeNumber('--d1-ms', values['d1-ms'], { min: 0, max: 10_000 }),
  }
  if (values.write && !isDeepStrictEqual(world, DEFAULT_WORLD)) {
    throw badArgument('--write goes with no other option: the page shows the defaults')
  }
  const times = simulate(world)
  const report = worldReport(world, times)
  process.stdout.write(report)
  if (values.write) writePart('bench:world', report)
  for (const file of [...(values.write ? [PLOT] : []), ...(values.plot ? [values.plot] : [])]) {
    writeFileSync(file, worldPlot(world, times))
    process.stdout.write(`\nThe plot is in ${file}\n`)
  }
})

/** @throws CommandError where there is no such region */
function regionFrom(text: string): Region {
  const region = REGION_NAMES.find((name) => name === text)
  if (region !== undefined) return region
  throw badArgument(
    `--primary must be one of ${REGION_NAMES.join(', ')}, not ${JSON.stringify(text)}`,
  )
}
