// npm run test:faults, test:strangers, test:fuzz: a proof of the Worker at full size, its figures last.
import { startVitest } from 'vitest/node'
import { parseOptions, run } from '../../tools/lib/command-line.ts'
import { seedFrom } from '../../tools/lib/options.ts'
import { FiguresReporter } from './figures.ts'

const USAGE = `Runs one proof at full size; npm test runs a share of it.

  npm run test:NAME -- [--seed <number>]

  --seed  Repeats the run that printed this seed (default: another each time)
`

await run(async () => {
  const { values, positionals } = parseOptions(
    process.argv.slice(2),
    { seed: { type: 'string' }, help: { type: 'boolean' } },
    { allowPositionals: true },
  )
  if (values.help) {
    process.stdout.write(USAGE)
    return
  }
  process.env['PROOF_SEED'] = String(seedFrom(values.seed))
  const vitest = await startVitest('test', positionals, {
    project: ['worker'],
    watch: false,
    reporters: ['default', new FiguresReporter()],
  })
  await vitest.close()
})
