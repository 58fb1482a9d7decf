// npm start: makes what is missing, serves the Worker and the playground, and prints where they are.
import path from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { stringify } from 'smol-toml'
import { badArgument, CommandError, command, styled, variablesOf } from '../lib/command-line.ts'
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

  npm start [-- [--provider] <options of wrangler dev>]

--provider starts an identity provider beside it (oidc-provider) whose account tokens the Worker accepts, and a page that
signs in there on two devices. It needs no account anywhere.

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
  'local-protocol': { type: 'string', default: 'http' },
  'persist-to': { type: 'string', default: path.join(projectRoot, '.wrangler', 'state') },
  'env-file': { type: 'string', default: DEV_VARS },
  var: { type: 'string', multiple: true },
  provider: { type: 'boolean', default: false },
} as const
/** Given to wrangler as the Worker's own, or not at all. */
const OWN_OPTIONS = ['port', 'persist-to', 'env-file', 'var', 'provider']

export const start = command(HELP, async (args) => {
  const { values, rest } = parse(args)
  const port = portOf(values.port)
  const devVars = textOf(
    values['env-file'],
    '--env-file must name a file, which stands for .dev.vars',
  )
  const given = variablesOf(values.var)
  const url = urlOf(port, values.ip)
  const directory = path.resolve(textOf(values['persist-to'], '--persist-to must name a directory'))
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
      args: [...[...playground, '--port', String(port), '--persist-to', directory], ...rest],
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

/** Parses the options of this command; the rest is for wrangler dev, which names what it does not know. */
function parse(args: string[]) {
  const [first] = args
  if (first !== undefined && !first.startsWith('-')) {
    throw badArgument(
      `Options come after --, as in npm start -- --port 9000; found ${JSON.stringify(first)}`,
    )
  }
  const { values, tokens } = parseArgs({ args, options, strict: false, tokens: true })
  const name = args[args.indexOf('--provider') + 1]
  if (values.provider === true && name !== undefined && !name.startsWith('-')) {
    throw badArgument(
      `--provider takes no name, since it is always oidc-provider; found ${JSON.stringify(name)}. docs/signing-in.md has the settings of your own`,
    )
  }
  if (values['local-protocol'] !== 'http') {
    throw badArgument('--local-protocol must be http here; npx wrangler dev serves https too')
  }
  const own = tokens.flatMap((token) => {
    if (token.kind !== 'option' || !OWN_OPTIONS.includes(token.name)) return []
    return token.inlineValue === false ? [token.index, token.index + 1] : [token.index]
  })
  return { values, rest: args.filter((_, index) => !own.includes(index)) }
}

/** @throws CommandError with this message if the option has no value */
function textOf(option: string | boolean, message: string): string {
  if (typeof option === 'string' && option !== '') return option
  throw badArgument(message)
}

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

function urlOf(port: number, ip: string | boolean | undefined): string {
  const everywhere = ip === undefined || ip === '*' || ip === '0.0.0.0' || ip === '::'
  const host = everywhere ? 'localhost' : String(ip)
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
