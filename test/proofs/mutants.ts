// npm run prove mutants: breaks the Worker in one place at a time, and counts what tests notice.

import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import * as v from 'valibot'
import { badArgument, CommandError, parseOptions, styled } from '../../tools/lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { checkNotStopped, kill, startNode } from '../../tools/lib/processes.ts'
import { printSeed, seedOption, wholeNumber } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { allMutants, type Mutant } from './mutants/all.ts'

const WANTED_PERCENT = 90
const CHANGE_CHARACTERS = 100

/** @throws CommandError if no test notices a broken rule, or too few notice the other mutants */
export async function mutants(args: string[]): Promise<void> {
  const { values } = parseOptions(args, {
    ...seedOption,
    file: { type: 'string' },
    sample: { type: 'string', default: '100' },
    'made-by': { type: 'string' },
  })
  const percent = wholeNumber('--sample', values.sample, { min: 1, max: 100 })
  const random = seededRandom(printSeed(values.seed))
  const { file = '', 'made-by': maker = '' } = values
  const wanted = (await allMutants(projectRoot)).filter(
    (mutant) => [mutant.file, ''].includes(file) && [mutant.madeBy, ''].includes(maker),
  )
  if (wanted.length === 0) throw badArgument('There are no such mutants')
  const sample = random.shuffle(wanted).slice(0, Math.ceil((wanted.length * percent) / 100))
  await requirePassingTests()
  let count = 0
  const tried = await tryEach(sample, (mutant) => {
    count += 1
    process.stdout.write(`${count}/${sample.length} ${lineOf(mutant)}\n`)
  })
  report(tried)
}

/** Runs the tests without a mutant: if they fail anyway, they notice nothing. */
async function requirePassingTests(): Promise<void> {
  process.stdout.write('Without a mutant\n')
  const unchanged = { line: 1, change: 'nothing', madeBy: 'contract', source: undefined } as const
  const [tried] = await tryEach([{ file: 'src/app.ts', ...unchanged }], () => undefined)
  if (tried?.outcome !== 'survived') throw new CommandError('Tests fail without a mutant')
}

function report(tried: readonly Tried[]): void {
  const survivors = tried.filter(({ outcome }) => outcome === 'survived')
  const files = Object.entries(Object.groupBy(tried, ({ file }) => file)).toSorted()
  const lines = [
    ...survivors.map(lineOf),
    '',
    ...files.map(([file, mutants = []]) => `${file}: ${figures(mutants)}`),
    `mutants: ${figures(tried)}`,
  ]
  process.stdout.write(`\n${lines.join('\n')}\n`)
  const unnoticed = survivors.find(({ madeBy }) => madeBy === 'contract')
  if (unnoticed !== undefined) throw new CommandError(`No test holds ${unnoticed.change}`)
  if (noticedPercent(tried) < WANTED_PERCENT) {
    throw new CommandError(`Tests notice fewer than ${WANTED_PERCENT} % of the mutants`)
  }
}

function lineOf({ outcome, file, line, change }: Tried): string {
  const short =
    change.length > CHANGE_CHARACTERS ? `${change.slice(0, CHANGE_CHARACTERS)}…` : change
  return `${styled(outcome === 'survived' ? 'red' : 'green', outcome)} ${file}:${line} ${short}`
}

function figures(tried: readonly Tried[]): string {
  const by = (wanted: Tried['outcome']) => tried.filter(({ outcome }) => outcome === wanted).length
  return `${tried.length} mutants, ${by('killed')} killed, ${by('timeout')} timed out, ${by('survived')} survived: ${noticedPercent(tried).toFixed(1)} %`
}

function noticedPercent(tried: readonly Tried[]): number {
  return (tried.filter(({ outcome }) => outcome !== 'survived').length * 100) / tried.length
}

const PROCESSES = 2
/** How long a process may go without finishing a test. */
const TIMEOUT_MS = 60_000

/** Whether a test noticed the mutant: `timeout` counts like `killed`. */
interface Tried extends Mutant {
  outcome: 'killed' | 'timeout' | 'survived'
}

/** The message of a process: a test has ended, or the outcome of the mutant. */
export const message = v.picklist(['test', 'killed', 'survived'])

/** Tries mutants in processes that outlive them. */
async function tryEach(
  mutants: readonly Mutant[],
  decided: (tried: Tried) => void,
): Promise<Tried[]> {
  const directory = temporaryDirectory('mutants')
  const tried: Tried[] = []
  const queue = mutants.values()
  const turns = Array.from({ length: PROCESSES }, async () => {
    let child: ChildProcess | undefined
    for (const mutant of queue) {
      child ??= startProcess(directory)
      const outcome = await tryOne(child, mutant)
      checkNotStopped()
      // A mutant that never ends, or that breaks vitest itself, takes its process with it.
      if (outcome === 'timeout') kill(child)
      if (outcome === 'timeout' || child.exitCode !== null) child = undefined
      tried.push({ ...mutant, outcome })
      decided({ ...mutant, outcome })
    }
    if (child !== undefined) kill(child)
  })
  await Promise.all(turns)
  return tried
}

function startProcess(directory: string): ChildProcess {
  const script = path.join(import.meta.dirname, 'mutants/process.ts')
  // Killed vitest and Miniflare leave files behind; they are removed with the directory.
  const env = { TMPDIR: directory, CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  return startNode(['--', script], env, projectRoot, ['ignore', 'ignore', 'ignore', 'ipc'])
}

async function tryOne(child: ChildProcess, { file, source }: Mutant): Promise<Tried['outcome']> {
  const decided = Promise.withResolvers<Tried['outcome']>()
  const timer = setTimeout(() => decided.resolve('timeout'), TIMEOUT_MS)
  const listen = (sent: unknown) => {
    const reported = v.parse(message, sent)
    if (reported === 'test') timer.refresh()
    else decided.resolve(reported)
  }
  const end = () => decided.resolve('killed')
  child.on('message', listen)
  child.once('exit', end)
  child.send({ file, source })
  const outcome = await decided.promise
  clearTimeout(timer)
  child.off('message', listen)
  child.off('exit', end)
  return outcome
}
