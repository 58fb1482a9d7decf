// What the proofs have measured, printed last.
import type { Reporter, TestModule } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    /** Lines for the person who runs the proof: what was tried, and what was wrong. */
    figures?: string[]
  }
}

/** Prints the figures that the tests have left in `task.meta`, after everything else. */
export class FiguresReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const figures = modules.flatMap(({ children }) =>
      [...children.allTests()].flatMap((test) => test.meta().figures ?? []),
    )
    process.stdout.write(`\n${figures.map((line) => `${line}\n`).join('')}`)
  }
}
