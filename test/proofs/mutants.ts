// npm run test:mutants: breaks the Worker in one place at a time, and counts how often a test notices.
import { badArgument, CommandError, parseOptions, run } from '../../tools/lib/command-line.ts'
import { seedFrom, wholeNumber } from '../../tools/lib/options.ts'
import { stopAllAtTheEnd } from '../../tools/lib/processes.ts'
import { projectRoot } from '../../tools/lib/project-root.ts'
import { allMutants } from './mutants/all.ts'
import type { Mutant } from './mutants/mutant.ts'
import { sampleOf } from './mutants/sample.ts'
import { lineOf, scoreLines, scoreOf } from './mutants/score.ts'
import { tryEach } from './mutants/try-each.ts'

const USAGE = `Breaks the Worker in one place at a time, and counts how often a test notices.

  npm run test:mutants [-- --file <path>] [--sample <percent> [--seed <number>]] [--made-by <name>]

  --file     Mutants of this file alone, as src/tokens/verify.ts
  --sample   Tries this share of the mutants, in per cent (default: 100)
  --seed     Which share (default: 1)
  --made-by  hand: the rules of the contract, bent one by one; stryker: each operator and literal
             (default: both)
`

const WANTED_PERCENT = 90

await run(async () => {
  const { values } = parseOptions(process.argv.slice(2), {
    file: { type: 'string' },
    sample: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    'made-by': { type: 'string' },
    help: { type: 'boolean' },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  stopAllAtTheEnd()
  const percent = wholeNumber('--sample', values.sample, { min: 1, max: 100 })
  const seed = seedFrom(values.seed)
  const { mutants, equivalent } = await allMutants(projectRoot)
  const wanted = mutants.filter(
    ({ file, madeBy }) =>
      file === (values.file ?? file) && madeBy === (values['made-by'] ?? madeBy),
  )
  if (wanted.length === 0) throw badArgument('There are no such mutants')
  const sample = sampleOf(wanted, percent, seed)
  await requirePassingTests(sample)
  let count = 0
  const tried = await tryEach(sample, (mutant) => {
    count += 1
    process.stdout.write(`${count}/${sample.length} ${lineOf(mutant)}\n`)
  })
  process.stdout.write(`\n${scoreLines(tried, equivalent).join('\n')}\n`)
  if (scoreOf(tried) < WANTED_PERCENT) {
    throw new CommandError(`Fewer than ${WANTED_PERCENT} % of the mutants were killed`)
  }
})

/** Where a test fails anyway, no mutant is noticed. */
async function requirePassingTests(mutants: readonly Mutant[]): Promise<void> {
  const names = [...new Set(mutants.flatMap(({ tests }) => tests))]
  const unchanged = names.map((name) => ({
    file: `test/${name}.test.ts`,
    line: 1,
    change: 'nothing',
    text: '',
    madeBy: 'hand' as const,
    source: undefined,
    tests: [name],
  }))
  process.stdout.write(`Without a mutant: ${names.length} test files\n`)
  const tried = await tryEach(unchanged, () => undefined)
  const failing = tried.filter(({ outcome }) => outcome !== 'survived').map(({ file }) => file)
  if (failing.length === 0) return
  throw new CommandError(`Tests fail without a mutant: ${failing.join(', ')}`)
}
