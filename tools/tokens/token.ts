// npx cart-accounts token: prints one token that the local Worker accepts, or explains why one is refused.
import path from 'node:path'
import { badArgument, parseOptions, safeId, subject } from '../lib/command-line.ts'
import { projectRoot } from '../lib/project-root.ts'
import { type LocalSettings, localSettings } from './local-settings.ts'
import { type AccessTokenRequest, mintAccessToken, mintAccountToken } from './mint.ts'

const HELP = `Prints one token that the local Worker accepts, signed with the key in .dev.vars; or explains one.

  npx cart-accounts token access [--grant client_credentials|implicit] [--store demo] [--client local] [--expires-in 1h]
  npx cart-accounts token account --account <id> [--store demo] [--member local] [--expires-in 1h]
  npx cart-accounts token explain <jwt or -> [--env <name>] [--store <id>] [--config <wrangler.toml>]

explain holds an account token to the settings of wrangler.toml and .dev.vars, as wrangler dev reads them: one line for each
rule, what was expected and found, and what to change. It fetches public keys, and neither prints nor sends the token.
--store names the store of the access token that is sent beside it.

A time is a whole number and s, m, h or d, 30d at most. --dev-vars names a file that stands for .dev.vars.

Examples

  npx cart-accounts token access --grant client_credentials --store demo
  npx cart-accounts token access --grant implicit --store demo --expires-in 15m
  npx cart-accounts token account --account b3f2b6de-8fd4-4cdf-a9d9-c5f7cecccdfe --store demo
  npx cart-accounts token explain - --env production < token.txt
`

const MAX_LIFETIME_SECONDS = 30 * 24 * 60 * 60
const SECONDS: Record<string, number> = { s: 1, m: 60, h: 60 * 60, d: 24 * 60 * 60 }

/** What both kinds of token have. */
const options = {
  store: { type: 'string', default: 'demo' },
  'expires-in': { type: 'string', default: '1h' },
  'dev-vars': { type: 'string', default: path.join(projectRoot, '.dev.vars') },
} as const

interface Asked {
  mint: (settings: LocalSettings) => Promise<string>
  devVars: string
}

export async function token([kind, ...args]: string[]): Promise<void> {
  if (kind === '--help' || kind === '-h' || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return
  }
  if (kind === 'explain') {
    const { explain } = await import('./explain.ts')
    await explain(args)
    return
  }
  const { mint, devVars } = parseKind(kind, args)
  process.stdout.write(`${await mint(await localSettings(devVars))}\n`)
}

function parseKind(kind: string | undefined, args: string[]): Asked {
  if (kind === 'access') return parseAccess(args)
  if (kind === 'account') return parseAccount(args)
  if (kind === undefined) throw badArgument('Name the kind of token: access or account')
  throw badArgument(`The kind of token must be access or account, not ${JSON.stringify(kind)}`)
}

function parseAccess(args: string[]): Asked {
  const { values } = parseOptions(args, {
    ...options,
    grant: { type: 'string', default: 'client_credentials' },
    client: { type: 'string', default: 'local' },
  })
  const request = {
    grantType: grantType(values.grant),
    storeId: safeId('--store', values.store),
    clientId: safeId('--client', values.client),
    expiresInSeconds: seconds(values['expires-in']),
  }
  return { mint: (settings) => mintAccessToken(settings, request), devVars: values['dev-vars'] }
}

function parseAccount(args: string[]): Asked {
  const { values } = parseOptions(args, {
    ...options,
    account: { type: 'string' },
    member: { type: 'string', default: 'local' },
  })
  if (values.account === undefined) {
    throw badArgument('--account must name the account that the token speaks for')
  }
  const request = {
    accountId: safeId('--account', values.account),
    storeId: safeId('--store', values.store),
    memberId: subject('--member', values.member),
    expiresInSeconds: seconds(values['expires-in']),
  }
  return { mint: (settings) => mintAccountToken(settings, request), devVars: values['dev-vars'] }
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
