// What the proofs and the bench take from the command line, the figure they both take of many, and their progress.
import { randomInt } from 'node:crypto'
import { isWithin, type Range, rangeRule } from '../../src/limits.ts'
import { badArgument } from '../../tools/lib/command-line.ts'

const SEED: Range = { min: 0, max: 2 ** 32 - 1 }

/** @throws CommandError naming the option whose value is no such number */
export function wholeNumber(option: string, text: string, range: Range): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (isWithin(value, range)) return value
  throw badArgument(`${option} ${rangeRule(range)}, not ${JSON.stringify(text)}`)
}

/** The value below which this share of the values lies, between two of them if need be. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place % 1)
}

/** One line a call; on a terminal each takes the place of the one before it. */
export function showProgress(line: string): void {
  process.stdout.write(process.stdout.isTTY ? `\r\u001B[K${line}` : `${line}\n`)
}

/** What is printed next stands on a line of its own. */
export function endProgress(): void {
  if (process.stdout.isTTY) process.stdout.write('\n')
}

/** CI sets PROOF_SEED to a number taken from the commit. */
export const seedOption = { seed: { type: 'string', default: process.env['PROOF_SEED'] } } as const

/** Returns the requested seed or a new one, and prints it before any work. */
export function printSeed(text: string | undefined): number {
  const seed = text === undefined ? randomInt(2 ** 31) : wholeNumber('--seed', text, SEED)
  process.stdout.write(`Seed: ${seed}\n`)
  return seed
}
