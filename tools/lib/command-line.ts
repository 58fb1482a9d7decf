// What the commands have in common: one clear line for an error, and colour if the terminal shows it.
import { type ParseArgsConfig, type ParseArgsOptionsConfig, parseArgs, styleText } from 'node:util'
import { isSafeId, isSubject, SAFE_ID_RULE, SUBJECT_RULE } from '../../src/ids.ts'

/** The command cannot go on. The message is one line, for the person who typed it. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** An argument is missing or malformed: exit code 2. */
export function badArgument(message: string): CommandError {
  return new CommandError(`${message} (--help shows examples)`, 2)
}

/**
 * Parses the options, and the positional arguments if they are allowed.
 *
 * @throws CommandError naming the argument that is not known
 */
export function parseOptions<const Options extends ParseArgsOptionsConfig>(
  args: string[],
  options: Options,
  { allowPositionals = false }: Pick<ParseArgsConfig, 'allowPositionals'> = {},
) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals })
  } catch (error) {
    // Node's first sentence names the argument; the advice after it is for programmers.
    const [sentence = ''] = String(error instanceof Error ? error.message : error).split(/[.\n]/)
    // Without the dashes, npm takes the options for itself and hands on their values alone.
    throw badArgument(
      sentence.startsWith('Unexpected argument')
        ? `${sentence}: options have names, and with npm run they come after --`
        : sentence,
    )
  }
}

/** @throws CommandError naming the option whose value is no safe id */
export function safeId(option: string, value: string): string {
  if (isSafeId(value)) return value
  throw badArgument(`${option} must be ${SAFE_ID_RULE}, not ${JSON.stringify(value)}`)
}

/** @throws CommandError naming the option whose value cannot be the `sub` of a token */
export function subject(option: string, value: string): string {
  if (isSubject(value)) return value
  throw badArgument(`${option} must be ${SUBJECT_RULE}, not ${JSON.stringify(value)}`)
}

/** The environment of wrangler.toml, empty for its top level; wrangler reads this variable too. */
export function environmentOf({ env }: { env?: string }): string {
  return env ?? process.env['CLOUDFLARE_ENV'] ?? ''
}

/** The argument that chooses the environment for wrangler; none for the top level. */
export function environmentOption(environment: string): string[] {
  return environment === '' ? [] : ['--env', environment]
}

/** The settings that `--var` gives, by their names. */
export function variablesOf(
  given: readonly (string | boolean | undefined)[] = [],
): Record<string, string> {
  const pairs = given.map((option) => {
    const [, ...pair] = /^(\w+):(.*)$/s.exec(String(option)) ?? []
    if (pair.length === 2) return pair
    throw badArgument('--var must be NAME:VALUE, once for each variable')
  })
  return Object.fromEntries(pairs)
}

/** Runs a command; what it was not made for keeps its stack. */
export async function run(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = error.exitCode
  }
}

/** A command that prints its help if it is asked for. */
export function command(
  help: string,
  run: (args: string[]) => Promise<void>,
): (args: string[]) => Promise<void> {
  return async (args) => {
    if (args.includes('--help') || args.includes('-h')) process.stdout.write(help)
    else await run(args)
  }
}

/** @throws CommandError, exit code 2, listing the names if this is none of them */
export function named<Item>(what: string, items: Record<string, Item>, name = ''): Item {
  const found = Object.entries(items).find(([each]) => each === name)?.[1]
  if (found !== undefined) return found
  const names = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(Object.keys(items))
  throw badArgument(`${what}: ${names}${name === '' ? '' : `, not ${JSON.stringify(name)}`}`)
}

/** Styles a text if standard output is a terminal that shows it, and NO_COLOR is not set. */
export function styled(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout })
}

/** Columns of equal width, two spaces apart. */
export function table(rows: string[][]): string {
  const [heads = []] = rows
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${rows.map(line).join('\n')}\n`
}

/** A number as the figures show it: `1,234`. */
export function grouped(value: number): string {
  return value.toLocaleString('en')
}

/** Shows how far a long command is, in place of what it showed before; nothing but on a terminal. */
export function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`)
}
