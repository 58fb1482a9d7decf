// npx cart-accounts token: prints one token that the local Worker accepts, or explains why one is refused.
import path from 'node:path'
import { badArgument, command, named, parseOptions, safeId, subject } from '../lib/command-line.ts'
import { projectRoot } from '../lib/directories.ts'
import { localSettings } from './local-settings.ts'
import { mintAccessToken, mintAccountToken } from './mint.ts'

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

const options = {
  store: { type: 'string', default: 'demo' },
  'expires-in': { type: 'string', default: '1h' },
  'dev-vars': { type: 'string', default: path.join(projectRoot, '.dev.vars') },
} as const

const commands = {
  access,
  account,
  // A moment to load, which the others need not wait for.
  explain: async (args: string[]) => (await import('./explain.ts')).explain(args),
}

export const token = command(HELP, async ([kind, ...args]) => {
  process.stdout.write(await named('Name what to print', commands, kind)(args))
})

async function access(args: string[]): Promise<string> {
  const { values } = parseOptions(args, {
    ...options,
    grant: { type: 'string', default: 'client_credentials' },
    client: { type: 'string', default: 'local' },
  })
  const { grant: grantType } = values
  if (grantType !== 'client_credentials' && grantType !== 'implicit') {
    throw badArgument(
      `--grant must be client_credentials or implicit, not ${JSON.stringify(grantType)}`,
    )
  }
  const request = {
    grantType,
    storeId: safeId('--store', values.store),
    clientId: safeId('--client', values.client),
    expiresInSeconds: seconds(values['expires-in']),
  } as const
  return `${await mintAccessToken(await localSettings(values['dev-vars']), request)}\n`
}

async function account(args: string[]): Promise<string> {
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
  return `${await mintAccountToken(await localSettings(values['dev-vars']), request)}\n`
}

function seconds(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const value = Number(count) * (SECONDS[unit] ?? 0)
  if (value > 0 && value <= MAX_LIFETIME_SECONDS) return value
  throw badArgument(
    `--expires-in must be a time like 90s, 15m, 1h or 30d (at most), not ${JSON.stringify(text)}`,
  )
}
