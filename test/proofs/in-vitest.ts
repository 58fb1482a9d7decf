// The proofs that are test files, at full size, with their figures printed last.
import { type Reporter, startVitest, type TestModule } from 'vitest/node'
import { parseOptions } from '../../tools/lib/command-line.ts'
import { printSeed, seedOption } from '../lib/options.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

const worker = (...names: string[]) => names.map((name) => `test/worker/${name}.test.ts`)

/** Without files, all tests of the project run. */
const proofs = {
  faults: { project: 'worker', files: worker('fault-points', 'database-faults', 'sweep') },
  strangers: {
    project: 'worker',
    files: worker('token-refusals', 'forged-tokens', 'token-grid', 'isolation', 'remote-keys'),
  },
  fuzz: { project: 'worker', files: worker('fuzz', 'hostile-body', 'request-body') },
  clients: { project: 'clients', files: [] },
  browser: { project: 'browser', files: [] },
}

export async function runInVitest(name: keyof typeof proofs, args: string[]): Promise<void> {
  const { project, files } = proofs[name]
  if (project === 'worker') {
    const { values } = parseOptions(args, seedOption)
    process.env['PROOF_SEED'] = String(printSeed(values.seed))
    process.env['PROOF_SIZE'] = 'whole'
  } else {
    parseOptions(args, {})
  }
  const reporters = ['default', figuresReporter]
  const vitest = await startVitest('test', files, { project: [project], watch: false, reporters })
  await vitest.close()
}

/** Prints the lines that the tests have left in `task.meta`, after everything else. */
const figuresReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const figures = modules.flatMap(({ children }) =>
      [...children.allTests()].flatMap((test) => test.meta().figures ?? []),
    )
    process.stdout.write(`\n${figures.map((line) => `${line}\n`).join('')}`)
  },
}
