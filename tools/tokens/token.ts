// npm run token: prints one token that the local Worker accepts.
import { badArgument, parseOptions, run, safeId } from '../lib/command-line.ts'
import { type LocalSettings, localSettings } from './local-settings.ts'
import { type AccessTokenRequest, mintAccessToken, mintAccountToken } from './mint.ts'

const HELP = `Prints one token that the local Worker accepts, signed with the key in .dev.vars.

  npm run -s token -- access [--grant client_credentials|implicit] [--store demo] [--client local] [--expires-in 1h]
  npm run -s token -- account --account <id> [--store demo] [--member local] [--expires-in 1h]

A time is a whole number and s, m, h or d, 30d at most. Without -s, npm prints the command before the token.

Examples

  npm run -s token -- access --grant client_credentials --store demo
  npm run -s token -- access --grant implicit --store demo --expires-in 15m
  npm run -s token -- account --account b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe --store demo
`

const MAX_LIFETIME_SECONDS = 30 * 24 * 60 * 60
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 60 * 60, d: 24 * 60 * 60 }

type Mint = (settings: LocalSettings) => Promise<string>

await run(async () => {
  const [kind, ...args] = process.argv.slice(2)
  if (kind === '--help' || kind === '-h' || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return
  }
  const mint = parseKind(kind, args)
  process.stdout.write(`${await mint(await localSettings('.dev.vars'))}\n`)
})

function parseKind(kind: string | undefined, args: string[]): Mint {
  if (kind === 'access') return parseAccess(args)
  if (kind === 'account') return parseAccount(args)
  if (kind === undefined) throw badArgument('Name the kind of token: access or account')
  throw badArgument(`The kind of token must be access or account, not ${JSON.stringify(kind)}`)
}

function parseAccess(args: string[]): Mint {
  const { values: options } = parseOptions(args, {
    grant: { type: 'string', default: 'client_credentials' },
    store: { type: 'string', default: 'demo' },
    client: { type: 'string', default: 'local' },
    'expires-in': { type: 'string', default: '1h' },
  })
  const request = {
    grantType: grantType(options.grant),
    storeId: safeId('--store', options.store),
    clientId: safeId('--client', options.client),
    expiresInSeconds: seconds(options['expires-in']),
  }
  return (settings) => mintAccessToken(settings, request)
}

function parseAccount(args: string[]): Mint {
  const { values: options } = parseOptions(args, {
    account: { type: 'string' },
    store: { type: 'string', default: 'demo' },
    member: { type: 'string', default: 'local' },
    'expires-in': { type: 'string', default: '1h' },
  })
  if (options.account === undefined) {
    throw badArgument('--account must name the account that the token speaks for')
  }
  const request = {
    accountId: safeId('--account', options.account),
    storeId: safeId('--store', options.store),
    memberId: safeId('--member', options.member),
    expiresInSeconds: seconds(options['expires-in']),
  }
  return (settings) => mintAccountToken(settings, request)
}

function grantType(text: string): AccessTokenRequest['grantType'] {
  if (text === 'client_credentials' || text === 'implicit') return text
  throw badArgument(`--grant must be client_credentials or implicit, not ${JSON.stringify(text)}`)
}

function seconds(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const value = Number(count) * (SECONDS[unit] ?? 0)
  if (value > 0 && value <= MAX_LIFETIME_SECONDS) return value
  throw badArgument(
    `--expires-in must be a time like 90s, 15m, 1h or 30d (at most), not ${JSON.stringify(text)}`,
  )
}
