// npm run prove mutants: breaks the Worker in one place at a time, and counts what tests notice.
import type { ChildProcess } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Instrumenter } from '@stryker-mutator/instrumenter'
import * as v from 'valibot'
import { badArgument, CommandError, parseOptions, styled } from '../../tools/lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../../tools/lib/directories.ts'
import { checkNotStopped, kill, startNode } from '../../tools/lib/processes.ts'
import { printSeed, seedOption, wholeNumber } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { rules } from './mutants/rules.ts'

/** The files that Stryker changes: they decide who is let in, and what is written and read. */
const DECIDES = [
  'src/{tokens,storage}/*.ts',
  'src/request/{accounts,basic,caller,client,path,preconditions}.ts',
]
const WANTED_PERCENT = 90
const CHANGE_CHARACTERS = 100
const PROCESSES = 2
/** How long a process may go without finishing a test. */
const TIMEOUT_MS = 60_000

/** The source of one file with one change. */
interface Mutant {
  /** The path from the root of the project. */
  file: string
  /** Counted from 1. */
  line: number
  /** A description in one line. */
  change: string
  madeBy: 'contract' | 'stryker'
  /** The whole changed file; `undefined` for the unchanged file. */
  source: string | undefined
}

/** Whether a test noticed the mutant: `timeout` counts like `killed`. */
interface Tried extends Mutant {
  outcome: 'killed' | 'timeout' | 'survived'
}

/** The message of a process: a test has ended, or the outcome of the mutant. */
export const message = v.picklist(['test', 'killed', 'survived'])

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
  const wanted = (await allMutants()).filter(
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

async function allMutants(): Promise<Mutant[]> {
  const read = (file: string) => readFileSync(path.join(projectRoot, file), 'utf8')
  const files = globSync(DECIDES, { cwd: projectRoot }).toSorted()
  return [
    ...Object.entries(rules).flatMap(([file, ofFile]) =>
      ofFile.map((rule) => broken(file, read(file), ...rule)),
    ),
    ...(await madeByStryker(new Map(files.map((file) => [file, read(file)] as const)))),
  ]
}

/** @throws CommandError naming a rule whose text does not occur exactly once in its file */
function broken(
  file: string,
  source: string,
  ...[section, sentence, find, replace]: (typeof rules)[string][number]
): Mutant {
  const [before = '', after, ...others] = source.split(find)
  const change = `contract ${section}: ${sentence}`
  if (after === undefined || others.length > 0) {
    throw new CommandError(`${file} must have ${find} once, to break ${change}`)
  }
  const line = before.split('\n').length
  return { file, line, change, madeBy: 'contract', source: before + replace + after }
}

async function madeByStryker(sources: ReadonlyMap<string, string>): Promise<Mutant[]> {
  const files = [...sources].map(([name, content]) => ({ name, content, mutate: true }))
  const options = { plugins: null, excludedMutations: [], ignorers: [] }
  const { mutants } = await new Instrumenter(silent).instrument(files, options)
  return mutants.map(({ fileName, location: { start, end }, replacement }) => {
    const source = sources.get(fileName) ?? ''
    const from = offsetOf(source, start)
    const to = offsetOf(source, end)
    return {
      file: fileName,
      line: start.line + 1,
      change: `${source.slice(from, to)} → ${replacement}`.replace(/\s+/g, ' '),
      madeBy: 'stryker',
      source: source.slice(0, from) + replacement + source.slice(to),
    }
  })
}

/** Returns the offset of a line and a column, both counted from 0. */
function offsetOf(source: string, { line, column }: { line: number; column: number }): number {
  return source.split('\n').slice(0, line).join('\n').length + (line === 0 ? 0 : 1) + column
}

const nothing = () => undefined
const no = () => false

/** Silences Stryker's progress; `prove` shows its own. */
const silent = {
  isTraceEnabled: no,
  isDebugEnabled: no,
  isInfoEnabled: no,
  isWarnEnabled: no,
  isErrorEnabled: no,
  isFatalEnabled: no,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
}
