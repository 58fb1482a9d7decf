// All mutants: those that Stryker's operators make of each expression, and those made by hand.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Instrumenter } from '@stryker-mutator/instrumenter'
import { CommandError } from '../../../tools/lib/command-line.ts'
import { testsFor } from './covering-tests.ts'
import { type Equivalent, equivalents } from './equivalent.ts'
import { associations, schema } from './hand-made/associations.ts'
import { applicationKeys, database, session } from './hand-made/database.ts'
import { databases, rendezvous } from './hand-made/databases.ts'
import { erasure } from './hand-made/erasure.ts'
import { clientSecret, issue, refusal } from './hand-made/issue.ts'
import { jwk, keys, trust } from './hand-made/keys.ts'
import { lists } from './hand-made/lists.ts'
import { remoteKeys } from './hand-made/remote-keys.ts'
import { accounts, caller, client, failures, path as requestPath } from './hand-made/request.ts'
import { statement } from './hand-made/statement.ts'
import { verifiedTokens } from './hand-made/verified-tokens.ts'
import { subject, verify } from './hand-made/verify.ts'
import type { HandMadeSet, Mutant } from './mutant.ts'

/** What decides who is let in, and what is written and read. */
const MUTATED = [
  'src/tokens/*.ts',
  'src/storage/*.ts',
  'src/request/accounts.ts',
  'src/request/caller.ts',
  'src/request/client.ts',
  'src/request/failures.ts',
  'src/request/path.ts',
  'src/subject.ts',
]

const HAND_MADE: readonly HandMadeSet[] = [
  ...[verify, subject, verifiedTokens, refusal, clientSecret, issue, jwk, keys, trust, remoteKeys],
  ...[
    associations,
    schema,
    lists,
    statement,
    erasure,
    database,
    databases,
    rendezvous,
    session,
    applicationKeys,
  ],
  ...[caller, client, failures, requestPath, accounts],
]

export interface AllMutants {
  mutants: Mutant[]
  /** Left out of the mutants: no test could tell them from the Worker. */
  equivalent: Mutant[]
}

/** @throws CommandError naming a find text, or an equivalent mutant, that the sources do not have */
export async function allMutants(root: string): Promise<AllMutants> {
  const files = globSync(MUTATED, { cwd: root }).toSorted()
  const sources = new Map(
    files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')] as const),
  )
  const all = [
    ...HAND_MADE.flatMap((set) => madeByHand(set, sources.get(set.file))),
    ...(await madeByStryker(sources)),
  ]
  const unknown = equivalents.find((each) => !all.some((mutant) => isEquivalent(mutant, each)))
  if (unknown !== undefined) {
    throw new CommandError(
      `There is no mutant of ${unknown.file} to be equivalent: ${unknown.change}`,
    )
  }
  const { mutants = [], equivalent = [] } = Object.groupBy(all, (mutant) =>
    equivalents.some((each) => isEquivalent(mutant, each)) ? 'equivalent' : 'mutants',
  )
  return { mutants, equivalent }
}

function isEquivalent({ file, text, change }: Mutant, equivalent: Equivalent): boolean {
  return (
    file === equivalent.file && change === equivalent.change && text.includes(equivalent.within)
  )
}

function madeByHand({ file, mutants }: HandMadeSet, source: string | undefined): Mutant[] {
  if (source === undefined) throw new CommandError(`There is no ${file} to make mutants of`)
  return mutants.map(({ name, find, replace }) => {
    const [before = '', after, ...others] = source.split(find)
    if (after === undefined || others.length > 0) {
      throw new CommandError(`Not once in ${file}, for the mutant that ${name}: ${find}`)
    }
    const change = `Worker that ${name}`
    const line = before.split('\n').length
    const changed = before + replace + after
    const text = textOf(source, line)
    return { file, line, change, text, madeBy: 'hand', source: changed, tests: testsFor(file) }
  })
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
      change: `${inOneLine(source.slice(from, to))} → ${inOneLine(replacement)}`,
      text: textOf(source, start.line + 1),
      madeBy: 'stryker',
      source: source.slice(0, from) + replacement + source.slice(to),
      tests: testsFor(fileName),
    }
  })
}

/** Of a line and a column, both counted from 0. */
function offsetOf(source: string, { line, column }: { line: number; column: number }): number {
  return source.split('\n').slice(0, line).join('\n').length + (line === 0 ? 0 : 1) + column
}

function textOf(source: string, line: number): string {
  return source.split('\n')[line - 1]?.trim() ?? ''
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

const nothing = () => undefined
const no = () => false

/** Stryker tells how it gets on; these commands tell that themselves. */
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
