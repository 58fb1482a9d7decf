#!/usr/bin/env node
// The program of the published package: cart-accounts dev.
import { randomUUID } from 'node:crypto'
import {
  badArgument,
  command,
  named,
  parseOptions,
  run,
  safeId,
  styled,
  variablesOf,
} from '../lib/command-line.ts'
import { DEFAULT_PORT, portOf, requireFreePort } from '../lib/ports.ts'
import { stopAllAtTheEnd } from '../lib/processes.ts'
import { requestLine } from '../lib/responses.ts'
import { type Embedded, serveEmbedded } from './embedded.ts'

const HELP = `Serves cart-accounts on this machine, with a database of its own, until Ctrl-C stops it.

  npx cart-accounts dev [--port ${DEFAULT_PORT}] [--persist-to <directory>] [--account <id>] [--var NAME:VALUE] [--json]

It prints its address, an application key, and tokens that are good for 8 hours: of a shopper, who acts for one account
with two tokens, and of a server, which acts for every account of the store.

  --port        where it listens, on 127.0.0.1
  --persist-to  keeps the database and the keys in a directory; without it they are removed at the end
  --account     the account of the shopper; without it a new one
  --var         a setting of the Worker, once for each, like CARTS_PER_ACCOUNT:10
  --json        prints all of it as one line of JSON, and no requests

Examples

  npx cart-accounts dev
  npx cart-accounts dev --port 9000 --persist-to .cart-accounts
  npx cart-accounts dev --json
`

/** A day of trying things out. */
const EXPIRES_IN_SECONDS = 8 * 60 * 60

const options = {
  port: { type: 'string' },
  'persist-to': { type: 'string' },
  account: { type: 'string', default: randomUUID() },
  var: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
} as const

const dev = command(HELP, async (args) => {
  const { values } = parseOptions(args, options)
  const port = portOf(values.port)
  const accountId = safeId('--account', values.account)
  const variables = variablesOf(values.var)
  const directory = values['persist-to']
  if (directory === '') throw badArgument('--persist-to must name a directory')
  await requireFreePort(port, 'npx cart-accounts dev --port')
  stopAllAtTheEnd()
  const print = (text: string) => void process.stdout.write(`${text}\n`)
  const embedded = await serveEmbedded({
    directory,
    port,
    variables,
    expiresInSeconds: EXPIRES_IN_SECONDS,
    log: (line) => {
      if (!values.json) print(requestLine(line))
    },
  })
  const access = await accessOf(embedded, accountId)
  print(values.json ? JSON.stringify(access) : described(access, directory))
})

type Access = Record<string, string>

async function accessOf(embedded: Embedded, accountId: string): Promise<Access> {
  const { url, key, settings, accessToken, accountToken } = embedded
  return {
    url,
    store_id: key.storeId,
    client_id: key.clientId,
    client_secret: key.clientSecret ?? '',
    access_token: await accessToken('implicit'),
    // Nobody signs here for an issuer that --var names.
    ...(settings.accountIssuer !== undefined && {
      account_id: accountId,
      account_token: await accountToken(accountId),
    }),
    server_access_token: await accessToken('client_credentials'),
  }
}

function described(access: Access, directory: string | undefined): string {
  const { url, account_id = '<id>', server_access_token } = access
  const body = JSON.stringify({ data: [{ type: 'account', id: account_id }] })
  return [
    ...Object.entries(access).map(([name, value]) => `${styled('bold', name.padEnd(20))} ${value}`),
    '',
    'Associates a cart as a server: 200, and 204 when pasted again.',
    '',
    `curl -i ${url}/v2/carts/${randomUUID()}/relationships/accounts \\`,
    `  -H 'Authorization: Bearer ${server_access_token}' \\`,
    `  -H 'Content-Type: application/json' -d '${body}'`,
    '',
    `Ctrl-C stops it${directory === undefined ? ' and removes its database' : `; ${directory} keeps its database`}.`,
  ].join('\n')
}

await run(async () => {
  const [name = '--help', ...args] = process.argv.slice(2)
  if (name === '--help' || name === '-h') return void process.stdout.write(HELP)
  await named('Name a command', { dev }, name)(args)
})
