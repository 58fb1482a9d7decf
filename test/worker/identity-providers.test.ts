// Account tokens as providers issue them, with the settings of a store for each (contract, section 1a).

import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { expectErrors } from './expected.ts'
import fixtures from './identity-providers.json'
import { loggedReasons } from './logs.ts'
import { accounts, accountsOf, type Changes, sendJsonWith, uniqueId } from './requests.ts'
import { rowsOf } from './rows.ts'
import { Issuer } from './stubs.ts'
import { type Claims, newKeyOf, now, publicHalf, server, sign } from './tokens.ts'

const row = v.object({
  id: v.string(),
  provider: v.string(),
  key: v.optional(v.object({ alg: v.string() })),
  jwks_omits: v.optional(v.array(v.string()), []),
  local: v.optional(v.boolean(), false),
  header: v.optional(v.record(v.string(), v.unknown()), {}),
  claims: v.optional(v.record(v.string(), v.unknown()), {}),
  raw: v.optional(v.string()),
  settings: v.looseObject({ issuer: v.string(), audience: v.optional(v.string()) }),
  expect: v.string(),
})
type Row = v.InferOutput<typeof row>

const rows = v.parse(v.array(row), fixtures.fixtures)
const JWKS_URL = 'https://identity.example/keys'
const TIMES = ['iat', 'exp', 'nbf', 'auth_time']

/** Turns the times of the claims, which rows give as seconds from now, into real times. */
function timed(claims: Claims): Claims {
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      TIMES.includes(name) && typeof value === 'number' ? now() + value : value,
    ]),
  )
}

/** Signs the token of a row, and makes the settings of a store with this provider. */
async function shopOf({ key, jwks_omits, local, header, claims, raw, settings }: Row) {
  const { issuer, ...table } = settings
  const pair = await newKeyOf(key?.alg ?? 'RS256')
  const published: Record<string, unknown> = { ...publicHalf(pair), kid: 'k' }
  for (const member of jwks_omits) delete published[member]
  const changes: Changes = {
    ACCOUNT_ISSUER: issuer,
    ...('typ' in table && { ACCOUNT_TOKENS: table }),
  }
  if (local) changes.ACCOUNT_JWKS = JSON.stringify({ keys: [published] })
  else {
    changes.ACCOUNT_JWKS_URL = JWKS_URL
    new Issuer().keys = [published]
  }
  return { changes, token: raw ?? (await sign({ header, payload: timed(claims), key: pair })) }
}

/** Finds the account in the claims, as the settings of the row say. */
function accountOf({ claims, settings }: Row): string {
  const way = [settings['account_claim'] ?? 'account_id'].flat()
  return String(way.reduce<unknown>((found, name) => Object(found)[String(name)], claims))
}

async function associate(row: Row): Promise<{ response: Response; cart: string }> {
  const { changes, token } = await shopOf(row)
  const cart = uniqueId('cart')
  const headers = {
    ...(await server('demo', { grant_type: 'implicit' })),
    'EP-Account-Management-Authentication-Token': token,
  }
  const body = accounts(accountOf(row))
  return { response: await sendJsonWith(changes, 'POST', accountsOf(cart), headers, body), cart }
}

const accepted = rows.filter(({ expect: outcome }) => outcome === 'accept')
const refused = rows.filter(({ expect: outcome }) => outcome.startsWith('refuse:'))
const misset = rows.filter(({ expect: outcome }) => outcome === 'settings-error')

describe('a token that a provider really issues', () => {
  it.each(accepted)('associates the account that it names: $id', async (each) => {
    const { response, cart } = await associate(each)

    expect(response.status).toBe(200)
    expect(await rowsOf(cart)).toMatchObject([{ account_id: accountOf(each) }])
  })

  it.each(refused)('is refused if it is not for this API: $id', async (each) => {
    const { response } = await associate(each)

    await expectErrors(response, 403, {
      title: 'Unable to validate account management authentication token',
    })
    expect(loggedReasons()).toEqual([each.expect.replace('refuse:', 'TokenRefused: ')])
  })

  it.each(misset)('needs settings that make sense: $id', async (each) => {
    const { response } = await associate(each)

    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      errors: [{ detail: expect.stringMatching(/^ACCOUNT_(TOKENS|ISSUER) /) }],
    })
  })
})
