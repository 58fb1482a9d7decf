// The tokens of npm run smoke: given by the operator, or asked of the Worker.
import { decodeJwt } from 'jose'
import { badArgument, CommandError } from '../lib/command-line.ts'
import { reasonOf, redirectionOf } from '../lib/responses.ts'

interface GivenTokens {
  access?: string | undefined
  account?: string | undefined
  server?: string | undefined
  clientId?: string | undefined
  clientSecret?: string | undefined
  /** The account of the account token, if no account_id names it there. */
  accountId?: string | undefined
}

/** The tokens that cases use, named after the options. */
export interface SmokeTokens {
  /** A shopper's, together with the account token. */
  access: string | undefined
  /** Whether the access token needs an account token beside it. */
  implicit: boolean
  account: string | undefined
  /** The account of the account token. */
  accountId: string
  server: string | undefined
}

/**
 * Asks the token route for the tokens that were not given, if a client id was.
 *
 * @throws CommandError if a token is malformed, or the client gets none
 */
export async function smokeTokens(url: string, given: GivenTokens): Promise<SmokeTokens> {
  const { account, clientId, clientSecret } = given
  if (clientId === undefined && clientSecret !== undefined) {
    throw badArgument('--client-secret needs --client-id beside it')
  }
  const accountRule = '--account-token must be a JWT with an account_id'
  const accountId = given.accountId ?? (account ? claimOf(account, 'account_id', accountRule) : '')
  const client = { client_id: clientId ?? '' }
  const secret = { ...client, client_secret: clientSecret ?? '' }
  const server = given.server ?? (clientSecret && (await ask(url, 'client_credentials', secret)))
  const access = given.access ?? (clientId ? await ask(url, 'implicit', client) : server)
  const accessRule = '--access-token must be a JWT'
  const implicit = access ? claimOf(access, 'grant_type', accessRule) === 'implicit' : false
  return { access, implicit, account, accountId, server }
}

async function ask(
  url: string,
  grant_type: string,
  client: Record<string, string>,
): Promise<string> {
  const address = `${url}/oauth/access_token`
  const body = new URLSearchParams({ grant_type, ...client })
  const init = { method: 'POST', body, redirect: 'manual' } as const
  const response = await fetch(address, init).catch((error: unknown) => {
    throw new CommandError(`${url} cannot be reached: ${reasonOf(error)}`)
  })
  const redirection = redirectionOf(response, address)
  if (redirection !== undefined) throw new CommandError(`${address} ${redirection}`)
  const { access_token: token } = Object(await response.json().catch(() => undefined))
  if (response.status === 200 && typeof token === 'string') return token
  throw new CommandError(
    `${address} gives no ${grant_type} token to this client: status ${response.status}`,
  )
}

/** @throws CommandError saying what the option must be, if the token is no JWT with this claim */
function claimOf(token: string, claim: string, rule: string): string {
  try {
    const { [claim]: value } = decodeJwt(token)
    if (typeof value === 'string') return value
  } catch {
    // No JWT has no claims either.
  }
  throw badArgument(rule)
}
