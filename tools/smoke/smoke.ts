// npm run smoke and npm run demo: asks an address the contract's main cases, and prints what it answered.
import { constants } from 'node:os'
import { badArgument, CommandError, command, parseOptions } from '../lib/command-line.ts'
import { StoppedError, stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { startThrowawayWorker } from '../lib/throwaway-worker.ts'
import { mintAccountToken } from '../tokens/mint.ts'
import { smokeCases } from './cases.ts'
import { describe, requireGood, runSmoke } from './run.ts'
import { smokeTokens } from './tokens.ts'

const HELP = `Asks a deployed address the main cases of the contract, prints what it answered, and leaves nothing behind.

  npm run smoke -- <address> [--access-token <jwt>] [--account-token <jwt>] [--server-token <jwt>]
                             [--client-id <id>] [--client-secret <secret>] [--account <id>]

A case without its tokens is skipped, and said to be. With an application key, the access token and the server token are asked
for; the account token comes from your identity provider; --account names its account if it has no account_id
(ACCOUNT_TOKENS). What is not given is taken from the environment:
SMOKE_ACCESS_TOKEN, SMOKE_ACCOUNT_TOKEN, SMOKE_SERVER_TOKEN, SMOKE_CLIENT_ID, SMOKE_CLIENT_SECRET, SMOKE_ACCOUNT, which keeps it out of the
history of your shell. The exit code is 1 where an answer is not as promised or something was left behind.

Examples

  npm run smoke -- https://carts.example
  SMOKE_CLIENT_ID=… SMOKE_CLIENT_SECRET=… SMOKE_ACCOUNT_TOKEN=… npm run smoke -- https://carts.example
  npm run smoke -- http://localhost:8787 --account-token "$(npx cart-accounts token account --account me)" \\
    --access-token "$(npx cart-accounts token access --grant implicit)" --server-token "$(npx cart-accounts token access)"
`

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

const text = { type: 'string' } as const

const options = {
  ...{ 'access-token': text, 'account-token': text, 'server-token': text },
  ...{ 'client-id': text, 'client-secret': text, account: text },
} as const

export const smoke = command(HELP, async (args) => {
  const { values, positionals } = parseOptions(args, options, { allowPositionals: true })
  const url = addressOf(positionals)
  const given = (name: keyof typeof options) => {
    const variable = `SMOKE_${name.toUpperCase().replace('-', '_')}`
    return (values[name] ?? process.env[variable])?.trim() || undefined
  }
  const tokens = await smokeTokens(url, {
    access: given('access-token'),
    account: given('account-token'),
    server: given('server-token'),
    clientId: given('client-id'),
    clientSecret: given('client-secret'),
    accountId: given('account'),
  })
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stopped.abort(signal))
  }
  const report = await runSmoke(url, smokeCases(tokens), tokens, stopped.signal)
  process.stdout.write(describe(report))
  if (stopped.signal.aborted) {
    const { reason } = stopped.signal
    const number = Object.entries(constants.signals).find(([name]) => name === reason)?.[1] ?? 0
    throw new CommandError('Stopped', 128 + number)
  }
  requireGood(report)
})

/** Asks the cases on a Worker and a database of their own. */
export async function demo(args: string[]): Promise<void> {
  if (args.length > 0) throw new CommandError('npm run demo takes no arguments', 2)
  stopAllAtTheEnd()
  const log: string[] = []
  try {
    process.stdout.write('Starting a Worker with a database of its own\n\n')
    const { url, settings, key } = await startThrowawayWorker('demo', (text) => log.push(text))
    const shopper = { accountId: 'ada', memberId: 'ada-1', expiresInSeconds: 600 }
    const account = await mintAccountToken(settings, { ...shopper, storeId: key.storeId })
    const tokens = await smokeTokens(url, { account, ...key })
    const report = await runSmoke(url, smokeCases(tokens), tokens, new AbortController().signal)
    process.stdout.write(describe(report))
    requireGood(report)
  } catch (error) {
    if (!(error instanceof StoppedError)) process.stderr.write(log.join(''))
    throw error
  } finally {
    await stopAll()
  }
}

function addressOf(positionals: string[]): string {
  const [address, ...others] = positionals
  const url = URL.parse(address ?? '')
  if (address === undefined || others.length > 0 || url === null) {
    throw badArgument('Name one address, as in npm run smoke -- https://carts.example')
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.includes(url.hostname))) {
    throw badArgument('The address must be https; http is for this machine alone')
  }
  if (url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw badArgument(`The address must have no path: ${url.origin}`)
  }
  return url.origin
}
