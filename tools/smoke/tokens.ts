// The tokens of npm run smoke: given by the operator, or asked of the Worker.
import { decodeJwt } from 'jose'
import * as v from 'valibot'
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

const tokenAnswer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ access_token: v.pipe(v.string(), v.nonEmpty()) }),
)
const accountClaims = v.object({ account_id: v.string() })

/**
 * Asks the token route for the tokens that were not given, if a client id was.
 *
 * @throws CommandError if a token is malformed, or the client gets none
 */
export async function smokeTokens(url: string, given: GivenTokens): Promise<SmokeTokens> {
  const { clientId, clientSecret } = given
  if (clientId === undefined && clientSecret !== undefined) {
    throw badArgument('--client-secret needs --client-id beside it')
  }
  const accountId = given.accountId ?? (given.account ? accountIdOf(given.account) : '')
  const form = { client_id: clientId ?? '', client_secret: clientSecret ?? '' }
  const server =
    given.server ??
    (clientSecret && (await ask(url, { grant_type: 'client_credentials', ...form })))
  const implicitForm = { grant_type: 'implicit', client_id: form.client_id }
  const access = given.access ?? (clientId === undefined ? server : await ask(url, implicitForm))
  const implicit = access !== undefined && claimOf(access, 'grant_type') === 'implicit'
  return { access, implicit, account: given.account, accountId, server }
}

async function ask(url: string, form: Record<string, string>): Promise<string> {
  const body = new URLSearchParams(form)
  const address = `${url}/oauth/access_token`
  const response = await fetch(address, { method: 'POST', body, redirect: 'manual' }).catch(
    (error: unknown) => {
      throw new CommandError(`${url} cannot be reached: ${reasonOf(error)}`)
    },
  )
  const redirection = redirectionOf(response, address)
  if (redirection !== undefined) throw new CommandError(`${address} ${redirection}`)
  const told = v.safeParse(tokenAnswer, await response.text())
  if (response.status === 200 && told.success) return told.output.access_token
  throw new CommandError(
    `${address} gives no ${form['grant_type']} token to this client: status ${response.status}`,
  )
}

function accountIdOf(token: string): string {
  try {
    return v.parse(accountClaims, decodeJwt(token)).account_id
  } catch {
    throw badArgument('--account-token must be a JWT with an account_id')
  }
}

function claimOf(token: string, name: string): unknown {
  try {
    return decodeJwt(token)[name]
  } catch {
    throw badArgument('--access-token must be a JWT')
  }
}
