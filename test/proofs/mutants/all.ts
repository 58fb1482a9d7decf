// All mutants: the rules of the contract broken, and expressions changed by Stryker's operators.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Instrumenter } from '@stryker-mutator/instrumenter'
import { CommandError } from '../../../tools/lib/command-line.ts'
import { rules } from './rules.ts'

/** The files that Stryker changes: they decide who is let in, and what is written and read. */
const DECIDES = [
  'src/{tokens,storage}/*.ts',
  'src/request/{accounts,basic,caller,client,path,preconditions}.ts',
]

/** The source of one file with one change. */
export interface Mutant {
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

export async function allMutants(root: string): Promise<Mutant[]> {
  const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
  const files = globSync(DECIDES, { cwd: root }).toSorted()
  return [
    ...rules.map((rule) => broken(rule, read(rule.file))),
    ...(await madeByStryker(new Map(files.map((file) => [file, read(file)] as const)))),
  ]
}

/** @throws CommandError naming a rule whose text does not occur exactly once in its file */
function broken(
  { section, sentence, file, find, replace }: (typeof rules)[number],
  source: string,
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
  ...{ isTraceEnabled: no, isDebugEnabled: no, isInfoEnabled: no },
  ...{ isWarnEnabled: no, isErrorEnabled: no, isFatalEnabled: no },
  ...{ trace: nothing, debug: nothing, info: nothing },
  ...{ warn: nothing, error: nothing, fatal: nothing },
}
