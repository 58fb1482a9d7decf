// npm start: makes what is missing, serves the Worker and the playground, and prints where they are.
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { stringify } from 'smol-toml'
import {
  badArgument,
  CommandError,
  command,
  parseOptions,
  styled,
  variablesOf,
} from '../lib/command-line.ts'
import { projectRoot, temporaryDirectory } from '../lib/directories.ts'
import { DEFAULT_PORT, portOf, requireFreePort } from '../lib/ports.ts'
import { StoppedError, stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { requestLine } from '../lib/responses.ts'
import { startWorker } from '../lib/wrangler.ts'
import { demoKey, type NewKey, prepareLocalDatabases } from '../tokens/application-keys.ts'
import { type LocalSettings, localSettings, readDevVars } from '../tokens/local-settings.ts'
import { preparePlayground } from './playground.ts'

const DEV_VARS = '.dev.vars'

const HELP = `Starts the Worker on this machine, with the playground at /, and a database under .wrangler/.

  npm start [-- [--provider] [--port ${DEFAULT_PORT}] [--ip <address>] [--persist-to <directory>] [--env-file ${DEV_VARS}]
                [--var NAME:VALUE] [--inspector-port 9229]]

--provider starts an identity provider beside it (oidc-provider) whose account tokens the Worker accepts, and a page that
signs in there on two devices. It needs no account anywhere. The other options are those of wrangler dev.

Examples

  npm start
  npm start -- --provider
  npm start -- --port 9000
  npm start -- --persist-to /tmp/another-database
`

/** A line of the Worker's own log, as wrangler prints it. */
const LOGGED = /^(?:\[cart-accounts\]|\S+ \[(?:WARNING|ERROR)\]) (\{.*\})$/

const options = {
  port: { type: 'string', default: DEFAULT_PORT },
  ip: { type: 'string' },
  'inspector-port': { type: 'string' },
  'persist-to': { type: 'string', default: path.join(projectRoot, '.wrangler', 'state') },
  'env-file': { type: 'string', default: DEV_VARS },
  var: { type: 'string', multiple: true },
  provider: { type: 'boolean', default: false },
} as const

export const start = command(HELP, async (args) => {
  const { values } = parseOptions(args, options)
  const port = portOf(values.port)
  const { ip, 'inspector-port': inspectorPort, 'env-file': devVars } = values
  const given = variablesOf(values.var)
  const url = urlOf(port, ip)
  if (values['persist-to'] === '') throw badArgument('--persist-to must name a directory')
  const directory = path.resolve(values['persist-to'])
  stopAllAtTheEnd()
  await requireFreePort(port)
  const own = await localSettings(devVars)
  const key = demoKey(own)
  const neighbour = values.provider ? await startNeighbour(own, key, url, devVars) : undefined
  // Nobody signs for the provider here, so the playground goes without account tokens.
  const settings = neighbour === undefined ? own : { ...own, accountIssuer: undefined }
  const variables = { ...given, ...neighbour }
  process.stdout.write('Starting the Worker, and migrating the local database meanwhile\n')
  const playground = await preparePlayground({
    directory: temporaryDirectory('playground'),
    settings,
    key,
    devVars,
    variables,
  })
  // What wrangler says until the Worker serves matters only if something is not good.
  const held: string[] = []
  let print = (line: string): void => void held.push(line)
  const release = () => {
    for (const line of held.splice(0)) printLine(line)
    print = printLine
  }
  try {
    const { ended } = await startWorker({
      url,
      args: [
        ...[...playground, '--port', values.port, '--persist-to', directory],
        ...(ip === undefined ? [] : ['--ip', ip]),
        ...(inspectorPort === undefined ? [] : ['--inspector-port', inspectorPort]),
      ],
      print: byLine((line) => print(line)),
      prepare: () => prepareLocalDatabases({ 'persist-to': directory }, key),
    })
    if (!/\[(WARNING|ERROR)\]/.test(stripVTControlCharacters(held.join('\n')))) held.length = 0
    release()
    process.stdout.write(lastWords(url, neighbour?.ACCOUNT_ISSUER, devVars))
    process.exitCode = await ended
  } catch (error) {
    if (!(error instanceof StoppedError)) release()
    throw error
  } finally {
    await stopAll()
  }
})

/**
 * Starts the provider, and prints and returns the settings by which the Worker accepts its tokens.
 *
 * @throws CommandError if .dev.vars, which goes before a variable, sets one of them
 */
async function startNeighbour(
  { audience }: LocalSettings,
  { clientId, storeId }: NewKey,
  url: string,
  devVars: string,
): Promise<{ ACCOUNT_ISSUER: string }> {
  const needed = ['ACCOUNT_ISSUER', 'ACCOUNT_JWKS_URL', 'ACCOUNT_TOKENS']
  const taken = Object.keys(await readDevVars(devVars)).find((name) => needed.includes(name))
  if (taken !== undefined) {
    throw new CommandError(`--provider sets ${taken} itself: take it out of ${devVars}`)
  }
  // Loaded only here: few starts need them.
  const [{ startProvider }, { twoDevices }] = await Promise.all([
    import('./provider.ts'),
    import('./two-devices.ts'),
  ])
  const { issuer: ACCOUNT_ISSUER, jwksUrl } = await startProvider(
    { audience, resources: { [audience]: 'RS256' } },
    (provider) => twoDevices(provider, { url, clientId, resource: audience }),
  )
  const rules = { typ: 'at+jwt', audience, account_claim: 'account_id', store: storeId }
  const variables = { ACCOUNT_ISSUER, ACCOUNT_JWKS_URL: jwksUrl, ACCOUNT_TOKENS: rules }
  const settings = stringify({ vars: variables }).replaceAll(/^(?=.)/gm, '  ')
  process.stdout.write(
    `The Worker accepts the provider's tokens by these settings:\n\n${settings}\n`,
  )
  return variables
}

function urlOf(port: number, ip: string | undefined): string {
  const everywhere = ip === undefined || ip === '*' || ip === '0.0.0.0' || ip === '::'
  const host = everywhere ? 'localhost' : ip
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (URL.canParse(url)) return url
  throw badArgument('--ip must be an address of this machine')
}

/** Ends what npm start prints: all that one needs, in one screen. */
function lastWords(url: string, issuer: string | undefined, devVars: string): string {
  const file = devVars === DEV_VARS ? '' : ` --dev-vars ${path.resolve(devVars)}`
  return `
${styled('bold', 'Playground')}  ${url}/
${styled('bold', 'Reference')}   ${url}/docs
${issuer === undefined ? '' : `${styled('bold', 'Sign in')}     ${issuer}/\n`}
As a server, from a second terminal: 200, and 204 when pasted again

  curl -i ${url}/v2/carts/${crypto.randomUUID()}/relationships/accounts \\
    -H "Authorization: Bearer $(npx cart-accounts token access${file})" \\
    -H 'Content-Type: application/json' -d '{"data":[{"type":"account","id":"account-1"}]}'

Each request prints a line. Ctrl-C stops the Worker, and the database stays.

`
}

/** Hands on whole lines, though wrangler prints parts of them. */
function byLine(receive: (line: string) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) receive(line)
  }
}

/** What a person needs of a line of wrangler: requests shortened, and nothing about assets. */
function printLine(line: string): void {
  const text = stripVTControlCharacters(line)
  if (text.trim() === '' || text.startsWith('[wrangler:info]')) return
  const [, logged] = LOGGED.exec(text) ?? []
  const shown = logged === undefined ? line : requestLine(logged)
  // This command has asked that itself, and its line may be late.
  if (stripVTControlCharacters(shown) !== '200 GET /readyz') process.stdout.write(`${shown}\n`)
}
