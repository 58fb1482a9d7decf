// The commands of cart-accounts by their names: each is loaded when it is asked for.
import { named, run } from './lib/command-line.ts'

interface Command {
  summary: string
  load: () => Promise<(args: string[]) => Promise<void>>
}

const COMMANDS: Record<string, Command> = {
  start: {
    summary: 'Serves the Worker on this machine, with the playground (npm start)',
    load: async () => (await import('./start/start.ts')).start,
  },
  token: {
    summary: 'Prints a token that the local Worker accepts, or explains why one is refused',
    load: async () => (await import('./tokens/token.ts')).token,
  },
  keys: {
    summary: 'Makes, lists and revokes application keys; makes signing keys and key sets',
    load: async () => (await import('./tokens/keys.ts')).keys,
  },
  import: {
    summary: 'Moves associations in from a file',
    load: async () => (await import('./data/import.ts')).importRows,
  },
  export: {
    summary: 'Writes associations to a file',
    load: async () => (await import('./data/export.ts')).exportRows,
  },
  stores: {
    summary: 'Lists which database has which store, and moves stores to another database',
    load: async () => (await import('./data/stores.ts')).stores,
  },
  deploy: {
    summary: 'Lists what is missing, or migrates and deploys (npm run deploy)',
    load: async () => (await import('./deploy/deploy.ts')).deploy,
  },
  smoke: {
    summary: 'Asks a deployed address the main cases of the contract (npm run smoke)',
    load: async () => (await import('./smoke/smoke.ts')).smoke,
  },
  demo: {
    summary: 'Asks the same cases of a Worker of its own, on this machine (npm run demo)',
    load: async () => (await import('./smoke/smoke.ts')).demo,
  },
}

const HELP = `The commands of cart-accounts.

  npx cart-accounts <command> [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(7)} ${summary}`)
  .join('\n')}

npx cart-accounts <command> --help has the options of a command, with examples.
`

/** Runs the command that the first argument names. Sets the exit code of the process. */
export async function main([name, ...args]: string[]): Promise<void> {
  await run(async () => {
    if (name === '--help' || name === '-h') return void process.stdout.write(HELP)
    const start = await named('Name a command', COMMANDS, name).load()
    await start(args)
  })
}
