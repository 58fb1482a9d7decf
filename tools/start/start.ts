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

const DEFAULT_STATE = path.join(projectRoot, '.wrangler', 'state')
const DEV_VARS = '.dev.vars'
const OWN_OPTIONS = ['env-file', 'var', 'provider']
/** A line of the Worker's own log, as wrangler prints it. */
const LOGGED = /^(?:\[cart-accounts\]|\S+ \[(?:WARNING|ERROR)\]) (\{.*\})$/

export const start = command(HELP, async (args) => {
  const { values: options, tokens } = parse(args)
  const port = portOf(options.port)
  const directory = textOf(options['persist-to'], '--persist-to must name a directory')
  const choice = directory === undefined ? {} : { 'persist-to': directory }
  const noFile = '--env-file must name a file, which stands for .dev.vars'
  const devVars = textOf(options['env-file'], noFile) ?? DEV_VARS
  const given = variablesOf(options.var)
  const url = urlOf(port, options.ip, options['local-protocol'])
  stopAllAtTheEnd()
  await requireFreePort(port)
  const own = await localSettings(devVars)
  const key = demoKey(own)
  const neighbour = options.provider === true ? await startNeighbour(own, key, url) : undefined
  await requireFreeNames(devVars, neighbour?.variables ?? {})
  // Nobody signs for the provider here, so the playground goes without account tokens.
  const settings = neighbour === undefined ? own : { ...own, accountIssuer: undefined }
  const variables = { ...given, ...neighbour?.variables }
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
        ...playground,
        ...(options.port === undefined ? ['--port', DEFAULT_PORT] : []),
        ...(directory === undefined ? ['--persist-to', DEFAULT_STATE] : []),
        ...argsForWrangler(args, tokens),
      ],
      print: byLine((line) => print(line)),
      prepare: () => prepareLocalDatabases(choice, key),
    })
    if (!/\[(WARNING|ERROR)\]/.test(stripVTControlCharacters(held.join('\n')))) held.length = 0
    release()
    process.stdout.write(lastWords(url, neighbour, devVars))
    process.exitCode = await ended
  } catch (error) {
    if (!(error instanceof StoppedError)) release()
    throw error
  } finally {
    await stopAll()
  }
})

interface Neighbour {
  issuer: string
  /** The settings by which the Worker accepts its tokens. */
  variables: Record<string, unknown>
}

async function startNeighbour(
  { audience }: LocalSettings,
  { clientId, storeId }: NewKey,
  url: string,
): Promise<Neighbour> {
  // Loaded only here: few starts need them.
  const [{ startProvider }, { twoDevices }] = await Promise.all([
    import('./provider.ts'),
    import('./two-devices.ts'),
  ])
  const { issuer, jwksUrl } = await startProvider(
    { audience, resources: { [audience]: 'RS256' } },
    (provider) => twoDevices(provider, { url, clientId, resource: audience }),
  )
  const rules = { typ: 'at+jwt', audience, account_claim: 'account_id', store: storeId }
  const variables = { ACCOUNT_ISSUER: issuer, ACCOUNT_JWKS_URL: jwksUrl, ACCOUNT_TOKENS: rules }
  return { issuer, variables }
}

/** @throws CommandError if .dev.vars, which goes before a variable, sets what the provider needs */
async function requireFreeNames(devVars: string, variables: object): Promise<void> {
  const taken = Object.keys(await readDevVars(devVars)).find((name) => name in variables)
  if (taken === undefined) return
  throw new CommandError(`--provider sets ${taken} itself: take it out of ${devVars}`)
}

type Option = string | boolean | undefined
type Token = NonNullable<ReturnType<typeof parse>['tokens']>[number]

function parse(args: string[]) {
  const [first] = args
  if (first !== undefined && !first.startsWith('-')) {
    throw badArgument(
      `Options come after --, as in npm start -- --port 9000; found ${JSON.stringify(first)}`,
    )
  }
  const text = { type: 'string' } as const
  const options = {
    ...{ port: text, ip: text, 'local-protocol': text, 'persist-to': text, 'env-file': text },
    var: { ...text, multiple: true },
    provider: { type: 'boolean' },
  } as const
  // Everything else is for wrangler dev, which says itself what it does not know.
  const parsed = parseArgs({ args, options, strict: false, tokens: true })
  const name = args[args.indexOf('--provider') + 1]
  if (parsed.values.provider === true && name !== undefined && !name.startsWith('-')) {
    throw badArgument(
      `--provider takes no name, since it is always oidc-provider; found ${JSON.stringify(name)}. docs/signing-in.md has the settings of your own`,
    )
  }
  return parsed
}

/** Leaves out --provider, and what is meant for the real Worker: wrangler would give it to the playground's. */
function argsForWrangler(args: string[], tokens: readonly Token[]): string[] {
  const taken = new Set<number>()
  for (const token of tokens) {
    if (token.kind !== 'option' || !OWN_OPTIONS.includes(token.name)) continue
    taken.add(token.index)
    if (token.inlineValue === false) taken.add(token.index + 1)
  }
  return args.filter((_, index) => !taken.has(index))
}

/** @throws CommandError with this message if the option has no value */
function textOf(option: Option, message: string): string | undefined {
  if (typeof option !== 'boolean') return option
  throw badArgument(message)
}

function urlOf(port: number, ip: Option, protocol: Option = 'http'): string {
  if (protocol !== 'http') {
    throw badArgument('--local-protocol must be http here; npx wrangler dev serves https too')
  }
  const everywhere = ip === undefined || ip === '*' || ip === '0.0.0.0' || ip === '::'
  const host = everywhere ? 'localhost' : String(ip)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (URL.canParse(url)) return url
  throw badArgument('--ip must be an address of this machine')
}

/** Ends what npm start prints: all that one needs, in one screen. */
function lastWords(url: string, neighbour: Neighbour | undefined, devVars: string): string {
  const file = devVars === DEV_VARS ? '' : ` --dev-vars ${path.resolve(devVars)}`
  return `${settingsOf(neighbour)}
${styled('bold', 'Playground')}  ${url}/
${styled('bold', 'Reference')}   ${url}/docs
${neighbour === undefined ? '' : `${styled('bold', 'Sign in')}     ${neighbour.issuer}/\n`}
As a server, from a second terminal: 200, and 204 when pasted again

  curl -i ${url}/v2/carts/${crypto.randomUUID()}/relationships/accounts \\
    -H "Authorization: Bearer $(npx cart-accounts token access${file})" \\
    -H 'Content-Type: application/json' -d '{"data":[{"type":"account","id":"account-1"}]}'

Each request prints a line. Ctrl-C stops the Worker, and the database stays.

`
}

function settingsOf(neighbour: Neighbour | undefined): string {
  if (neighbour === undefined) return ''
  const settings = stringify({ vars: neighbour.variables }).replaceAll(/^(?=.)/gm, '  ')
  return `\nThe Worker accepts the provider's tokens by these settings:\n\n${settings}`
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
  process.stdout.write(`${logged === undefined ? line : requestLine(logged)}\n`)
}
