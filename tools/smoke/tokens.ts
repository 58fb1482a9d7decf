// The tokens of npm run smoke: given by the operator, or asked of the Worker.
import { decodeJwt } from 'jose'
import { badArgument, CommandError } from '../lib/command-line.ts'
import { reasonOf, redirectionOf } from '../lib/responses.ts'

/** The tokens that cases use. */
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
 * Takes the tokens from an environment, and asks the token route for other ones if there is a client id.
 *
 * @throws CommandError if a token is malformed, or the client gets none
 */
export async function smokeTokens(url: string, env: NodeJS.ProcessEnv): Promise<SmokeTokens> {
  const given = (name: string) => env[`SMOKE_${name}`]?.trim() || undefined
  const account = given('ACCOUNT_TOKEN')
  const client_id = given('CLIENT_ID') ?? ''
  const client_secret = given('CLIENT_SECRET')
  if (client_secret !== undefined && client_id === '') {
    throw badArgument('SMOKE_CLIENT_SECRET needs SMOKE_CLIENT_ID beside it')
  }
  const accountId =
    given('ACCOUNT') ?? (account ? claimOf('SMOKE_ACCOUNT_TOKEN', account, 'account_id') : '')
  const server =
    given('SERVER_TOKEN') ??
    (client_secret && (await ask(url, 'client_credentials', { client_id, client_secret })))
  const access =
    given('ACCESS_TOKEN') ?? (client_id ? await ask(url, 'implicit', { client_id }) : server)
  const grant = access && claimOf('SMOKE_ACCESS_TOKEN', access, 'grant_type')
  return { access, implicit: grant === 'implicit', account, accountId, server }
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

/** @throws CommandError naming the variable whose token is no JWT with this claim */
function claimOf(variable: string, token: string, claim: string): string {
  try {
    const { [claim]: value } = decodeJwt(token)
    if (typeof value === 'string') return value
  } catch {
    // No JWT has no claims either.
  }
  throw badArgument(`${variable} must be a JWT with ${claim}`)
}
