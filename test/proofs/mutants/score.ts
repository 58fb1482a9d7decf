// How many mutants the tests have noticed, by file and in all, and which they have not.
import { styled } from '../../../tools/lib/command-line.ts'
import type { Mutant, Tried } from './mutant.ts'

const CHANGE_CHARACTERS = 100

/** In per cent. */
export function scoreOf(tried: readonly Tried[]): number {
  const noticed = tried.filter(({ outcome }) => outcome !== 'survived')
  return (noticed.length * 100) / tried.length
}

/** The lines for the person who runs the proof, the figures last. */
export function scoreLines(tried: readonly Tried[], equivalent: readonly Mutant[]): string[] {
  const survivors = tried.filter(({ outcome }) => outcome === 'survived')
  const byFile = Object.entries(Object.groupBy(tried, ({ file }) => file))
  return [
    ...survivors.map(lineOf),
    '',
    ...byFile.map(([file, ofFile = []]) => `${file}: ${figures(ofFile)}`),
    `mutants: ${figures(tried)}, ${equivalent.length} equivalent and not counted`,
  ]
}

export function lineOf({ outcome, file, line, change }: Tried): string {
  const short =
    change.length > CHANGE_CHARACTERS ? `${change.slice(0, CHANGE_CHARACTERS)}…` : change
  return `${styled(outcome === 'survived' ? 'red' : 'green', outcome)} ${file}:${line} ${short}`
}

function figures(tried: readonly Tried[]): string {
  const counted = (wanted: Tried['outcome']) =>
    tried.filter(({ outcome }) => outcome === wanted).length
  const killed = counted('killed') + counted('timeout')
  return `${tried.length} mutants, ${killed} killed (${counted('timeout')} by timeout), ${counted('survived')} survived: ${scoreOf(tried).toFixed(1)} %`
}
