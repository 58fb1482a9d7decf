// npm start: makes what is missing, serves the Worker and the playground, and prints requests to paste.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'smol-toml'
import { badArgument, command, styled, variablesOf } from '../lib/command-line.ts'
import { DEFAULT_PORT, portOf, requireFreePort } from '../lib/ports.ts'
import { stopAll, stopAllAtTheEnd } from '../lib/processes.ts'
import { projectRoot } from '../lib/project-root.ts'
import { temporaryDirectory } from '../lib/temporary-directory.ts'
import { startWorker } from '../lib/wrangler.ts'
import { demoKey, type NewKey, prepareLocalDatabases } from '../tokens/application-keys.ts'
import { type LocalSettings, localSettings } from '../tokens/local-settings.ts'
import { mintAccessToken, mintAccountToken } from '../tokens/mint.ts'
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
const EXPIRES_IN_SECONDS = 60 * 60
const OWN_OPTIONS = ['env-file', 'var', 'provider']

export const start = command(HELP, async (args) => {
  const { values: options, tokens } = parse(args)
  const port = portOf(options.port)
  const directory = textOf(options['persist-to'], '--persist-to must name a directory')
  const choice = directory === undefined ? {} : { 'persist-to': directory }
  const noFile = '--env-file must name a file, which stands for .dev.vars'
  const devVars = textOf(options['env-file'], noFile) ?? '.dev.vars'
  const given = variablesOf(options.var)
  const url = urlOf(port, options.ip, options['local-protocol'])
  stopAllAtTheEnd()
  await requireFreePort(port)
  const own = await localSettings(devVars)
  const key = demoKey(own)
  const neighbour = options.provider === true ? await startNeighbour(own, key, url) : undefined
  // Nobody signs for the provider here, so the playground and the requests go without account tokens.
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
  try {
    const { ended } = await startWorker({
      url,
      args: [
        ...playground,
        ...(options.port === undefined ? ['--port', DEFAULT_PORT] : []),
        ...(directory === undefined ? ['--persist-to', DEFAULT_STATE] : []),
        ...argsForWrangler(args, tokens),
      ],
      print: (text) => process.stdout.write(text),
      prepare: () => prepareLocalDatabases(choice, key),
    })
    process.stdout.write(pagesAt(url, neighbour) + (await requestsToPaste(settings, key, url)))
    process.exitCode = await ended
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

async function requestsToPaste(settings: LocalSettings, key: NewKey, url: string): Promise<string> {
  const accountId = crypto.randomUUID()
  const common = { storeId: 'demo', expiresInSeconds: EXPIRES_IN_SECONDS }
  const client = { ...common, clientId: 'storefront' }
  const implicit = await mintAccessToken(settings, { ...client, grantType: 'implicit' })
  const server = await mintAccessToken(settings, { ...client, grantType: 'client_credentials' })
  const curl = (accessToken: string, ...accountTokens: string[]) =>
    [
      `curl -i ${url}/v2/carts/${crypto.randomUUID()}/relationships/accounts`,
      `-H 'Authorization: Bearer ${accessToken}'`,
      ...accountTokens.map((token) => `-H 'EP-Account-Management-Authentication-Token: ${token}'`),
      "-H 'Content-Type: application/json'",
      `-d '{"data":[{"type":"account","id":"${accountId}"}]}'`,
    ].join(' \\\n  ')
  const sections = [
    ['As a server, for any account of the store: 200, and 204 when pasted again', curl(server)],
    ['Refused with 403: an implicit token needs an account token beside it', curl(implicit)],
    [
      `An access token, by the application key ${key.clientId} of the store ${key.storeId}: 200`,
      [
        `curl ${url}/oauth/access_token`,
        '-d grant_type=client_credentials',
        `-d client_id=${key.clientId}`,
        `-d client_secret=${key.clientSecret}`,
      ].join(' \\\n  '),
    ],
  ]
  // If account tokens come from an issuer of their own, nobody can sign for it here.
  if (settings.accountIssuer !== undefined) {
    const account = await mintAccountToken(settings, { ...common, accountId, memberId: 'member' })
    const title = 'As a shopper, for its own account: 200, and 204 when pasted again'
    sections.unshift([title, curl(implicit, account)])
  }
  const texts = sections.map(([title, text]) => `${styled('bold', `# ${title}`)}\n${text}\n`)
  const last =
    'The tokens are good for an hour; npx cart-accounts token --help shows how to make others.'
  return ['', ...texts, last, '', ''].join('\n')
}

function pagesAt(url: string, neighbour: Neighbour | undefined): string {
  const lines = [
    '',
    `${styled('bold', 'Playground')}  ${url}/`,
    `${styled('bold', 'Reference')}   ${url}/docs`,
  ]
  if (neighbour !== undefined) {
    lines.push(`${styled('bold', 'Sign in')}     ${neighbour.issuer}/`, '')
    lines.push('The Worker accepts its tokens by these settings:', '')
    lines.push(stringify({ vars: neighbour.variables }).replaceAll(/^(?=.)/gm, '  '))
  }
  return `${lines.join('\n')}\n`
}
