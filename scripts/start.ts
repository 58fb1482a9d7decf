// npm start: makes what is missing, starts wrangler dev, and prints requests ready to paste.
import { parseArgs } from 'node:util'
import { badArgument, CommandError, run, styled } from './command-line.ts'
import { type LocalSettings, localSettings } from './local-settings.ts'
import { mintAccessToken, mintAccountToken } from './mint.ts'
import { requireFreePort } from './ports.ts'
import { migrate, startWorker, stopWranglers, stopWranglersOnSignal } from './wrangler.ts'

const HELP = `Starts the Worker on this machine, with a database of its own under .wrangler/.

  npm start [-- <arguments of wrangler dev>]

Examples

  npm start
  npm start -- --port 9000
  npm start -- --persist-to /tmp/another-database
`

const DEFAULT_PORT = '8787'
const STORE = 'demo'
const EXPIRES_IN_SECONDS = 60 * 60

await run(async () => {
  const args = process.argv.slice(2)
  const { port, help, 'persist-to': persistTo } = parse(args)
  if (help === true) {
    process.stdout.write(HELP)
    return
  }
  stopWranglersOnSignal()
  await requireFreePort(portNumber(port ?? DEFAULT_PORT))
  const settings = await localSettings('.dev.vars')
  process.stdout.write('Migrating the local database\n')
  await migrate(persistTo === undefined ? [] : ['--persist-to', String(persistTo)])
  const worker = await startWorker({
    args: port === undefined ? ['--port', DEFAULT_PORT, ...args] : args,
    print: (text) => process.stdout.write(text),
  })
  try {
    await requireReady(worker.url)
    process.stdout.write(await requestsToPaste(settings, worker.url))
    process.exitCode = await worker.ended
  } finally {
    await stopWranglers()
  }
})

function parse(args: string[]) {
  const options = {
    port: { type: 'string' },
    'persist-to': { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const
  // Everything else is for wrangler dev, which says itself what it does not know.
  return parseArgs({ args, options, strict: false }).values
}

function portNumber(text: string | boolean): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw badArgument(`--port must be a number from 1 to 65535, not ${JSON.stringify(text)}`)
}

async function requireReady(url: string): Promise<void> {
  const response = await fetch(new URL('/readyz', url))
  if (response.ok) return
  const { errors } = Object(await response.json())
  throw new CommandError(`The Worker cannot serve: ${errors[0].detail} (see .dev.vars)`)
}

async function requestsToPaste(settings: LocalSettings, url: string): Promise<string> {
  const accountId = crypto.randomUUID()
  const time = { storeId: STORE, expiresInSeconds: EXPIRES_IN_SECONDS }
  const client = { ...time, clientId: 'storefront' }
  const implicit = await mintAccessToken(settings, { ...client, grantType: 'implicit' })
  const server = await mintAccessToken(settings, { ...client, grantType: 'client_credentials' })
  const account = await mintAccountToken(settings, { ...time, accountId, memberId: 'member' })
  const curl = (accessToken: string, ...accountTokens: string[]) =>
    [
      `curl -i ${new URL(`/v2/carts/${crypto.randomUUID()}/relationships/accounts`, url)}`,
      `-H 'Authorization: Bearer ${accessToken}'`,
      ...accountTokens.map((token) => `-H 'EP-Account-Management-Authentication-Token: ${token}'`),
      "-H 'Content-Type: application/json'",
      `-d '{"data":[{"type":"account","id":"${accountId}"}]}'`,
    ].join(' \\\n  ')
  return [
    '',
    title('As a shopper, for its own account: 200, and 204 when pasted again'),
    curl(implicit, account),
    '',
    title('As a server, for any account of the store: 200, and 204 when pasted again'),
    curl(server),
    '',
    title('Refused with 403: an implicit token needs an account token beside it'),
    curl(implicit),
    '',
    `The tokens are good for an hour; npm run -s token -- --help shows how to make others.`,
    '',
    '',
  ].join('\n')
}

function title(text: string): string {
  return styled('bold', `# ${text}`)
}
