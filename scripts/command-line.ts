// What the commands have in common: one clear line for an error, colour where the terminal has it.
import { styleText } from 'node:util'

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

type Style = Parameters<typeof styleText>[0]

/** Styles a text where standard output is a terminal that shows it, and NO_COLOR is not set. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
