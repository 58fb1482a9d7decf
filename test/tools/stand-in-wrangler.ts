// Plays wrangler 4.155 for the tests of deployments, with an account that remembers; the words are those of its source.
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import type { Wrangler } from '../../tools/deploy/deployed-state.ts'
import type { WranglerResult } from '../../tools/lib/wrangler-error.ts'

export interface Cloudflare {
  loggedIn: boolean
  accounts: { id: string; name: string }[]
  /** The names of the secrets of each Worker that exists. */
  workers: Record<string, string[]>
  /** The migrations that are applied, by the binding; no database where it is left out. */
  databases: Record<string, string[]>
  /** The words of the command that fails. */
  failing: string
  /** What deploy lists last. */
  targets: string[]
}

export interface StandIn {
  wrangler: Wrangler
  /** The commands in their order, without what each of them has. */
  calls: string[]
}

/** Answers for a Worker that is built already. */
export function standInWrangler(worker: string, bundle: string, cloudflare: Cloudflare): StandIn {
  const calls: string[] = []
  return {
    calls,
    wrangler: async (args) => {
      calls.push(args.filter((arg) => !arg.startsWith('/') && !arg.startsWith('select ')).join(' '))
      if (cloudflare.failing !== '' && args.join(' ').startsWith(cloudflare.failing)) {
        return refused('A request to the Cloudflare API (/accounts/0/x) failed.')
      }
      return answerTo(args, worker, bundle, cloudflare)
    },
  }
}

function answerTo(
  args: string[],
  worker: string,
  bundle: string,
  cloudflare: Cloudflare,
): WranglerResult {
  const [command, , binding = ''] = args
  if (command === 'whoami') return whoami(cloudflare)
  if (args.includes('--dry-run')) {
    copyFileSync(bundle, path.join(args[args.indexOf('--outdir') + 1] ?? '', 'app.js'))
    return printed('\nTotal Upload: 118.99 KiB / gzip: 41.12 KiB\n--dry-run: exiting now.')
  }
  if (cloudflare.accounts.length > 1) {
    return refused(
      'More than one account available but unable to select one in non-interactive mode.',
    )
  }
  if (command === 'secret') return secretList(args, worker, cloudflare)
  if (command === 'd1' && args[1] === 'execute') return appliedMigrations(binding, cloudflare)
  if (command === 'd1') {
    cloudflare.databases[args[3] ?? ''] = ['0001_associations.sql', '0002_application_keys.sql']
    return printed('🌀 Executing on remote database\n🚣 Executed 2 commands in 1.23ms')
  }
  cloudflare.workers[worker] ??= []
  return printed(
    [
      'Total Upload: 118.99 KiB / gzip: 41.12 KiB',
      `Uploaded ${worker} (2.34 sec)`,
      `Deployed ${worker} triggers (0.56 sec)`,
      ...cloudflare.targets.map((target) => `  ${target}`),
      'Current Version ID: 3c1d1b0e-6b0c-4c9b-9a8e-0f4f0e3f2a11',
    ].join('\n'),
  )
}

function whoami({ loggedIn, accounts }: Cloudflare): WranglerResult {
  if (!loggedIn) return { code: 1, stdout: '{"loggedIn":false}\n', stderr: '' }
  const authType = 'User API Token'
  return printed(JSON.stringify({ loggedIn, authType, email: 'ops@shop.test', accounts }, null, 2))
}

function secretList(args: string[], worker: string, { workers }: Cloudflare): WranglerResult {
  const names = workers[worker]
  if (names !== undefined) {
    const secrets = names.map((name) => ({ name, type: 'secret_text' }))
    return printed(JSON.stringify(secrets, null, 2))
  }
  const env = args.includes('--env') ? ` (env: ${args.at(-1)})` : ''
  return refused(
    `Worker "${worker}"${env} not found.\n\nIf this is a new Worker, run \`wrangler deploy\` first to create it.`,
  )
}

function appliedMigrations(binding: string, { databases }: Cloudflare): WranglerResult {
  const applied = databases[binding]
  if (applied === undefined) {
    return refusedAsJson('The database 5e2e7c51 could not be found [code: 7404]', 7404)
  }
  if (applied.length === 0) {
    return refusedAsJson('no such table: d1_migrations: SQLITE_ERROR [code: 7500]', 7500)
  }
  const results = applied.map((name) => ({ name }))
  return printed(JSON.stringify([{ results, success: true, meta: { duration: 0.2 } }], null, 2))
}

function refusedAsJson(note: string, code: number): WranglerResult {
  const text = 'A request to the Cloudflare API (/accounts/0/d1/database/0/query) failed.'
  const error = { text, notes: [{ text: note }], kind: 'error', name: 'APIError', code }
  return { code: 1, stdout: `${JSON.stringify({ error }, null, 2)}\n`, stderr: '' }
}

function refused(text: string): WranglerResult {
  const red = '\u001B[31m✘ \u001B[41;31m[\u001B[41;97mERROR\u001B[41;31m]\u001B[0m \u001B[1m'
  return { code: 1, stdout: '\n', stderr: `${red}${text}\u001B[0m\n\n` }
}

function printed(stdout: string): WranglerResult {
  return { code: 0, stdout: `${stdout}\n`, stderr: '' }
}
