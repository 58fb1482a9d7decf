// npm run prove mutants: breaks the Worker in one place at a time, and counts what tests notice.
import { badArgument, CommandError, parseOptions, styled } from '../../tools/lib/command-line.ts'
import { projectRoot } from '../../tools/lib/directories.ts'
import { printSeed, seedOption, wholeNumber } from '../lib/options.ts'
import { seededRandom } from '../lib/random.ts'
import { allMutants } from './mutants/all.ts'
import { type Tried, tryEach } from './mutants/try-each.ts'

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
