// The senders of hostile requests, by name: callers that are let in, and strangers that are not.
import { accessParts, accountParts, type Claims, newSigningKey, now, sign } from './tokens.ts'

export type Callers = Record<string, Record<string, string>>

/** The algorithm that verifies fastest. */
const FAST = 'HS256'

const bearer = async (claims: Claims = {}, alg = FAST): Promise<Record<string, string>> => ({
  Authorization: `Bearer ${await sign(accessParts(claims, alg))}`,
})

const accountToken = async (claims: Claims): Promise<Record<string, string>> => ({
  'EP-Account-Management-Authentication-Token': await sign(accountParts(claims, FAST)),
})

const IMPLICIT = { grant_type: 'implicit' }

/** Servers, and a shopper of each account. */
export async function goodCallers(accountIds: readonly string[]): Promise<Callers> {
  const shoppers = accountIds.map(
    async (id): Promise<[string, Record<string, string>]> => [
      `shopper of ${id}`,
      { ...(await bearer(IMPLICIT)), ...(await accountToken({ account_id: id })) },
    ],
  )
  return {
    server: await bearer(),
    'server by ES256': await bearer({}, 'ES256'),
    'server by RS256': await bearer({}, 'RS256'),
    'server by EdDSA': await bearer({}, 'EdDSA'),
    ...Object.fromEntries(await Promise.all(shoppers)),
  }
}

/** Callers that are refused, whatever they ask for. */
export async function strangers(): Promise<Callers> {
  const server = await bearer()
  const forged = await sign({ ...accessParts(), key: await newSigningKey('test-ES256') })
  const account = await sign(accountParts({}, FAST))
  return {
    nobody: {},
    'implicit alone': await bearer(IMPLICIT),
    forged: { Authorization: `Bearer ${forged}` },
    expired: await bearer({ iat: now() - 7200, exp: now() - 3600 }),
    'account token for access token': { Authorization: `Bearer ${account}` },
    'account token of another store': { ...server, ...(await accountToken({ store_id: 'other' })) },
    'account of an unsafe id': {
      ...server,
      ...(await accountToken({ account_id: '__proto__.x' })),
    },
    'store of an unsafe id': await bearer({ store_id: '\u0000' }),
  }
}
