// Tries mutants in processes that live from one mutant to the next, two at a time.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { exitCodeOf, kill, onOutput, startNode } from '../../../tools/lib/processes.ts'
import { projectRoot } from '../../../tools/lib/project-root.ts'
import { temporaryDirectory } from '../../../tools/lib/temporary-directory.ts'
import type { Mutant, Outcome, Tried } from './mutant.ts'

const PROCESSES = 2
/** Without a test that ends, for this long. */
const TIMEOUT_MS = 60_000

/** What a process has to do: the source of each file as changed, and the test files that try it. */
export const jobs = v.array(
  v.object({ file: v.string(), source: v.optional(v.string()), tests: v.array(v.string()) }),
)

/** What a process says, one JSON value a line. */
export const message = v.pipe(v.string(), v.parseJson(), v.picklist(['test', 'killed', 'survived']))

/** Tells of each mutant as it is decided, and of all of them in the order given. */
export async function tryEach(
  mutants: readonly Mutant[],
  tell: (tried: Tried) => void,
): Promise<Tried[]> {
  const directory = temporaryDirectory('mutants')
  const tried: (Tried | undefined)[] = mutants.map(() => undefined)
  const turns = Array.from({ length: PROCESSES }, async (_, turn) => {
    const own = mutants.flatMap((mutant, index) =>
      index % PROCESSES === turn ? [{ mutant, index }] : [],
    )
    let decided = 0
    while (decided < own.length) {
      await tryUntilStuck(
        directory,
        turn,
        own.slice(decided).map(({ mutant }) => mutant),
        (outcome) => {
          const next = own[decided]
          decided += 1
          if (next === undefined) return
          const result = { ...next.mutant, outcome }
          tried[next.index] = result
          tell(result)
        },
      )
    }
  })
  await Promise.all(turns)
  return tried.filter((each) => each !== undefined)
}

/** One process, until all is decided, or until a mutant does not end and its process with it. */
async function tryUntilStuck(
  directory: string,
  turn: number,
  work: readonly Mutant[],
  decide: (outcome: Outcome) => void,
): Promise<void> {
  const list = path.join(directory, `${turn}.json`)
  writeFileSync(list, JSON.stringify(work))
  const script = path.join(import.meta.dirname, 'process.ts')
  // What vitest and Miniflare leave behind when they are killed goes with the directory.
  const env = { TMPDIR: directory, CLOUDFLARE_CF_FETCH_ENABLED: 'false' }
  const child = startNode(['--', script, list], env, projectRoot)
  const closed = once(child, 'close')
  let undecided = work.length
  const stuck = () => {
    if (undecided > 0) decide('timeout')
    undecided = 0
    kill(child)
  }
  let timer = setTimeout(stuck, TIMEOUT_MS)
  let rest = ''
  onOutput(child, (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const { success, output } = v.safeParse(message, line)
      if (!success || undecided === 0) continue
      clearTimeout(timer)
      timer = setTimeout(stuck, TIMEOUT_MS)
      if (output === 'test') continue
      undecided -= 1
      decide(output)
    }
  })
  await exitCodeOf(child)
  await closed
  clearTimeout(timer)
  // It broke down, and a mutant that breaks vitest itself is noticed too.
  if (undecided > 0) decide('killed')
}
