// npm run bench: the built Worker beside the floor, what it takes for itself, and whether it keeps
// its budgets.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildWorker } from '../test/proofs/built-worker.ts'
import { badArgument, parseOptions, run } from '../tools/lib/command-line.ts'
import { endProgress, showProgress, wholeNumber } from '../tools/lib/options.ts'
import { checkNotStopped, stopAll, stopAllAtTheEnd } from '../tools/lib/processes.ts'
import { projectRoot } from '../tools/lib/project-root.ts'
import { judge, requireKept } from './budgets.ts'
import { startBoth } from './contestants.ts'
import { count } from './counts.ts'
import { type Figures, PARTS, type Part } from './figures.ts'
import { machine } from './machine.ts'
import { writeMeasured } from './measured.ts'
import { measureOwnCpu } from './own-cpu.ts'
import { writePart } from './pages.ts'
import { startPeers } from './peers/start.ts'
import { plot, report } from './report.ts'
import { runRounds } from './rounds.ts'
import { newShoppers } from './shoppers.ts'

const USAGE = `Measures the built Worker beside the least that a Worker could do over the same D1, in
rounds by turns; what it takes for itself; and what can be counted.

  npm run bench -- [--check] [--json] [--only <part>] [--peers] [--rounds <number>] [--seconds <number>]

  --check    Fails where a figure is beyond its budget in bench/budgets.json
  --json     Prints JSON in place of the tables; progress goes to standard error
  --only     One part: ${PARTS.join(', ')} (default: all of them)
  --peers    Beside the two, in the part requests: Hono on Node with SQLite, and Fastify with PostgreSQL
             where one answers at PGHOST or on this machine
  --rounds   How often each is measured (default: 7)
  --seconds  How long each measurement of requests lasts (default: 2)
  --write    Puts the tables into docs/performance.md, the plot into docs/performance.svg, and what
             npm run bench:costs reckons with into bench/measured.json
`

const SHOPPERS = 100
const PLOT = path.join(projectRoot, 'docs', 'performance.svg')

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    peers: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  const rounds = wholeNumber('--rounds', values.rounds, { min: 1, max: 100 })
  const seconds = wholeNumber('--seconds', values.seconds, { min: 1, max: 60 })
  const parts = values.only === undefined ? PARTS : [partNamed(values.only)]
  if (values.write && parts.length < PARTS.length) {
    throw badArgument('--write is for all parts at once, without --only')
  }
  const { peers } = values
  if (peers && !parts.includes('requests')) {
    throw badArgument('--peers is for the part requests')
  }
  const progress = values.json ? showAside : showProgress
  stopAllAtTheEnd()
  try {
    const figures = await measureAll(parts, { rounds, seconds, peers, progress })
    if (!values.json) endProgress()
    const text = values.json ? `${JSON.stringify(figures, null, 2)}\n` : `\n${report(figures)}`
    process.stdout.write(text)
    if (values.write) {
      writePart('bench', report(figures))
      writeFileSync(PLOT, plot(figures))
      writeMeasured(figures)
      progress('Written: docs/performance.md, docs/performance.svg, bench/measured.json')
    }
    if (values.check) requireKept(judge(figures))
  } catch (error) {
    checkNotStopped()
    throw error
  } finally {
    await stopAll()
  }
})

async function measureAll(
  parts: readonly Part[],
  plan: { rounds: number; seconds: number; peers: boolean; progress: (line: string) => void },
): Promise<Figures> {
  const { progress, rounds, seconds } = plan
  progress('Building the Worker')
  const worker = await buildWorker('bench')
  const figures: Figures = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    rounds,
    seconds,
  }
  if (parts.includes('counts')) figures.counts = await count(worker, progress)
  if (parts.includes('own-cpu')) figures.ownCpu = await measureOwnCpu(worker, plan)
  if (parts.includes('requests')) {
    const shoppers = await newShoppers(worker.settings, SHOPPERS)
    const both = await startBoth(worker)
    const peers = plan.peers ? await startPeers(worker, both, progress) : []
    figures.requests = await runRounds([...both, ...peers], shoppers, plan)
  }
  return figures
}

function partNamed(text: string): Part {
  const part = PARTS.find((each) => each === text)
  if (part !== undefined) return part
  throw badArgument(`--only must be one of ${PARTS.join(', ')}, not ${JSON.stringify(text)}`)
}

function showAside(line: string): void {
  process.stderr.write(`${line}\n`)
}
